//! Messages that are pinned.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;

use super::Done;
use super::rendering::{listed, render_page};
use crate::api::auth::Person;
use crate::api::error::Failure;
use crate::api::rendered::Rendered;
use crate::api::schema::{ContentDetail, MessagePage};
use crate::api::{Services, Tag};
use crate::domain::id::{ChannelId, MessageId};

/// The operations.
pub struct PinsApi(pub Services);

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl PinsApi {
    /// List pinned messages
    ///
    /// All of them, in the order of the Matrix room: the latest pin is the last one.
    #[oai(path = "/:channel_id/pins", method = "get", operation_id = "listPins")]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `preview` when absent.
        content: Query<Option<ContentDetail>>,
    ) -> Result<Rendered<MessagePage>, Failure> {
        let channel = ChannelId(channel_id.0);
        let messages = &self.0.messages;
        let pinned = messages.pinned(&person.0, channel).await?;
        let detail = content.0.unwrap_or_default();
        let items = listed(messages, channel, pinned, detail).await?;
        Ok(Rendered::new(render_page(&items, None)))
    }

    /// Pin a message
    ///
    /// One that is pinned already stays where it is. 403 unless the caller may set the pins of the
    /// Matrix room (power level 50, unless the room says otherwise), or when the channel is
    /// archived; 409 when the message is deleted, or 100 are pinned.
    #[oai(
        path = "/:channel_id/pins/:message_id",
        method = "put",
        operation_id = "pinMessage"
    )]
    async fn pin(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
    ) -> Result<Done, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        self.0.messages.pin(&person.0, channel, id).await?;
        Ok(Done::Done)
    }

    /// Unpin a message
    ///
    /// One that is not pinned is fine. 403 as for pinning; 404 when it is neither pinned nor known.
    #[oai(
        path = "/:channel_id/pins/:message_id",
        method = "delete",
        operation_id = "unpinMessage"
    )]
    async fn unpin(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
    ) -> Result<Done, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        self.0.messages.unpin(&person.0, channel, id).await?;
        Ok(Done::Done)
    }
}
