//! Files that messages carry.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::api::auth::Person;
use crate::api::error::Failure;
use crate::api::schema::gateway::MediaAddresses;
use crate::api::{Services, Tag};
use crate::domain::id::{ChannelId, MessageId};

/// The operations.
pub struct FilesApi(pub Services);

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl FilesApi {
    /// Get the addresses of a message's file
    ///
    /// For whoever may read the message. The addresses show the file, and small pictures of it, to
    /// whoever has them, for an hour: a browser needs no token for them.
    ///
    /// 404 when there is no such message in this channel, or it carries no file or an encrypted one.
    /// Whether the homeserver still has the file is seen when an address is used.
    #[oai(
        path = "/:channel_id/messages/:message_id/file",
        method = "get",
        operation_id = "getMessageFile"
    )]
    async fn get(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
    ) -> Result<Json<MediaAddresses>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let file = self.0.messages.file(&person.0, channel, id).await?;
        Ok(Json(self.0.media.addresses(&file).into()))
    }
}
