//! The content of a message that we send.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::html::render;
use super::sending;
use crate::domain::id::{EventId, UserId};
use crate::domain::{Error, Result, text};
use crate::homeserver::{Outgoing, OutgoingFile};

/// A Matrix event may have 65,536 bytes (client-server API, "Size limits"); this much is left
/// for what the homeserver lays around the content.
pub(super) const MAX_CONTENT: usize = 62_000;

#[derive(Serialize)]
struct Content<'a> {
    #[serde(flatten)]
    said: Said<'a>,
    #[serde(rename = "m.new_content", skip_serializing_if = "Option::is_none")]
    new_content: Option<Said<'a>>,
    #[serde(rename = "m.relates_to", skip_serializing_if = "Option::is_none")]
    relates_to: Option<RelatesTo<'a>>,
    #[serde(
        rename = "city.daarion.sending",
        skip_serializing_if = "Option::is_none"
    )]
    sending: Option<sending::Written>,
}

#[derive(Serialize)]
struct Said<'a> {
    msgtype: &'a str,
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    formatted_body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info<'a>>,
    /// Also when nobody is mentioned: without it, clients look for names in the text.
    #[serde(rename = "m.mentions")]
    mentions: Mentions<'a>,
}

#[derive(Serialize)]
struct Info<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mimetype: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    h: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
}

#[derive(Serialize)]
struct Mentions<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    user_ids: &'a [UserId],
}

#[derive(Serialize, Default)]
struct RelatesTo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rel_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_falling_back: Option<bool>,
    #[serde(rename = "m.in_reply_to", skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<InReplyTo<'a>>,
}

#[derive(Serialize)]
struct InReplyTo<'a> {
    event_id: &'a EventId,
}

/// What of a content may be left out when the event would be too large: the text itself never.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    /// Without what an edit says to clients that know no edits, but for its beginning.
    Brief,
    /// Without the rendered form, too.
    Plain,
}

/// The content of an `m.room.message`.
pub fn message_content(message: &Outgoing) -> Result<Box<RawValue>> {
    let html = message.markdown.then(|| render(&message.text)).flatten();
    for form in [Form::Whole, Form::Brief, Form::Plain] {
        let html = html.as_deref().filter(|_| form != Form::Plain);
        let content = content(message, html, form);
        let raw = to_raw_value(&content).map_err(|error| Error::internal(error.to_string()))?;
        if raw.get().len() <= MAX_CONTENT {
            return Ok(raw);
        }
    }
    Err(Error::TooLarge {
        field: "text",
        limit: MAX_CONTENT as u64,
    })
}

/// An edit says the new content, and beside it what a client shows that knows no edits
/// (client-server API, "Event replacements").
fn content<'a>(message: &'a Outgoing, html: Option<&'a str>, form: Form) -> Content<'a> {
    let said = said(message, html);
    let Some(edit) = &message.edit else {
        return Content {
            said,
            new_content: None,
            relates_to: relates_to(message),
            sending: message.sending.map(Into::into),
        };
    };
    let fallback: Cow<'_, str> = match form {
        Form::Whole => (&message.text).into(),
        Form::Brief | Form::Plain => text::preview(&message.text).0.into(),
    };
    let html = html.filter(|_| form == Form::Whole);
    let shown = Said {
        body: format!("* {fallback}").into(),
        formatted_body: html.map(|html| format!("* {html}").into()),
        format: html.map(|_| HTML),
        mentions: Mentions {
            user_ids: &edit.called,
        },
        ..self::said(message, None)
    };
    Content {
        said: shown,
        new_content: Some(said),
        relates_to: Some(RelatesTo {
            rel_type: Some("m.replace"),
            event_id: Some(&edit.of),
            ..RelatesTo::default()
        }),
        sending: None,
    }
}

const HTML: &str = "org.matrix.custom.html";

fn said<'a>(message: &'a Outgoing, html: Option<&'a str>) -> Said<'a> {
    let file = message.file.as_ref();
    // What is said about a file stands beside its name (client-server API, "Media captions").
    let body = match file {
        Some(file) if message.text.is_empty() => &file.name,
        _ => &message.text,
    };
    Said {
        msgtype: message.kind.as_str(),
        body: body.into(),
        format: html.map(|_| HTML),
        formatted_body: html.map(Cow::from),
        url: file.map(|file| file.url.as_str()),
        filename: file.map(|file| file.name.as_str()),
        info: file.map(info),
        mentions: Mentions {
            user_ids: &message.mentions,
        },
    }
}

fn info(file: &OutgoingFile) -> Info<'_> {
    Info {
        mimetype: file.mimetype.as_deref(),
        size: file.size,
        w: file.width,
        h: file.height,
        duration: file.duration_ms,
    }
}

fn relates_to(message: &Outgoing) -> Option<RelatesTo<'_>> {
    let reply = message.reply_to.as_ref();
    let Some(root) = &message.thread else {
        return reply.map(|event_id| RelatesTo {
            in_reply_to: Some(InReplyTo { event_id }),
            ..RelatesTo::default()
        });
    };
    Some(RelatesTo {
        rel_type: Some("m.thread"),
        event_id: Some(root),
        // Clients without threads show a reply: to the root, which is always there.
        is_falling_back: Some(reply.is_none()),
        in_reply_to: Some(InReplyTo {
            event_id: reply.unwrap_or(root),
        }),
    })
}
