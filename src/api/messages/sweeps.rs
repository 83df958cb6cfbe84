//! Deleting all that somebody has said.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::api::auth::Person;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::schema::{MessageSweep, NewMessageSweep};
use crate::api::{Services, Tag};
use crate::domain::id::ChannelId;

/// The operations.
pub struct SweepsApi(pub Services);

/// It was begun.
#[derive(ApiResponse)]
pub enum BegunSweep {
    /// The job as it begins; with one message or none it has ended already. `GET` of the same
    /// address tells how it goes on.
    #[oai(status = 202)]
    Accepted(Json<MessageSweep>),
}

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl SweepsApi {
    /// Delete all messages of one sender
    ///
    /// Redacts in Matrix what somebody has said in the channel, the oldest first. Goes on by itself,
    /// whether anybody looks or not, while daarion runs; begun again it takes what is left. 403
    /// unless the caller is the sender or may redact in the Matrix room; 409 while messages are
    /// being deleted so in the channel.
    #[oai(
        path = "/:channel_id/messages/delete",
        method = "post",
        operation_id = "deleteMessagesOfSender"
    )]
    async fn begin(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        body: Body<NewMessageSweep>,
    ) -> Result<BegunSweep, Failure> {
        let channel = ChannelId(channel_id.0);
        let NewMessageSweep {
            sender,
            since,
            reason,
        } = body.0;
        let since = since.map(|since| since.0);
        let messages = &self.0.messages;
        let begun = messages.begin_sweep(&person.0, channel, &sender, since, reason);
        Ok(BegunSweep::Accepted(Json(begun.await?.into())))
    }

    /// See how the deletion goes
    ///
    /// The latest one of the channel, when the caller has begun it; 404 when there is none, when somebody
    /// else has begun another since, and when it is forgotten: at the next start of daarion, or when many
    /// others have ended since.
    #[oai(
        path = "/:channel_id/messages/delete",
        method = "get",
        operation_id = "getMessageDeletion"
    )]
    async fn get(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<MessageSweep>, Failure> {
        let channel = ChannelId(channel_id.0);
        let sweep = self.0.messages.sweep_of(&person.0, channel).await?;
        Ok(Json(sweep.into()))
    }
}
