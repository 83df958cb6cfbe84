//! The content of a message that we send.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::html::render;
use crate::domain::id::{EventId, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::Outgoing;

/// A Matrix event may have 65,536 bytes (client-server API, "Size limits"); this much is left
/// for what the homeserver lays around the content.
pub(super) const MAX_CONTENT: usize = 62_000;

#[derive(Serialize)]
struct Content<'a> {
    msgtype: &'static str,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    formatted_body: Option<String>,
    /// Also when nobody is mentioned: without it, clients look for names in the text.
    #[serde(rename = "m.mentions")]
    mentions: Mentions<'a>,
    #[serde(rename = "m.relates_to", skip_serializing_if = "Option::is_none")]
    relates_to: Option<RelatesTo<'a>>,
}

#[derive(Serialize)]
struct Mentions<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    user_ids: &'a [UserId],
}

#[derive(Serialize)]
struct RelatesTo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rel_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_falling_back: Option<bool>,
    #[serde(rename = "m.in_reply_to")]
    in_reply_to: InReplyTo<'a>,
}

#[derive(Serialize)]
struct InReplyTo<'a> {
    event_id: &'a EventId,
}

/// The content of an `m.room.message`. When the rendered form would make the event too large,
/// the message goes without it: the text itself is all there.
pub fn message_content(message: &Outgoing) -> Result<Box<RawValue>> {
    let formatted_body = message.markdown.then(|| render(&message.text)).flatten();
    let mut content = Content {
        msgtype: if message.notice { "m.notice" } else { "m.text" },
        body: &message.text,
        format: formatted_body.as_ref().map(|_| "org.matrix.custom.html"),
        formatted_body,
        mentions: Mentions {
            user_ids: &message.mentions,
        },
        relates_to: relates_to(message),
    };
    let mut raw = write(&content)?;
    if raw.get().len() > MAX_CONTENT && content.formatted_body.is_some() {
        (content.format, content.formatted_body) = (None, None);
        raw = write(&content)?;
    }
    if raw.get().len() > MAX_CONTENT {
        return Err(Error::TooLarge {
            field: "text",
            limit: MAX_CONTENT as u64,
        });
    }
    Ok(raw)
}

fn relates_to(message: &Outgoing) -> Option<RelatesTo<'_>> {
    let reply = message.reply_to.as_ref();
    let Some(root) = &message.thread else {
        return reply.map(|event_id| RelatesTo {
            rel_type: None,
            event_id: None,
            is_falling_back: None,
            in_reply_to: InReplyTo { event_id },
        });
    };
    Some(RelatesTo {
        rel_type: Some("m.thread"),
        event_id: Some(root),
        // Clients without threads show a reply: to the root, which is always there.
        is_falling_back: Some(reply.is_none()),
        in_reply_to: InReplyTo {
            event_id: reply.unwrap_or(root),
        },
    })
}

fn write(content: &Content) -> Result<Box<RawValue>> {
    to_raw_value(content).map_err(|error| Error::internal(error.to_string()))
}
