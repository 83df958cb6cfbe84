//! Messages that are edited and deleted.

use super::{Messages, require_standing};
use crate::domain::access::{Caller, Right, check_author};
use crate::domain::event::What;
use crate::domain::id::{ChannelId, MessageId, UserId};
use crate::domain::message::{Message, MessageKind};
use crate::domain::{Error, Result, text};
use crate::homeserver::{Edit, Outgoing, Redaction};

/// What a message is to say instead.
#[derive(Clone, Debug, Default)]
pub struct Rewording {
    pub text: String,
    pub markdown: bool,
    /// All that the message calls from here on; who was called before is not called again.
    pub mentions: Vec<String>,
}

impl Messages {
    /// Lets a text of the caller's own say something else. Answers the message as it is then.
    pub async fn edit(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: MessageId,
        new: Rewording,
    ) -> Result<Message> {
        let core = &self.core;
        text::message(&new.text)?;
        let called = self.called(&new.mentions)?;
        let channel = core.visible(caller, channel).await?;
        let message = self.known(channel.id, id).await?;
        core.require(Right::EditOwn, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        require_standing(&message)?;
        let user = core.directory.user_id(&caller.entity);
        check_author(&user, &message)?;
        require_rewordable(&message)?;
        core.require_same_room(&channel, &message).await?;
        let mentions = self.mentions(&called);
        let before = &message.mentions.entities;
        let is_new = |user: &&UserId| !before.contains(&core.directory.entity(user));
        // Clients show the edit with the latest time, whatever our clock says.
        let latest = message.edited_at.unwrap_or(message.created_at);
        let at = core.clock.now().max(latest + 1);
        let (room, transaction) = (channel.room.clone(), core.clock.uuid().to_string());
        let outgoing = Outgoing {
            kind: message.kind,
            markdown: new.markdown,
            edit: Some(Edit {
                of: message.event.clone(),
                called: called.iter().filter(is_new).cloned().collect(),
            }),
            mentions: called,
            ..Outgoing::text(room, user.clone(), transaction, at, &new.text)
        };
        let event = core.homeserver.send(&outgoing).await?;
        let (preview, truncated) = text::preview(&new.text);
        let what = What::MessageEdited {
            target: message.event,
            by: user,
            preview,
            truncated,
            mentions,
            at,
        };
        self.echo(channel.id, event, what).await;
        self.known(channel.id, id).await
    }

    /// Takes a message away: one's own, or as somebody who may with what others have said. A channel
    /// that is archived takes no more, and lets go all the same.
    pub async fn delete(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: MessageId,
        reason: Option<String>,
    ) -> Result<()> {
        let core = &self.core;
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let channel = core.visible(caller, channel).await?;
        let message = self.known(channel.id, id).await?;
        let user = core.directory.user_id(&caller.entity);
        let right = Right::to_delete(&message.sender, &user);
        core.require(right, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        require_standing(&message)?;
        let redaction = Redaction {
            room: core.room_of(&channel, &message.event).await?,
            target: message.event.clone(),
            sender: Some(user.clone()),
            transaction: core.clock.uuid(),
            reason,
        };
        let event = core.homeserver.redact(&redaction).await?;
        let what = What::MessageDeleted {
            target: message.event,
            by: user,
            at: core.clock.now(),
        };
        self.echo(channel.id, event, what).await;
        Ok(())
    }
}

fn require_rewordable(message: &Message) -> Result<()> {
    match &message.kind {
        MessageKind::Text | MessageKind::Notice | MessageKind::Emote => Ok(()),
        other => Err(Error::conflict(format!(
            "a message of the type {} cannot be edited",
            other.as_str()
        ))),
    }
}
