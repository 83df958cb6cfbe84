//! Edits: those that arrive as events, and the latest one, which the homeserver lays beside
//! the message in a history ("Aggregations of child events", "Event replacements").

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{Content, without_fallback};
use super::envelope::{self, Envelope, Header, Reason};
use super::html::sanitise;
use super::json;
use super::relation::relation;
use crate::domain::event::What;
use crate::domain::id::{EventId, UserId};
use crate::domain::message::{Mentions, Message};
use crate::domain::text;
use crate::homeserver::FullContent;

#[derive(Deserialize)]
struct Bundled<'a> {
    #[serde(borrow)]
    sender: Option<&'a RawValue>,
    #[serde(borrow)]
    origin_server_ts: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// An edit that arrived as an event.
pub(super) fn edit(header: &Header, content: &Content, target: EventId) -> Result<What, Reason> {
    let New {
        preview,
        truncated,
        mentions,
    } = new_text(header, content)?;
    Ok(What::MessageEdited {
        target,
        by: header.sender.clone(),
        preview,
        truncated,
        mentions,
        at: header.at,
    })
}

/// Applies the edit that a history carries beside the message. One that cannot be used
/// leaves the message as it was written.
pub(super) fn apply_latest(header: &Header, message: &mut Message) {
    let Some(bundled) = bundled(header.relations) else {
        return;
    };
    let by = match bundled.sender {
        None => Some(header.sender.clone()),
        some => json::text(some).and_then(|user| UserId::parse(&user)),
    };
    let new =
        json::field::<Content>(bundled.content).and_then(|content| new_text(header, &content).ok());
    let at = json::integer(bundled.origin_server_ts);
    if let (Some(by), Some(new), Some(at)) = (by, new, at) {
        let shown = (new.preview.as_str(), new.truncated);
        message.edit(&by, shown, &new.mentions, at.min(header.now));
    }
}

/// The content of an event in full, its latest edit applied; `None` when there is none that
/// we could read.
#[must_use]
pub fn full_content(raw: &RawValue) -> Option<FullContent> {
    let envelope: Envelope = json::object(raw)?;
    let unsigned = envelope::unsigned(&envelope);
    if unsigned.redacted_because.is_some() {
        return None;
    }
    let original: Content = json::field(envelope.content)?;
    let edited = bundled(unsigned.relations)
        .filter(|edit| {
            let (editor, author) = (json::text(edit.sender), json::text(envelope.sender));
            editor.is_none() || editor == author
        })
        .and_then(|edit| json::field::<Content>(edit.content))
        .and_then(|outer| json::field::<Content>(outer.new_content));
    let is_reply = edited.is_none() && relation(original.relates_to).reply_to.is_some();
    let content = edited.unwrap_or(original);
    let is_html =
        json::text(content.format).is_some_and(|format| format == "org.matrix.custom.html");
    Some(FullContent {
        body: without_fallback(&content.text()?, is_reply).to_owned(),
        formatted_body: json::text(content.formatted_body)
            .filter(|_| is_html)
            .and_then(|html| sanitise(&html)),
    })
}

fn bundled(relations: Option<&RawValue>) -> Option<Bundled<'_>> {
    #[derive(Deserialize)]
    struct Relations<'a> {
        #[serde(borrow, rename = "m.replace")]
        replace: Option<&'a RawValue>,
    }
    json::field(json::field::<Relations>(relations)?.replace)
}

/// What a list shows after an edit.
#[derive(Default)]
struct New {
    preview: String,
    truncated: bool,
    mentions: Mentions,
}

/// Nothing where the content is not ours to keep.
fn new_text(header: &Header, content: &Content) -> Result<New, Reason> {
    if header.channel.confidential || header.kind == "m.room.encrypted" {
        return Ok(New::default());
    }
    let new: Content = json::field(content.new_content).ok_or("m.new_content is no object")?;
    let (preview, truncated) = text::preview(&new.text().ok_or("the new body is no string")?);
    Ok(New {
        preview,
        truncated,
        mentions: new.mentions(header.directory),
    })
}
