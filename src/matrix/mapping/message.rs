//! Messages and what refers to them: edits, reactions, redactions.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{Content, MAX_WORD, without_fallback};
use super::edit;
use super::envelope::{Header, Reason};
use super::json;
use super::relation::relation;
use super::sending;
use crate::domain::event::What;
use crate::domain::id::{EventId, MessageId};
use crate::domain::message::{Message, MessageKind};
use crate::domain::reception::is_key;
use crate::domain::text;

/// A message, or an edit of one.
pub(super) fn message(header: &Header) -> Result<Option<What>, Reason> {
    header.expect_message()?;
    let content: Content = header.content()?;
    let relation = relation(content.relates_to);
    if let Some(target) = relation.replaces {
        let target = target.ok_or("edits what is no event id")?;
        return edit::edit(header, &content, target).map(Some);
    }
    if header.is_redacted || is_empty(header.content) {
        return Ok(Some(What::MessageCreated(deleted(header))));
    }
    let mut message = blank(header, kind(header, &content)?);
    message.reply_to = relation.reply_to.as_ref().map(MessageId::of);
    message.thread = relation.thread.as_ref().map(MessageId::of);
    let is_media = message.kind.is_media() || header.kind == "m.sticker";
    // Nothing of what is said in a confidential channel is kept, also when somebody says it
    // in the clear.
    if !header.channel.confidential && message.kind != MessageKind::Encrypted {
        let text = content.text().ok_or("body is no string")?;
        let text = without_fallback(&text, relation.reply_to.is_some());
        (message.preview, message.truncated) = text::preview(text);
        message.media = is_media.then(|| content.media());
        message.mentions = content.mentions(header.directory);
        message.sending = sending::read(content.sending);
    }
    edit::apply_latest(header, &mut message);
    Ok(Some(if is_media {
        What::MediaUploaded(message)
    } else {
        What::MessageCreated(message)
    }))
}

/// Who reacted how to what.
pub(super) fn reaction(header: &Header) -> Result<Option<What>, Reason> {
    header.expect_message()?;
    if header.is_redacted || is_empty(header.content) {
        return Ok(None);
    }
    let content: Content = header.content()?;
    let (target, key) = relation(content.relates_to)
        .annotates
        .ok_or("is no annotation")?;
    let key = json::text(key).ok_or("key is no string")?;
    if !is_key(&key) {
        return Err("key is empty or too long, or holds NUL".into());
    }
    // It is not encrypted, and is said in confidence all the same.
    let is_shown = !header.channel.confidential;
    Ok(Some(What::ReactionAdded {
        target: target.ok_or("annotates what is no event id")?,
        key: if is_shown {
            key.into_owned()
        } else {
            String::new()
        },
        by: header.sender.clone(),
        at: header.at,
    }))
}

/// The deletion of an event. Its target is in the content since room version 11 and beside
/// it before (MSC2174); homeservers show clients both.
pub(super) fn redaction(header: &Header) -> Result<Option<What>, Reason> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        redacts: Option<&'a RawValue>,
    }
    header.expect_message()?;
    let content: Content = header.content()?;
    let target = [content.redacts, header.redacts]
        .into_iter()
        .find_map(|raw| json::text(raw).and_then(|id| EventId::parse(&id)));
    match target {
        Some(target) => Ok(Some(What::MessageDeleted {
            target,
            by: header.sender.clone(),
            at: header.at,
        })),
        None if header.is_redacted => Ok(None),
        None => Err("redacts what is no event id".into()),
    }
}

fn kind(header: &Header, content: &Content) -> Result<MessageKind, Reason> {
    if header.kind != "m.room.message" {
        return Ok(MessageKind::parse(&header.kind));
    }
    let msgtype = json::text(content.msgtype).ok_or("msgtype is no string")?;
    if msgtype.is_empty() || msgtype.len() > MAX_WORD {
        return Err("msgtype is empty or too long".into());
    }
    Ok(MessageKind::parse(&msgtype))
}

/// Redaction leaves an empty object.
fn is_empty(content: &RawValue) -> bool {
    let inner = content.get().strip_prefix('{');
    inner.is_some_and(|inner| inner.trim_start() == "}")
}

/// A message of which a redaction has left nothing, not even its `msgtype`.
fn deleted(header: &Header) -> Message {
    let kind = match header.kind.as_ref() {
        "m.room.message" => MessageKind::Text,
        other => MessageKind::parse(other),
    };
    let mut message = blank(header, kind);
    message.delete();
    message
}

fn blank(header: &Header, kind: MessageKind) -> Message {
    let sender = &header.sender;
    let sender = (sender.clone(), header.directory.entity(sender));
    let message = Message::blank(header.channel.id, header.event.clone(), sender, header.at);
    Message { kind, ..message }
}
