//! What agents do in channels, asked for by services that may act as them, or by themselves.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::api::auth::ForAgent;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::messages::{Done, SentMessage, render};
use crate::api::once::IdempotencyKey;
use crate::api::rendered::Rendered;
use crate::api::schema::{AgentContext, AgentPost, EditedMessage, Message};
use crate::api::{Services, Tag};
use crate::domain::access::Caller;
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::key::KeyScope;
use crate::domain::{Error, message};
use crate::payload::MessageJson;
use crate::service::agents::ContextQuery;
use crate::service::messages;

/// How much of a channel is remembered when nobody says it.
const MESSAGES: u32 = 50;
const CHARS: u32 = 16_000;

/// The operations.
pub struct DoingApi(pub Services);

impl DoingApi {
    /// The agent, as it speaks in a channel.
    fn speaker(&self, door: &ForAgent, id: &str, channel: ChannelId) -> Result<Caller, Error> {
        let (agents, scope) = (&self.0.agents, KeyScope::MessagesSend);
        door.0.enter(agents, id, scope, Some(channel))
    }
}

fn rendered(message: &message::Message) -> Result<Rendered<Message>, Error> {
    Ok(Rendered::new(render(&MessageJson::from(message))?))
}

#[OpenApi(prefix_path = "/internal/agents", tag = "Tag::Agents")]
impl DoingApi {
    /// Post to a channel as an agent
    ///
    /// Sent as `m.notice`, indexed with `sender_type` `agent`. For services that may act as the
    /// agent, and for its own token with `messages:send`. 403 unless the agent is a member of the
    /// channel and the caller may act as it in that room; 404 when there is no such agent or
    /// channel; 409 when the agent is deactivated; 429 when agents have answered each other too
    /// often without a person between (`agents.chain`).
    #[oai(
        path = "/:agent_id/post-to-channel",
        method = "post",
        operation_id = "postToChannel"
    )]
    async fn post(
        &self,
        door: ForAgent,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is said again; 409 when the key was
        /// another message's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<AgentPost>,
    ) -> Result<SentMessage, Failure> {
        let post = body.0;
        let channel = ChannelId(post.channel_id);
        let caller = self.speaker(&door, &agent_id.0, channel)?;
        let new = messages::NewMessage {
            key: key.0,
            ..post.message.into()
        };
        let sent = self.0.messages.send(&caller, channel, new).await?;
        Ok(SentMessage::Created(rendered(&sent)?))
    }

    /// Edit a message as an agent
    ///
    /// The agent says something else instead of what it has said. For services that may act as the
    /// agent, and for its own token with `messages:send`. 403 unless the agent is its author; 409
    /// when it is deleted, or carries a file.
    #[oai(
        path = "/:agent_id/channels/:channel_id/messages/:message_id",
        method = "patch",
        operation_id = "editAsAgent"
    )]
    async fn edit(
        &self,
        door: ForAgent,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        body: Body<EditedMessage>,
    ) -> Result<Rendered<Message>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let caller = self.speaker(&door, &agent_id.0, channel)?;
        let messages = &self.0.messages;
        let edited = messages.edit(&caller, channel, id, body.0.into()).await?;
        Ok(rendered(&edited)?)
    }

    /// Delete a message as an agent
    ///
    /// Its own, or any where it may redact in the Matrix room. For services that may act as the
    /// agent, and for its own token with `messages:send`. 409 when it is deleted already.
    #[oai(
        path = "/:agent_id/channels/:channel_id/messages/:message_id",
        method = "delete",
        operation_id = "deleteAsAgent"
    )]
    async fn delete(
        &self,
        door: ForAgent,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// Why, for everybody in the room to read; at most 1,000 characters.
        reason: Query<Option<String>>,
    ) -> Result<Done, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let caller = self.speaker(&door, &agent_id.0, channel)?;
        let messages = &self.0.messages;
        messages.delete(&caller, channel, id, reason.0).await?;
        Ok(Done::Done)
    }

    /// React to a message as an agent
    ///
    /// To have reacted so already is fine. Answers the message as it is then. For services that may
    /// act as the agent, and for its own token with `messages:send`. 403 unless the agent is a
    /// member; 409 when the message is deleted.
    #[oai(
        path = "/:agent_id/channels/:channel_id/messages/:message_id/reactions/:emoji",
        method = "put",
        operation_id = "reactAsAgent"
    )]
    async fn react(
        &self,
        door: ForAgent,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// An emoji, or any text of 1 to 255 bytes.
        emoji: Path<String>,
    ) -> Result<Rendered<Message>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let caller = self.speaker(&door, &agent_id.0, channel)?;
        let messages = &self.0.messages;
        let message = messages.react(&caller, channel, id, &emoji.0).await?;
        Ok(rendered(&message)?)
    }

    /// Take a reaction back as an agent
    ///
    /// The agent's own; to have none is fine. Answers the message as it is then. For services that
    /// may act as the agent, and for its own token with `messages:send`.
    #[oai(
        path = "/:agent_id/channels/:channel_id/messages/:message_id/reactions/:emoji",
        method = "delete",
        operation_id = "unreactAsAgent"
    )]
    async fn unreact(
        &self,
        door: ForAgent,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// As it was given.
        emoji: Path<String>,
    ) -> Result<Rendered<Message>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let caller = self.speaker(&door, &agent_id.0, channel)?;
        let messages = &self.0.messages;
        let message = messages.unreact(&caller, channel, id, &emoji.0).await?;
        Ok(rendered(&message)?)
    }

    /// Remember what was said
    ///
    /// The latest messages of a channel or thread that the agent is a member of, with their whole
    /// texts, oldest first; what was deleted is left out. Of a thread its root comes first. When
    /// `max_chars` is reached, older messages are left out, and the newest one is cut when it alone
    /// is longer. Of a confidential channel there are none, and `why` says so. For services that may
    /// act as the agent, and for its own token with `messages:read`. 403 unless the agent is a
    /// member; 404 when the channel or the thread's root is not there.
    #[oai(
        path = "/:agent_id/context",
        method = "get",
        operation_id = "getAgentContext"
    )]
    async fn context(
        &self,
        door: ForAgent,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The channel's id.
        channel_id: Query<Uuid>,
        /// The root message of a thread; the whole channel when absent.
        thread_id: Query<Option<Uuid>>,
        /// How many messages, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// How many characters all texts may have together, 1 to 200,000; 16,000 when absent.
        max_chars: Query<Option<u32>>,
    ) -> Result<Json<AgentContext>, Failure> {
        let channel = ChannelId(channel_id.0);
        let (agents, scope) = (&self.0.agents, KeyScope::MessagesRead);
        let caller = door.0.enter(agents, &agent_id.0, scope, Some(channel))?;
        let query = ContextQuery {
            channel,
            thread: thread_id.0.map(MessageId),
            limit: limit.0.unwrap_or(MESSAGES) as usize,
            max_chars: max_chars.0.unwrap_or(CHARS) as usize,
        };
        let context = agents.context(&caller, query).await?;
        Ok(Json(AgentContext::new(&query, context)))
    }
}
