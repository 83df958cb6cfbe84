//! A message that is to be sent, as its caller gives it.

use serde_json::json;

use crate::domain::entity::Entity;
use crate::domain::id::{MessageId, SendKey};
use crate::domain::media::MediaId;
use crate::domain::message::MessageKind;
use crate::domain::{Error, Result, canonical, text};
use crate::homeserver::OutgoingFile;
use crate::service::idempotency;

/// The longest name and the longest MIME type of a file, in bytes.
const MAX_WORD: usize = 255;

/// A message to be sent.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// May be empty beside a file.
    pub text: String,
    pub markdown: bool,
    pub file: Option<NewFile>,
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    pub mentions: Vec<String>,
    /// The caller's own name of this sending: what is sent again with it is said once.
    pub key: Option<SendKey>,
}

/// A file that a message is to carry; the homeserver has it already.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewFile {
    /// `mxc://server/id`.
    pub url: String,
    /// By its MIME type when absent.
    pub kind: Option<MessageKind>,
    pub name: Option<String>,
    pub mimetype: Option<String>,
    pub size: Option<u64>,
    pub width: Option<u64>,
    pub height: Option<u64>,
    pub duration_ms: Option<u64>,
}

impl NewMessage {
    pub(super) fn check(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return text::message(&self.text).map(drop);
        };
        if !self.text.is_empty() {
            text::message(&self.text)?;
        }
        file.check()
    }

    /// What it is when this entity says it: what agents say are notices.
    pub(super) fn kind_by(&self, entity: &Entity) -> MessageKind {
        match (&self.file, entity) {
            (Some(file), _) => file.kind(),
            (None, Entity::Agent { .. }) => MessageKind::Notice,
            (None, Entity::User { .. }) => MessageKind::Text,
        }
    }
}

impl NewFile {
    fn check(&self) -> Result<()> {
        if MediaId::parse(&self.url).is_none() {
            return Err(Error::invalid("media.url", "must be mxc://server/id"));
        }
        let is_word = |text: &String| {
            (1..=MAX_WORD).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        for (field, text) in [
            ("media.filename", &self.name),
            ("media.mimetype", &self.mimetype),
        ] {
            if text.as_ref().is_some_and(|text| !is_word(text)) {
                let message = format!("must be 1 to {MAX_WORD} bytes on one line");
                return Err(Error::invalid(field, message));
            }
        }
        for (field, number) in [
            ("media.size", self.size),
            ("media.width", self.width),
            ("media.height", self.height),
            ("media.duration_ms", self.duration_ms),
        ] {
            if number.is_some_and(|number| number > canonical::LARGEST) {
                return Err(Error::invalid(field, "must be below 2^53"));
            }
        }
        Ok(())
    }

    fn kind(&self) -> MessageKind {
        let by_type = || {
            let class = self.mimetype.as_deref()?.split('/').next()?;
            match class {
                "image" => Some(MessageKind::Image),
                "audio" => Some(MessageKind::Audio),
                "video" => Some(MessageKind::Video),
                _ => None,
            }
        };
        let kind = self.kind.clone().or_else(by_type);
        kind.unwrap_or(MessageKind::File)
    }
}

impl From<NewFile> for OutgoingFile {
    fn from(file: NewFile) -> Self {
        let kind = file.kind();
        let word = kind.as_str().trim_start_matches("m.");
        Self {
            name: file.name.unwrap_or_else(|| word.to_owned()),
            url: file.url,
            mimetype: file.mimetype,
            size: file.size,
            width: file.width,
            height: file.height,
            duration_ms: file.duration_ms,
        }
    }
}

/// What tells one message from another. It is kept: the same message has the same one for ever.
pub(super) fn digest(message: &NewMessage) -> Result<[u8; 32]> {
    let file = message.file.as_ref().map(|file| {
        json!({
            "url": file.url,
            "kind": file.kind.as_ref().map(|kind| kind.as_str().to_owned()),
            "name": file.name,
            "mimetype": file.mimetype,
            "size": file.size,
            "width": file.width,
            "height": file.height,
            "duration_ms": file.duration_ms,
        })
    });
    idempotency::digest(&json!({
        "text": message.text,
        "markdown": message.markdown,
        "file": file,
        "reply_to": message.reply_to.map(|id| id.0),
        "thread": message.thread.map(|id| id.0),
        "mentions": message.mentions,
    }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn messages_are_told_apart_by_all_that_they_say() {
        let message = |text: &str| NewMessage {
            text: text.to_owned(),
            ..NewMessage::default()
        };
        let first = digest(&message("a")).expect("a digest");
        assert_eq!(digest(&message("a")).expect("a digest"), first);
        let id = MessageId(Uuid::from_u128(7));
        for other in [
            message("b"),
            NewMessage {
                markdown: true,
                ..message("a")
            },
            NewMessage {
                reply_to: Some(id),
                ..message("a")
            },
            NewMessage {
                thread: Some(id),
                ..message("a")
            },
            NewMessage {
                mentions: vec!["user:a".to_owned()],
                ..message("a")
            },
            NewMessage {
                file: Some(NewFile::default()),
                ..message("a")
            },
        ] {
            assert_ne!(digest(&other).expect("a digest"), first, "{other:?}");
        }
    }
}
