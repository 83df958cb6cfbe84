//! Messages as rows of the index, version 3: what the public JSON of a message tells and its key
//! does not.
//!
//! After the version byte come which parts there are, in 2 bytes, and these: the message's id, that of
//! the message that it answers, that of its thread's root (16 bytes each), when it was edited
//! (8 bytes). Then come JSON values of fields in their order, with a zero byte between them, which
//! no JSON has. A list writes the names of the fields around them and parses nothing; a row is parsed
//! only when one message is asked for or changed.
//!
//! Rows of version 2 are the whole JSON. Those of version 1 lack what was added to it with format 5,
//! and are completed when they are shown.

use std::io::Write;

use uuid::Uuid;

use super::damaged;
use crate::domain::id::Millis;
use crate::domain::message::Message;
use crate::payload::{MessageJson, Rfc3339};
use crate::store::StoreError;
use crate::store::redb::keys::MessageKey;

const NAME: &str = "message";
const VERSION: u8 = 3;
/// The version that is the whole JSON.
const WHOLE_VERSION: u8 = 2;
/// The version that ends with `deleted`.
const BARE_VERSION: u8 = 1;

/// Which parts a row has, and what is true of the message.
mod part {
    pub const REPLY_TO: u16 = 1;
    pub const THREAD_ID: u16 = 1 << 1;
    pub const EDITED_AT: u16 = 1 << 2;
    pub const MEDIA: u16 = 1 << 3;
    pub const MENTIONS: u16 = 1 << 4;
    pub const REACTIONS: u16 = 1 << 5;
    pub const THREAD: u16 = 1 << 6;
    pub const TRUNCATED: u16 = 1 << 7;
    pub const DELETED: u16 = 1 << 8;
    pub const MENTIONS_ROOM: u16 = 1 << 9;
    pub const PINNED: u16 = 1 << 10;
}

/// The row of a message.
pub fn row(message: &Message) -> Vec<u8> {
    let json = MessageJson::from(message);
    let mut bytes = Vec::with_capacity(256);
    bytes.push(VERSION);
    bytes.extend_from_slice(&parts(&json).to_be_bytes());
    bytes.extend_from_slice(json.id.as_bytes());
    for id in [json.reply_to, json.thread_id].into_iter().flatten() {
        bytes.extend_from_slice(id.as_bytes());
    }
    if let Some(at) = json.edited_at {
        bytes.extend_from_slice(&at.0.to_be_bytes());
    }
    put(&mut bytes, &json.sender_id);
    next(&mut bytes, &json.sender_type);
    next(&mut bytes, &json.sender_matrix_id);
    next(&mut bytes, &json.msgtype);
    next(&mut bytes, &json.content_preview);
    if let Some(media) = &json.media {
        next(&mut bytes, media);
    }
    if !json.mentions.is_empty() {
        next(&mut bytes, &json.mentions);
    }
    if !json.reactions.is_empty() {
        next(&mut bytes, &json.reactions);
    }
    if let Some(thread) = &json.thread {
        next(&mut bytes, thread);
    }
    bytes
}

/// Adds a value behind the one before.
fn next<T: serde::Serialize>(bytes: &mut Vec<u8>, value: &T) {
    bytes.push(0);
    put(bytes, value);
}

fn parts(json: &MessageJson) -> u16 {
    [
        (part::REPLY_TO, json.reply_to.is_some()),
        (part::THREAD_ID, json.thread_id.is_some()),
        (part::EDITED_AT, json.edited_at.is_some()),
        (part::MEDIA, json.media.is_some()),
        (part::MENTIONS, !json.mentions.is_empty()),
        (part::REACTIONS, !json.reactions.is_empty()),
        (part::THREAD, json.thread.is_some()),
        (part::TRUNCATED, json.truncated),
        (part::DELETED, json.deleted),
        (part::MENTIONS_ROOM, json.mentions_room),
        (part::PINNED, json.pinned),
    ]
    .into_iter()
    .filter(|(_, is_so)| *is_so)
    .fold(0, |parts, (part, _)| parts | part)
}

/// Writes the public JSON of a row behind what is there.
pub fn write_json(key: &[u8], row: &[u8], into: &mut Vec<u8>) -> Result<(), StoreError> {
    match row.split_first() {
        Some((&VERSION, body)) => {
            let row = Row::parse(body).ok_or_else(|| damaged(NAME, "its row ends too soon"))?;
            row.write(&MessageKey::parse(key)?, into);
        }
        Some((&WHOLE_VERSION, json)) => into.extend_from_slice(json),
        Some((&BARE_VERSION, bare)) => complete(bare, into),
        Some((found, _)) => return Err(damaged(NAME, &format!("version {found} is unknown"))),
        None => return Err(damaged(NAME, "empty")),
    }
    Ok(())
}

/// Reads the message of a row.
pub fn read(key: &[u8], row: &[u8]) -> Result<Message, StoreError> {
    let mut json = Vec::with_capacity(1_024);
    write_json(key, row, &mut json)?;
    serde_json::from_slice::<MessageJson>(&json)
        .map_err(|error| damaged(NAME, &error.to_string()))?
        .into_message()
        .ok_or_else(|| damaged(NAME, "its sender is no entity"))
}

/// A row, with its JSON values as they are written.
struct Row<'a> {
    parts: u16,
    id: Uuid,
    reply_to: Option<Uuid>,
    thread_id: Option<Uuid>,
    edited_at: Option<Millis>,
    sender_id: &'a [u8],
    sender_type: &'a [u8],
    sender_matrix_id: &'a [u8],
    msgtype: &'a [u8],
    content_preview: &'a [u8],
    media: Option<&'a [u8]>,
    mentions: Option<&'a [u8]>,
    reactions: Option<&'a [u8]>,
    thread: Option<&'a [u8]>,
}

impl<'a> Row<'a> {
    /// `None` when something is missing.
    fn parse(body: &'a [u8]) -> Option<Self> {
        let mut rest = Rest(body);
        let parts = u16::from_be_bytes(rest.take()?);
        let has = |part| parts & part != 0;
        let id = Uuid::from_bytes(rest.take()?);
        let mut id_of = |part| match has(part) {
            true => rest.take().map(|it| Some(Uuid::from_bytes(it))),
            false => Some(None),
        };
        let (reply_to, thread_id) = (id_of(part::REPLY_TO)?, id_of(part::THREAD_ID)?);
        let edited_at = match has(part::EDITED_AT) {
            true => Some(u64::from_be_bytes(rest.take()?)),
            false => None,
        };
        let mut values = rest.0.split(|byte| *byte == 0);
        let mut value = || values.next().filter(|value| !value.is_empty());
        let (sender_id, sender_type, sender_matrix_id) = (value()?, value()?, value()?);
        let (msgtype, content_preview) = (value()?, value()?);
        let mut value_of = |part| match has(part) {
            true => value().map(Some),
            false => Some(None),
        };
        Some(Self {
            parts,
            id,
            reply_to,
            thread_id,
            edited_at,
            sender_id,
            sender_type,
            sender_matrix_id,
            msgtype,
            content_preview,
            media: value_of(part::MEDIA)?,
            mentions: value_of(part::MENTIONS)?,
            reactions: value_of(part::REACTIONS)?,
            thread: value_of(part::THREAD)?,
        })
    }

    /// Writes the JSON as [`MessageJson`] has it.
    fn write(&self, key: &MessageKey, into: &mut Vec<u8>) {
        const NULL: &[u8] = b"null";
        const NONE: &[u8] = b"[]";
        let mut fields = Fields { into };
        fields.id(br#"{"id":"#, Some(self.id));
        fields.id(br#","channel_id":"#, Some(key.channel.0));
        fields.json(br#","matrix_event_id":"#, &key.event);
        fields.raw(br#","sender_id":"#, self.sender_id);
        fields.raw(br#","sender_type":"#, self.sender_type);
        fields.raw(br#","sender_matrix_id":"#, self.sender_matrix_id);
        fields.raw(br#","msgtype":"#, self.msgtype);
        fields.raw(br#","content_preview":"#, self.content_preview);
        fields.flag(br#","truncated":"#, self.is(part::TRUNCATED));
        fields.id(br#","reply_to":"#, self.reply_to);
        fields.id(br#","thread_id":"#, self.thread_id);
        fields.raw(br#","media":"#, self.media.unwrap_or(NULL));
        fields.json(br#","created_at":"#, &Rfc3339(key.created_at));
        fields.json(br#","edited_at":"#, &self.edited_at.map(Rfc3339));
        fields.flag(br#","deleted":"#, self.is(part::DELETED));
        fields.flag(br#","edited":"#, self.edited_at.is_some());
        fields.raw(br#","mentions":"#, self.mentions.unwrap_or(NONE));
        fields.flag(br#","mentions_room":"#, self.is(part::MENTIONS_ROOM));
        fields.raw(br#","reactions":"#, self.reactions.unwrap_or(NONE));
        fields.flag(br#","pinned":"#, self.is(part::PINNED));
        fields.raw(br#","thread":"#, self.thread.unwrap_or(NULL));
        fields.into.push(b'}');
    }

    fn is(&self, part: u16) -> bool {
        self.parts & part != 0
    }
}

/// What is left of a row.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}

/// The JSON that is being written, field by field: each with its name and what stands around it.
struct Fields<'a> {
    into: &'a mut Vec<u8>,
}

impl Fields<'_> {
    fn raw(&mut self, name: &[u8], value: &[u8]) {
        self.into.extend_from_slice(name);
        self.into.extend_from_slice(value);
    }

    fn flag(&mut self, name: &[u8], is_so: bool) {
        self.raw(name, if is_so { b"true" } else { b"false" });
    }

    fn json<T: serde::Serialize>(&mut self, name: &[u8], value: &T) {
        self.into.extend_from_slice(name);
        put(self.into, value);
    }

    fn id(&mut self, name: &[u8], id: Option<Uuid>) {
        self.into.extend_from_slice(name);
        match id {
            Some(id) => write!(self.into, "\"{}\"", id.hyphenated()).expect("memory takes it"),
            None => self.into.extend_from_slice(b"null"),
        }
    }
}

fn put<T: serde::Serialize>(into: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(into, value)
        .expect("a message has only fields that JSON can write, and memory takes it");
}

/// Adds to a bare row the fields that it has not, as they are when nothing has come of a message.
fn complete(bare: &[u8], into: &mut Vec<u8>) {
    const UNEDITED: &[u8] = br#""edited_at":null,"deleted":"#;
    let is_edited = !bare
        .windows(UNEDITED.len())
        .rev()
        .any(|window| window == UNEDITED);
    let fields = bare.strip_suffix(b"}").unwrap_or(bare);
    let more = format!(
        r#","edited":{is_edited},"mentions":[],"mentions_room":false,"reactions":[],"pinned":false,"thread":null}}"#
    );
    into.extend_from_slice(fields);
    into.extend_from_slice(more.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EventId;
    use crate::store::redb::keys;

    fn shown(key: &[u8], row: &[u8]) -> String {
        let mut json = Vec::new();
        write_json(key, row, &mut json).expect("JSON");
        String::from_utf8(json).expect("text")
    }

    /// A message with everything, and the same without each of its parts.
    fn messages() -> Vec<Message> {
        let whole: MessageJson = serde_json::from_value(serde_json::json!({
            "id": Uuid::from_u128(1), "channel_id": Uuid::from_u128(2), "matrix_event_id": "$\"odd\"",
            "sender_id": "agent:sofia", "sender_type": "agent", "sender_matrix_id": "@agent_sofia:s",
            "msgtype": "m.image", "content_preview": "said \"\u{0}\n\" Привіт", "truncated": true,
            "reply_to": Uuid::from_u128(3), "thread_id": Uuid::from_u128(4),
            "media": { "url": "mxc://s/m", "mimetype": null, "size": 7 },
            "created_at": "2025-11-24T10:30:00.000Z", "edited_at": "2025-11-24T10:31:00.001Z",
            "deleted": true, "edited": true, "mentions": ["user:a", "user:b"], "mentions_room": true,
            "reactions": [{ "key": "👍", "count": 2 }], "pinned": true,
            "thread": { "count": 3, "last_at": "2025-11-24T10:32:00.000Z" },
        }))
        .expect("a message");
        let without: [fn(&mut MessageJson); 12] = [
            |_| {},
            |it| it.truncated = false,
            |it| it.reply_to = None,
            |it| it.thread_id = None,
            |it| it.media = None,
            |it| it.edited_at = None,
            |it| it.deleted = false,
            |it| it.mentions.clear(),
            |it| it.mentions_room = false,
            |it| it.reactions.clear(),
            |it| it.pinned = false,
            |it| it.thread = None,
        ];
        let mut bare = whole.clone();
        without.iter().for_each(|without| without(&mut bare));
        let lacking = without.into_iter().map(|without| {
            let mut some = whole.clone();
            without(&mut some);
            some
        });
        let all = lacking.chain([bare]).map(MessageJson::into_message);
        all.map(|message| message.expect("a message")).collect()
    }

    #[test]
    fn row_is_shown_as_the_message_is() {
        for message in messages() {
            let key = keys::message(message.channel, message.created_at, &message.event);
            let row = row(&message);
            let json = serde_json::to_string(&MessageJson::from(&message)).expect("JSON");
            assert_eq!(shown(&key, &row), json);
            let whole = [&[WHOLE_VERSION], json.as_bytes()].concat();
            assert_eq!(shown(&key, &whole), json);
            assert_eq!(read(&key, &row).expect("a message"), message);
            for length in 0..row.len() {
                // Nothing panics on what is damaged.
                let _ = read(&key, &row[..length]);
            }
            assert!(read(&key[..20], &row).is_err());
        }
    }

    #[test]
    fn bare_row_is_completed() {
        let id = Uuid::nil();
        let bare = |edited_at: &str, deleted: bool| {
            let json = format!(
                r#"{{"id":"{id}","channel_id":"{id}","matrix_event_id":"$e","sender_id":"user:a","sender_type":"human","sender_matrix_id":"@a:s","msgtype":"m.text","content_preview":"said \"edited_at\":null,\"deleted\":","truncated":false,"reply_to":null,"thread_id":null,"media":null,"created_at":"2025-11-24T10:30:00.000Z","edited_at":{edited_at},"deleted":{deleted}}}"#
            );
            [&[BARE_VERSION], json.as_bytes()].concat()
        };
        for (bare, is_edited) in [
            (bare("null", false), false),
            (bare("null", true), false),
            (bare(r#""2025-11-24T10:31:00.000Z""#, false), true),
        ] {
            let message = read(&[], &bare).expect("a message");
            assert_eq!(message.edited_at.is_some(), is_edited);
            let key = keys::message(message.channel, message.created_at, &EventId::trusted("$e"));
            assert_eq!(shown(&[], &bare), shown(&key, &row(&message)));
        }
        assert!(read(&[], b"").is_err() && read(&[], b"\x07{}").is_err());
    }
}
