//! Answers that are made of stored JSON, or of messages with more than a list shows.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::schema::ContentDetail;
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::message::{FullContent, Message};
use crate::domain::{Error, page};
use crate::payload::MessageJson;
use crate::service::messages::{Links, Messages, Surroundings};

/// A message with what lists show only when they are asked for it.
#[derive(Serialize)]
struct Detailed {
    #[serde(flatten)]
    message: MessageJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<LinksJson>,
    /// Left out, null, or there.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<ContentJson>>,
}

#[derive(Serialize)]
struct LinksJson {
    matrix_to: String,
    page: Option<String>,
}

#[derive(Serialize)]
struct ContentJson {
    body: String,
    formatted_body: Option<String>,
}

impl Detailed {
    fn new(message: &Message, content: Option<Arc<FullContent>>) -> Self {
        Self {
            message: MessageJson::from(message),
            links: None,
            content: Some(content.map(|content| ContentJson {
                body: content.body.clone(),
                formatted_body: content.formatted_body.clone(),
            })),
        }
    }
}

/// Rendered items as they are wanted.
pub async fn detailed(
    messages: &Messages,
    channel: ChannelId,
    items: Bytes,
    detail: ContentDetail,
) -> Result<Bytes, Error> {
    if detail == ContentDetail::Preview {
        return Ok(items);
    }
    let array = [b"[", items.as_ref(), b"]"].concat();
    let stored: Vec<MessageJson> = serde_json::from_slice(&array).map_err(damaged)?;
    let stored = stored.into_iter().filter_map(MessageJson::into_message);
    let full = full(messages, channel, stored.collect()).await?;
    Ok(full.into())
}

/// The messages as they are wanted, as JSON objects with commas between them.
pub async fn listed(
    messages: &Messages,
    channel: ChannelId,
    listed: Vec<Message>,
    detail: ContentDetail,
) -> Result<Vec<u8>, Error> {
    match detail {
        ContentDetail::Preview => joined(listed.iter().map(MessageJson::from)),
        ContentDetail::Full => full(messages, channel, listed).await,
    }
}

async fn full(
    messages: &Messages,
    channel: ChannelId,
    listed: Vec<Message>,
) -> Result<Vec<u8>, Error> {
    let contents = messages.contents(channel, &listed).await?;
    let items = listed.iter().zip(contents);
    joined(items.map(|(message, content)| Detailed::new(message, content)))
}

fn joined<T: Serialize>(items: impl Iterator<Item = T>) -> Result<Vec<u8>, Error> {
    let mut json = Vec::new();
    for item in items {
        if !json.is_empty() {
            json.push(b',');
        }
        json.extend(render(&item)?);
    }
    Ok(json)
}

/// One message with its addresses.
pub async fn with_links(
    messages: &Messages,
    message: Message,
    links: Links,
    detail: ContentDetail,
) -> Result<Vec<u8>, Error> {
    let channel = message.channel;
    let content = match detail {
        ContentDetail::Preview => None,
        ContentDetail::Full => {
            let content = messages.contents(channel, std::slice::from_ref(&message));
            content.await?.pop()
        }
    };
    let detailed = match content {
        Some(content) => Detailed::new(&message, content),
        None => Detailed {
            message: MessageJson::from(&message),
            links: None,
            content: None,
        },
    };
    render(&Detailed {
        links: Some(LinksJson {
            matrix_to: links.matrix_to,
            page: links.page,
        }),
        ..detailed
    })
}

#[derive(Serialize)]
struct SurroundingsJson<'a> {
    message: MessageJson,
    before: Box<RawValue>,
    after: Box<RawValue>,
    older: Option<&'a MessageId>,
    newer: Option<&'a MessageId>,
}

/// A message between those around it.
pub fn render_surroundings(found: &Surroundings) -> Result<Vec<u8>, Error> {
    let list = |items: &[u8]| {
        let list = [b"[", items, b"]"].concat();
        let list = String::from_utf8(list).map_err(|error| Error::internal(error.to_string()))?;
        RawValue::from_string(list).map_err(damaged)
    };
    render(&SurroundingsJson {
        message: MessageJson::from(&found.message),
        before: list(&found.before.json)?,
        after: list(&found.after.json)?,
        older: found.before.next.as_ref(),
        newer: found.after.next.as_ref(),
    })
}

/// A value's JSON for an answer.
pub fn render<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(damaged)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn damaged(error: serde_json::Error) -> Error {
    Error::internal(format!(
        "a message is not the JSON that it should be: {error}"
    ))
}

/// The message behind which a page is to begin.
pub fn after(cursor: &str) -> Result<MessageId, Error> {
    MessageId::parse(cursor).ok_or_else(page::wrong_cursor)
}

/// A page of items that are rendered.
pub fn render_page(items: &[u8], next: Option<MessageId>) -> Vec<u8> {
    let mut json = Vec::with_capacity(items.len() + 64);
    json.extend_from_slice(br#"{"items":["#);
    json.extend_from_slice(items);
    json.extend_from_slice(br#"],"next":"#);
    match next {
        Some(next) => json.extend_from_slice(format!("\"{next}\"").as_bytes()),
        None => json.extend_from_slice(b"null"),
    }
    json.push(b'}');
    json
}
