//! The audit log: who did what, to what, and by which way. Never what was said, never a secret.
//!
//! A record holds the hash of the one before it ([`chain`]), so that none can be changed or taken out
//! unseen.

mod chain;
mod filter;

use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub use self::chain::{Break, Link, follow, trimmed, vouches_for};
pub use self::filter::AuditFilter;
use super::id::{ChannelId, EventId, Millis, Seq};

/// The longest of `actor`, `action` and `target`, in characters.
const LONGEST: usize = 256;
/// The longest text in `before` and `after`, in characters, and how many of a kind they hold: what
/// people choose must not fill the disk.
const LONGEST_VALUE: usize = 512;
const MOST_VALUES: usize = 100;

/// By which way somebody did something.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Via {
    /// A session of a person or an operator, by the id under which it is listed.
    Session(Uuid),
    /// An API key.
    Key(Uuid),
    /// A token of a service, by the service's name.
    Service(String),
    /// The word of an outside issuer.
    Issuer,
    /// A header that was believed.
    Header,
    /// The command line.
    CommandLine,
    /// A Matrix client, or whoever else uses the homeserver.
    Matrix,
    /// Nobody has shown who they are.
    #[default]
    Nothing,
}

impl Via {
    /// The word of the contract.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Session(_) => "session",
            Self::Key(_) => "key",
            Self::Service(_) => "service",
            Self::Issuer => "issuer",
            Self::Header => "header",
            Self::CommandLine => "command_line",
            Self::Matrix => "matrix",
            Self::Nothing => "none",
        }
    }

    /// Which of its kind.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Session(id) | Self::Key(id) => Some(id.to_string()),
            Self::Service(name) => Some(name.clone()),
            _ => None,
        }
    }

    /// Reads it back.
    #[must_use]
    pub fn parse(word: &str, id: Option<&str>) -> Option<Self> {
        let uuid = || Uuid::try_parse(id?).ok();
        Some(match word {
            "session" => Self::Session(uuid()?),
            "key" => Self::Key(uuid()?),
            "service" => Self::Service(id?.to_owned()),
            "issuer" => Self::Issuer,
            "header" => Self::Header,
            "command_line" => Self::CommandLine,
            "matrix" => Self::Matrix,
            "none" => Self::Nothing,
            _ => return None,
        })
    }
}

/// From where something was done, and by whom as far as that is not in the act itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// Who acts: an entity, `operator:<name>`, `service:<name>` or `command line`.
    pub actor: Option<String>,
    pub via: Via,
    /// `None` for the machine itself, and where it is not known.
    pub address: Option<IpAddr>,
}

/// Something that was done and is to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deed {
    /// Such as `member.banned`.
    pub action: &'static str,
    pub actor: String,
    pub target: Option<String>,
    pub channel: Option<ChannelId>,
    /// What it was before, and is now.
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub origin: Origin,
    /// The Matrix event that did it.
    pub event: Option<EventId>,
    pub at: Millis,
}

impl Deed {
    /// Somebody did this.
    #[must_use]
    pub fn new(action: &'static str, actor: impl Into<String>, at: Millis) -> Self {
        Self {
            action,
            actor: actor.into(),
            target: None,
            channel: None,
            before: None,
            after: None,
            origin: Origin::default(),
            event: None,
            at,
        }
    }

    /// To whom or what.
    #[must_use]
    pub fn target(mut self, target: impl ToString) -> Self {
        self.target = Some(target.to_string());
        self
    }

    #[must_use]
    pub fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    #[must_use]
    pub fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }

    /// The record of it, as canonical JSON (Matrix specification, appendix "Canonical JSON"): what
    /// the chain is made over.
    #[must_use]
    pub fn record(&self, seq: Seq, at: Millis, previous: &str) -> String {
        let mut record = json!({
            "seq": seq,
            "at": rfc3339(at),
            "action": self.action,
            "actor": cut(&self.actor),
            "target": self.target.as_deref().map(cut),
            "channel_id": self.channel.map(|id| id.0),
            "before": self.before.as_ref().map(shortened),
            "after": self.after.as_ref().map(shortened),
            "event_id": self.event.as_ref().map(EventId::as_str),
            "from": {
                "actor": self.origin.actor.as_deref().filter(|it| *it != self.actor).map(cut),
                "via": self.origin.via.as_str(),
                "id": self.origin.via.id(),
                "address": self.origin.address.map(|it| it.to_string()),
            },
            "happened_at": rfc3339(self.at),
            "previous": previous,
        });
        record.sort_all_objects();
        record.to_string()
    }
}

/// A time in one form, so that the same time is always the same text.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    let at = i64::try_from(at)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    at.unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// A value with what is too long cut off.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.chars().take(LONGEST_VALUE).collect()),
        Value::Array(values) => values.iter().take(MOST_VALUES).map(shortened).collect(),
        Value::Object(fields) => fields
            .iter()
            .take(MOST_VALUES)
            .map(|(name, value)| (cut(name), shortened(value)))
            .collect(),
        value => value.clone(),
    }
}

/// A record as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub seq: Seq,
    /// SHA-256 of the JSON, in hexadecimal digits.
    pub hash: String,
    /// Canonical JSON.
    pub json: String,
}

impl Kept {
    /// The record and its hash, as they are shown: the hash comes last.
    #[must_use]
    pub fn line(&self) -> String {
        let fields = self.json.strip_suffix('}').unwrap_or(&self.json);
        format!("{fields},\"hash\":\"{}\"}}", self.hash)
    }

    /// The record as a channel's members are shown it: from where somebody came is for operators, and
    /// so are the hashes, by which an address could be found out. What cannot be read has no fields.
    #[must_use]
    pub fn line_for_members(&self) -> String {
        let mut fields = self.fields();
        if let Some(Value::Object(from)) = fields.get_mut("from") {
            from.insert("id".to_owned(), Value::Null);
            from.insert("address".to_owned(), Value::Null);
        }
        fields.insert("previous".to_owned(), Value::Null);
        fields.insert("hash".to_owned(), Value::Null);
        Value::Object(fields).to_string()
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Millis {
        at(&self.fields())
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        match serde_json::from_str(&self.json) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

/// When a record was made, by its fields; what cannot be read was at the beginning of time.
#[must_use]
pub fn at(fields: &Map<String, Value>) -> Millis {
    let at = fields.get("at").and_then(Value::as_str);
    let at = at.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    at.and_then(|at| at.timestamp_millis().try_into().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(seq: Seq, previous: &str) -> Kept {
        let json = Deed::new("member.banned", "user:alice", 5)
            .target("user:bob")
            .record(seq, 7, previous);
        Kept {
            seq,
            hash: hash(&json),
            json,
        }
    }

    /// Enough of one for a test.
    fn hash(json: &str) -> String {
        format!("{:?}", json.bytes().map(u64::from).sum::<u64>())
    }

    #[test]
    fn a_record_is_canonical() {
        let record = kept(1, "0").json;
        assert!(record.starts_with(r#"{"action":"member.banned","actor":"user:alice","after":null,"at":"1970-01-01T00:00:00.007Z""#), "{record}");
        let mut sorted: Value = serde_json::from_str(&record).expect("JSON");
        sorted.sort_all_objects();
        assert_eq!(sorted.to_string(), record);
    }

    #[test]
    fn what_people_choose_does_not_fill_the_disk() {
        let long = "ж".repeat(60_000);
        let events: Map<_, _> = (0..5_000)
            .map(|number| (format!("{long}{number}"), json!(number)))
            .collect();
        let deed = Deed::new("member.knocked", "user:eve", 5)
            .before(json!({ "events": events }))
            .after(json!({ "reason": long, "list": vec![long.clone(); 500] }));
        let record = deed.record(1, 7, "0");
        assert!(record.len() < 200_000, "{}", record.len());
        let record: Value = serde_json::from_str(&record).expect("JSON");
        assert_eq!(record["after"]["reason"], "ж".repeat(LONGEST_VALUE));
    }

    #[test]
    fn who_asked_is_told_when_another_did_it() {
        let mut deed = Deed::new("member.invited", "user:maker", 5);
        deed.origin.actor = Some("user:bob".to_owned());
        let asked = |deed: &Deed| {
            let record: Value = serde_json::from_str(&deed.record(1, 7, "0")).expect("JSON");
            record["from"]["actor"].clone()
        };
        assert_eq!(asked(&deed), "user:bob");
        deed.actor = "user:bob".to_owned();
        assert_eq!(asked(&deed), Value::Null);
    }

    #[test]
    fn members_are_not_shown_from_where_somebody_came() {
        let session = Uuid::from_u128(7);
        let mut deed = Deed::new("member.joined", "user:bob", 5).target("user:bob");
        deed.origin = Origin {
            actor: Some("user:bob".to_owned()),
            via: Via::Session(session),
            address: Some(IpAddr::from([192, 0, 2, 1])),
        };
        let json = deed.record(2, 7, "previous hash");
        let record = Kept {
            seq: 2,
            hash: hash(&json),
            json,
        };
        let shown = record.line_for_members();
        for secret in [
            "192.0.2.1",
            session.to_string().as_str(),
            "previous hash",
            record.hash.as_str(),
        ] {
            assert!(record.line().contains(secret));
            assert!(!shown.contains(secret), "{shown}");
        }
        let shown: Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(shown["from"]["via"], "session");
        assert_eq!(shown["actor"], "user:bob");
    }

    #[test]
    fn every_break_has_its_place() {
        let start = Link::origin();
        let first = kept(1, &start.hash);
        let link = follow(&start, &first, hash).expect("it follows");
        let second = kept(2, &link.hash);
        follow(&link, &second, hash).expect("it follows");
        let altered = Kept {
            json: second.json.replace("bob", "eve"),
            ..second.clone()
        };
        let at = |link: &Link, record: &Kept| follow(link, record, hash).expect_err("broken");
        assert_eq!(at(&link, &altered).reason, "the record was altered");
        assert_eq!(
            at(&start, &second),
            Break {
                seq: 1,
                reason: "the record is missing".to_owned()
            }
        );
        let forged = kept(2, "another");
        assert_eq!(at(&link, &forged).seq, 2);
    }

    #[test]
    fn filters_admit_what_they_name() {
        let fields = kept(1, "0").fields();
        let admits = |filter: AuditFilter| filter.admits(&fields);
        let text = |text: &str| Some(text.to_owned());
        assert!(admits(AuditFilter::default()));
        for action in ["member", "member.banned"] {
            assert!(admits(AuditFilter {
                action: text(action),
                ..AuditFilter::default()
            }));
        }
        for filter in [
            AuditFilter {
                action: text("mem"),
                ..AuditFilter::default()
            },
            AuditFilter {
                actor: text("user:bob"),
                ..AuditFilter::default()
            },
            AuditFilter {
                since: Some(8),
                ..AuditFilter::default()
            },
            AuditFilter {
                until: Some(6),
                ..AuditFilter::default()
            },
            AuditFilter {
                channel: Some(ChannelId(Uuid::nil())),
                ..AuditFilter::default()
            },
        ] {
            assert!(!admits(filter.clone()), "{filter:?}");
        }
    }

    #[test]
    fn ways_are_read_as_they_are_written() {
        for via in [
            Via::Session(Uuid::from_u128(1)),
            Via::Key(Uuid::from_u128(2)),
            Via::Service("billing".to_owned()),
            Via::Issuer,
            Via::Header,
            Via::CommandLine,
            Via::Matrix,
            Via::Nothing,
        ] {
            assert_eq!(Via::parse(via.as_str(), via.id().as_deref()), Some(via));
        }
        assert_eq!(Via::parse("key", None), None);
    }
}
