//! Messages, reactions, redactions.

use poem_openapi::{Enum, Object};

use super::{JsonObject, map};
use crate::api::time::Time;
use crate::domain::id::SendKey;
use crate::domain::message::MessageKind;
use crate::service::gateway::{Actor, NewDraft, Sent};

/// What a message is.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Msgtype {
    /// Plain text.
    #[oai(rename = "m.text")]
    Text,
    /// A picture.
    #[oai(rename = "m.image")]
    Image,
    /// A file of any sort.
    #[oai(rename = "m.file")]
    File,
    /// Sound.
    #[oai(rename = "m.audio")]
    Audio,
    /// Moving pictures.
    #[oai(rename = "m.video")]
    Video,
    /// What bots and agents say: no bot answers it.
    #[oai(rename = "m.notice")]
    Notice,
}

/// A message to be sent.
#[derive(Object, Clone, Debug)]
pub struct NewEvent {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// Who says it: `user:<localpart>`, `agent:<name>` or a Matrix id. The connector when neither
    /// this nor `sender_matrix_id` is there.
    pub sender: Option<String>,
    /// `@localpart:server`. Beside `sender` it must be the same user's.
    pub sender_matrix_id: Option<String>,
    pub msgtype: Msgtype,
    /// The plain text, at most 60,000 bytes; of a file what is shown where there is no file.
    pub body: String,
    /// `org.matrix.custom.html`, which is also meant when it is absent beside `formatted_body`.
    pub format: Option<String>,
    /// HTML, at most 60,000 bytes; sanitised by the Matrix specification's allow-list.
    pub formatted_body: Option<String>,
    /// What becomes `m.relates_to`: `{"m.in_reply_to": {"event_id"}}` of a reply, `{"rel_type":
    /// "m.thread", "event_id"}` in a thread, `{"rel_type": "m.replace", "event_id"}` of an edit,
    /// whose `body` is the new one. What clients need that know no threads or edits is added.
    pub relates_to: Option<JsonObject>,
    /// `mxc://server/id` of the file; needed for files, not for texts.
    pub url: Option<String>,
    /// What Matrix knows as a file's `info` (`mimetype`, `size`, `w`, `h`, `duration`, …). Numbers
    /// are whole.
    pub info: Option<JsonObject>,
    /// What the file is called, when `body` is its caption; at most 255 characters.
    pub filename: Option<String>,
    /// Who is to be notified, as entities or Matrix ids, at most 50; `@room` for everybody. Nobody
    /// when absent, whoever's name stands in the text.
    #[oai(default)]
    pub mentions: Vec<String>,
}

/// A message that was sent.
#[derive(Object, Clone, Debug)]
pub struct SentEvent {
    /// `$opaque`.
    pub event_id: String,
    /// The event's time.
    pub sent_at: Time,
}

/// A reaction to be given.
#[derive(Object, Clone, Debug)]
pub struct NewReaction {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// The event to react to, `$opaque`.
    pub event_id: String,
    /// Who reacts, an entity or a Matrix id; the connector when neither field is there.
    pub reactor: Option<String>,
    /// The same user's Matrix id.
    pub reactor_matrix_id: Option<String>,
    /// Mostly an emoji; at most 255 characters.
    pub emoji: String,
}

/// An event to be taken back.
#[derive(Object, Clone, Debug)]
pub struct NewRedaction {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// The event to be taken back, `$opaque`.
    pub event_id: String,
    /// Why, at most 1,000 characters; everybody in the room can read it.
    pub reason: Option<String>,
    /// Who takes it back, an entity or a Matrix id; the connector when neither field is there.
    pub sender: Option<String>,
    /// The same user's Matrix id.
    pub sender_matrix_id: Option<String>,
}

impl NewEvent {
    /// The request as the service takes it.
    #[must_use]
    pub fn with_key(self, key: Option<SendKey>) -> NewDraft {
        NewDraft {
            room: self.room_id,
            sender: Actor {
                fields: ("sender", "sender_matrix_id"),
                entity: self.sender,
                matrix_id: self.sender_matrix_id,
            },
            kind: match self.msgtype {
                Msgtype::Text => MessageKind::Text,
                Msgtype::Image => MessageKind::Image,
                Msgtype::File => MessageKind::File,
                Msgtype::Audio => MessageKind::Audio,
                Msgtype::Video => MessageKind::Video,
                Msgtype::Notice => MessageKind::Notice,
            },
            body: self.body,
            format: self.format,
            formatted_body: self.formatted_body,
            url: self.url,
            filename: self.filename,
            info: self.info.map(map),
            relates_to: self.relates_to.map(map),
            mentions: self.mentions,
            key,
        }
    }
}

impl From<Sent> for SentEvent {
    fn from(sent: Sent) -> Self {
        Self {
            event_id: sent.event.to_string(),
            sent_at: Time(sent.at),
        }
    }
}
