//! Messages that are to be sent at a later time (`/api/messaging/channels/{id}/scheduled`).

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::Done;
use crate::api::auth::Person;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::rendered::Rendered;
use crate::api::schema::{NewScheduled, Scheduled, ScheduledChange, ScheduledList};
use crate::api::{Services, Tag};
use crate::domain::id::ChannelId;

/// The operations.
pub struct ScheduledApi(pub Services);

/// A message was scheduled.
#[derive(ApiResponse)]
pub enum CreatedScheduled {
    /// It waits for its time.
    #[oai(status = 201)]
    Created(Rendered<Scheduled>),
}

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl ScheduledApi {
    /// Schedule a message
    ///
    /// It is sent as the caller when its time comes, once, also when daarion was away then: as soon as
    /// it is back. Nobody else sees it before. 403 when the caller could not send it now; whether they
    /// may is asked again then, and what they may not say stays as `failed` for 30 days, also when they
    /// have left since then or were removed. Where they have to wait (slow mode, the channel's limit), it
    /// is sent when they may. Forgotten when the channel becomes encrypted. 409 when the caller has
    /// 100 that are not sent.
    #[oai(
        path = "/:channel_id/scheduled",
        method = "post",
        operation_id = "scheduleMessage"
    )]
    async fn schedule(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewScheduled>,
    ) -> Result<CreatedScheduled, Failure> {
        let (caller, channel, new) = (&person.0, ChannelId(channel_id.0), body.0);
        let once = self.0.once(&caller.entity, "scheduleMessage", key, &new);
        // What will be said is in the answer, and is to be gone when it was cancelled.
        let made = once.at(channel).secret().answer(async |attempt| {
            let (message, at) = (new.message.into(), new.send_at.0);
            let added = self
                .0
                .schedule
                .add(caller, channel, message, at, attempt.id);
            Ok(added.await?.into())
        });
        Ok(CreatedScheduled::Created(made.await?))
    }

    /// List my scheduled messages
    ///
    /// The caller's own in this channel, by time, also when the caller may not speak there any more.
    #[oai(
        path = "/:channel_id/scheduled",
        method = "get",
        operation_id = "listScheduled"
    )]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<ScheduledList>, Failure> {
        let channel = ChannelId(channel_id.0);
        let all = self.0.schedule.list(&person.0, channel).await?;
        Ok(Json(ScheduledList {
            items: all.into_iter().map(Into::into).collect(),
            next: None,
        }))
    }

    /// Get a scheduled message
    ///
    /// 404 when the caller has none of that id in this channel.
    #[oai(
        path = "/:channel_id/scheduled/:scheduled_id",
        method = "get",
        operation_id = "getScheduled"
    )]
    async fn get(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The scheduled message's id.
        scheduled_id: Path<Uuid>,
    ) -> Result<Json<Scheduled>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), scheduled_id.0);
        let found = self.0.schedule.get(&person.0, channel, id).await?;
        Ok(Json(found.into()))
    }

    /// Change a scheduled message
    ///
    /// What is absent stays. One that has failed waits again. 409 when it is sent, or on its way.
    #[oai(
        path = "/:channel_id/scheduled/:scheduled_id",
        method = "patch",
        operation_id = "changeScheduled"
    )]
    async fn change(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The scheduled message's id.
        scheduled_id: Path<Uuid>,
        body: Body<ScheduledChange>,
    ) -> Result<Json<Scheduled>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), scheduled_id.0);
        let schedule = &self.0.schedule;
        let changed = schedule
            .change(&person.0, channel, id, body.0.into())
            .await?;
        Ok(Json(changed.into()))
    }

    /// Cancel a scheduled message
    ///
    /// It is not sent, and gone. 409 when it is sent, or on its way.
    #[oai(
        path = "/:channel_id/scheduled/:scheduled_id",
        method = "delete",
        operation_id = "cancelScheduled"
    )]
    async fn cancel(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The scheduled message's id.
        scheduled_id: Path<Uuid>,
    ) -> Result<Done, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), scheduled_id.0);
        self.0.schedule.cancel(&person.0, channel, id).await?;
        Ok(Done::Done)
    }
}
