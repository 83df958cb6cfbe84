//! Every channel, and what operators do with it.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::rendered::Rendered;
use crate::api::schema::{
    AdminChannel, AdminChannelPage, AdminChannelPatch, ChannelHeal, ChannelKind, ChannelStatus,
    Heal, NewAdminRoom,
};
use crate::api::{Services, Tag};
use crate::domain::channel;
use crate::domain::id::ChannelId;
use crate::domain::page;
use crate::service::oversight::OverseenFilter;

/// The operations.
pub struct AdminChannelsApi(pub Services);

/// A room was made.
#[derive(ApiResponse)]
pub enum CreatedAdminRoom {
    /// The room, with its Matrix room.
    #[oai(status = 201)]
    Created(Rendered<AdminChannel>),
}

#[OpenApi(prefix_path = "/api/admin", tag = "Tag::Admin")]
impl AdminChannelsApi {
    /// List all channels
    ///
    /// City rooms and channels of microdaos, private ones among them, the oldest first, each
    /// with the state of its adoption: whether its Matrix room has the alias that it should
    /// have. A backfill gives city rooms their aliases back.
    #[oai(path = "/channels", method = "get", operation_id = "listAdminChannels")]
    async fn list(
        &self,
        _operator: Operator,
        /// Only of this kind.
        kind: Query<Option<ChannelKind>>,
        /// Only with this status.
        status: Query<Option<ChannelStatus>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AdminChannelPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let filter = OverseenFilter {
            kind: kind.0.map(Into::into),
            status: status.0.map(Into::into),
        };
        let oversight = &self.0.oversight;
        let page = oversight.list(filter, cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }

    /// Change a channel
    ///
    /// Name, description and, of a city room, whether it is the default one. daarion itself sets
    /// them in Matrix, whatever power people have there. An archived channel is not changed: 409.
    /// 503 when the homeserver is not there.
    #[oai(
        path = "/channels/:channel_id",
        method = "patch",
        operation_id = "updateAdminChannel"
    )]
    async fn patch(
        &self,
        _operator: Operator,
        /// The channel's id.
        channel_id: Path<Uuid>,
        body: Body<AdminChannelPatch>,
    ) -> Result<Json<AdminChannel>, Failure> {
        let id = ChannelId(channel_id.0);
        let changed = self.0.oversight.change(id, body.0.into()).await?;
        Ok(Json(changed.into()))
    }

    /// Archive a channel
    ///
    /// It stays readable here and in Matrix; daarion sends nothing there any more. Archiving an
    /// archived channel changes nothing. 503 when the homeserver is not there.
    #[oai(
        path = "/channels/:channel_id/archive",
        method = "post",
        operation_id = "archiveChannel"
    )]
    async fn archive(
        &self,
        _operator: Operator,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<AdminChannel>, Failure> {
        self.set_status(channel_id.0, channel::ChannelStatus::Archived)
            .await
    }

    /// Take an archived channel back into use
    ///
    /// 503 when the homeserver is not there.
    #[oai(
        path = "/channels/:channel_id/unarchive",
        method = "post",
        operation_id = "unarchiveChannel"
    )]
    async fn unarchive(
        &self,
        _operator: Operator,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<AdminChannel>, Failure> {
        self.set_status(channel_id.0, channel::ChannelStatus::Active)
            .await
    }

    /// Heal a channel
    ///
    /// Walks its history on the homeserver and takes in what is missing here. 503 when the
    /// homeserver is not there; what was healed until then stays.
    #[oai(
        path = "/channels/:channel_id/heal",
        method = "post",
        operation_id = "healChannel"
    )]
    async fn heal_channel(
        &self,
        _operator: Operator,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<ChannelHeal>, Failure> {
        let id = ChannelId(channel_id.0);
        let report = self.0.oversight.heal_channel(id).await?;
        Ok(Json(report.into()))
    }

    /// Heal all channels
    ///
    /// As `daarion heal`: also finds channels that were never announced. Answers when all is
    /// walked, which takes minutes for long histories; it goes on when the caller goes away. A
    /// channel that could not be walked to its end says why. 503 when the homeserver is not
    /// there.
    #[oai(path = "/heal", method = "post", operation_id = "healAll")]
    async fn heal(&self, _operator: Operator) -> Result<Json<Heal>, Failure> {
        Ok(Json(self.0.oversight.heal().await?.into()))
    }

    /// Create a city room that belongs to nobody
    ///
    /// Makes the Matrix room `#city_<slug>:<server>`; only daarion itself has power there, and
    /// so operators by it. 409 when the slug is taken; 503 when the homeserver is not there.
    #[oai(path = "/rooms", method = "post", operation_id = "createAdminRoom")]
    async fn create_room(
        &self,
        operator: Operator,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewAdminRoom>,
    ) -> Result<CreatedAdminRoom, Failure> {
        let (caller, new) = (operator.0.name(), body.0);
        let once = self.0.once(caller, "createAdminRoom", key, &new);
        let made = once.answer(async |attempt| {
            let room = self.0.oversight.create_room(new.into(), attempt.id.into());
            Ok(room.await?.into())
        });
        Ok(CreatedAdminRoom::Created(made.await?))
    }
}

impl AdminChannelsApi {
    async fn set_status(
        &self,
        id: Uuid,
        status: channel::ChannelStatus,
    ) -> Result<Json<AdminChannel>, Failure> {
        let channel = self.0.oversight.set_status(ChannelId(id), status).await?;
        Ok(Json(channel.into()))
    }
}
