//! Messages of services. In `keyed` those that are said once.

mod keyed;

use serde_json::{Map, Value};

pub(super) use self::keyed::Remembered;

use super::checks::{check_content, check_media, check_text};
use super::{Actor, Gateway, Place, Upstream};
use crate::domain::access;
use crate::domain::id::{EventId, Millis, RoomId, SendKey, UserId};
use crate::domain::message::MessageKind;
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
use crate::homeserver::gateway::Draft;

/// The longest text, in bytes: it stands in an event of 65,536 beside the rest. An edit says it
/// twice and is held against the whole's limit.
const MAX_BODY: usize = 60_000;
const MAX_FILENAME: usize = 255;
const MAX_MENTIONS: usize = 50;
/// Mentions everybody in the room.
const WHOLE_ROOM: &str = "@room";

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct NewDraft {
    pub room: String,
    pub sender: Actor,
    pub kind: MessageKind,
    pub body: String,
    pub format: Option<String>,
    pub formatted_body: Option<String>,
    pub url: Option<String>,
    pub filename: Option<String>,
    pub info: Option<Map<String, Value>>,
    pub relates_to: Option<Map<String, Value>>,
    pub mentions: Vec<String>,
    /// The caller's own name of this sending: what is sent again with it is said once.
    pub key: Option<SendKey>,
}

/// A message that was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    pub event: EventId,
    pub at: Millis,
}

impl Gateway {
    /// Sends a message; one that has a key is said once.
    pub async fn send(&self, caller: &ServiceCaller, new: NewDraft) -> Result<Sent> {
        caller.require(Scope::Send)?;
        check(&new)?;
        let mentions = self.mentions(&new.mentions)?;
        let room = self
            .resolve(caller, &new.room, Place::Field("room_id"))
            .await?;
        let sender = self.acting(caller, &new.sender)?;
        let key = match &new.key {
            Some(key) => Some((key.clone(), keyed::digest(&new)?)),
            None => None,
        };
        let draft = Draft {
            mentions_room: new.mentions.iter().any(|it| it == WHOLE_ROOM),
            html: new.formatted_body,
            at: self.core.clock.now(),
            room,
            sender,
            transaction: self.core.clock.uuid(),
            kind: new.kind,
            body: new.body,
            url: new.url,
            filename: new.filename,
            info: new.info,
            relates_to: new.relates_to,
            mentions,
            sending: None,
        };
        match key {
            Some((key, digest)) => self.say_once(caller, &key, digest, draft).await,
            None => self.say(caller, draft).await,
        }
    }

    async fn say(&self, caller: &ServiceCaller, draft: Draft) -> Result<Sent> {
        let upstream = self.upstream(caller).await?;
        self.require_open(&upstream, &draft.room, draft.sender.as_ref())
            .await?;
        let draft = Draft {
            at: self.core.clock.now(),
            ..draft
        };
        let event = upstream.send_draft(&draft).await?;
        Ok(Sent {
            event,
            at: draft.at,
        })
    }

    /// What holds in a room, whoever speaks there: nothing is said in the clear where it is
    /// encrypted.
    pub(super) async fn require_open(
        &self,
        upstream: &Upstream<'_>,
        room: &RoomId,
        sender: Option<&UserId>,
    ) -> Result<()> {
        if let Some(channel) = self.core.directory.channel_of(room) {
            return access::check_speech(&channel);
        }
        match self.is_encrypted(upstream, room, sender).await? {
            true => Err(access::encrypted("room")),
            false => Ok(()),
        }
    }

    async fn is_encrypted(
        &self,
        upstream: &Upstream<'_>,
        room: &RoomId,
        sender: Option<&UserId>,
    ) -> Result<bool> {
        let look = upstream.is_encrypted(room, sender);
        match self.encryption.get_alone(room, look).await {
            // Whoever may not see the room may not speak there: the homeserver says why.
            Err(Error::HomeserverRefused { .. } | Error::Forbidden(_)) => Ok(false),
            other => other,
        }
    }

    fn mentions(&self, given: &[String]) -> Result<Vec<UserId>> {
        if given.len() > MAX_MENTIONS {
            let message = format!("must be at most {MAX_MENTIONS}");
            return Err(Error::invalid("mentions", message));
        }
        let people = given.iter().filter(|it| *it != WHOLE_ROOM);
        people
            .map(|one| self.user(one, Place::Field("mentions")))
            .collect()
    }
}

fn check(new: &NewDraft) -> Result<()> {
    check_body("body", &new.body)?;
    if new.body.is_empty() {
        return Err(Error::invalid("body", "must not be empty"));
    }
    check_format(new)?;
    check_file(new)?;
    if let Some(info) = &new.info {
        check_content("info", info)?;
    }
    if let Some(relation) = &new.relates_to {
        check_content("relates_to", relation)?;
        check_relation(relation)?;
    }
    Ok(())
}

fn check_body(field: &'static str, text: &str) -> Result<()> {
    if text.len() > MAX_BODY {
        let message = format!("must have at most {MAX_BODY} bytes");
        return Err(Error::invalid(field, message));
    }
    check_text(field, text, MAX_BODY)
}

fn check_format(new: &NewDraft) -> Result<()> {
    match (&new.format, &new.formatted_body) {
        (Some(format), _) if format != "org.matrix.custom.html" => Err(Error::invalid(
            "format",
            "must be \"org.matrix.custom.html\", the one that Matrix knows",
        )),
        (Some(_), None) => Err(Error::invalid("formatted_body", "is needed beside format")),
        (_, Some(html)) => check_body("formatted_body", html),
        (None, None) => Ok(()),
    }
}

fn check_file(new: &NewDraft) -> Result<()> {
    let word = new.kind.as_str();
    if let Some(name) = &new.filename {
        check_text("filename", name, MAX_FILENAME)?;
    }
    match &new.url {
        None if new.kind.is_media() => Err(Error::invalid(
            "url",
            format!("is needed for {word}: mxc://server/id"),
        )),
        Some(_) if !new.kind.is_media() => Err(Error::invalid(
            "url",
            format!("is not for {word}, which carries no file"),
        )),
        Some(url) => check_media("url", url),
        None => Ok(()),
    }
}

/// What of a relation Matrix takes for an event's id must be one; the homeserver does not look.
fn check_relation(relation: &Map<String, Value>) -> Result<()> {
    let wrong = |message: &str| Error::invalid("relates_to", message);
    let is_event = |id: &Value| id.as_str().and_then(EventId::parse).is_some();
    if relation.get("event_id").is_some_and(|id| !is_event(id)) {
        return Err(wrong("event_id: must be an event id (\"$…\")"));
    }
    if let Some(reply) = relation.get("m.in_reply_to") {
        let id = reply.get("event_id");
        if !id.is_some_and(is_event) {
            return Err(wrong(
                "m.in_reply_to.event_id: must be an event id (\"$…\")",
            ));
        }
    }
    match relation.get("rel_type") {
        Some(Value::String(_)) if relation.contains_key("event_id") => Ok(()),
        Some(Value::String(_)) => Err(wrong("event_id: is needed beside rel_type")),
        Some(_) => Err(wrong("rel_type: must be a string")),
        None => Ok(()),
    }
}
