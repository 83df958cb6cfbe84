//! Reactions to messages.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use super::render;
use crate::api::auth::Person;
use crate::api::error::Failure;
use crate::api::rendered::Rendered;
use crate::api::schema::{Message, OwnReactionList, ReactionPage};
use crate::api::{Services, Tag};
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::{Error, page};
use crate::payload::MessageJson;

/// The operations.
pub struct ReactionsApi(pub Services);

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl ReactionsApi {
    /// List reactions
    ///
    /// Who has reacted to a message, by key and Matrix user. Of a confidential channel, and to what
    /// is deleted, there are none.
    #[oai(
        path = "/:channel_id/messages/:message_id/reactions",
        method = "get",
        operation_id = "listReactions"
    )]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ReactionPage>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let limit = page::limit(limit.0)?;
        let messages = &self.0.messages;
        let cursor = cursor.0.as_deref();
        let page = messages.reactions(&person.0, channel, id, cursor, limit);
        Ok(Json(page.await?.into()))
    }

    /// React to a message
    ///
    /// To have reacted so already is fine. In a public channel a person who is no member joins
    /// first. Answers the message as it is then. 403 when the channel is archived or encrypted, 409
    /// when the message is deleted, or was said before the channel's Matrix room was replaced.
    #[oai(
        path = "/:channel_id/messages/:message_id/reactions/:emoji",
        method = "put",
        operation_id = "addReaction"
    )]
    async fn add(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// An emoji, or any text of 1 to 255 bytes.
        emoji: Path<String>,
    ) -> Result<Rendered<Message>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let messages = &self.0.messages;
        let message = messages.react(&person.0, channel, id, &emoji.0).await?;
        Ok(Rendered::new(render(&MessageJson::from(&message))?))
    }

    /// Take a reaction back
    ///
    /// The caller's own; to have none is fine. Answers the message as it is then.
    #[oai(
        path = "/:channel_id/messages/:message_id/reactions/:emoji",
        method = "delete",
        operation_id = "removeReaction"
    )]
    async fn remove(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// As it was given.
        emoji: Path<String>,
    ) -> Result<Rendered<Message>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let messages = &self.0.messages;
        let message = messages.unreact(&person.0, channel, id, &emoji.0).await?;
        Ok(Rendered::new(render(&MessageJson::from(&message))?))
    }

    /// List one's own reactions
    ///
    /// How the caller has reacted to each of these messages; those to which not at all are left
    /// out. What lists of messages tell of reactions is the same for everybody.
    #[oai(
        path = "/:channel_id/reactions/own",
        method = "get",
        operation_id = "listOwnReactions"
    )]
    async fn own(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// Ids of messages of this channel, at most 200, with commas between them.
        message_ids: Query<String>,
    ) -> Result<Json<OwnReactionList>, Failure> {
        let channel = ChannelId(channel_id.0);
        let ids = message_ids.0.split(',').map(MessageId::parse);
        let ids: Option<Vec<_>> = ids.collect();
        let expected = "must be UUIDs with commas between them";
        let ids = ids.ok_or_else(|| Error::invalid("message_ids", expected))?;
        let messages = &self.0.messages;
        let own = messages.own_reactions(&person.0, channel, &ids).await?;
        Ok(Json(own.into()))
    }
}
