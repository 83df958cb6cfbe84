//! The chain of the records: what follows what, and what vouches for its beginning.

use serde_json::{Value, json};

use super::{Deed, Kept};
use crate::domain::id::{Millis, Seq};

/// A place in the chain: a record's number, and the hash that the next one must name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    pub seq: Seq,
    pub hash: String,
}

impl Link {
    /// Before the first record.
    #[must_use]
    pub fn origin() -> Self {
        Self {
            seq: 0,
            hash: "0".repeat(64),
        }
    }
}

/// Where the chain is broken, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Break {
    pub seq: Seq,
    pub reason: String,
}

/// Checks that a record follows; its hash is told by `hash_of`. Answers the place behind it.
pub fn follow(
    link: &Link,
    record: &Kept,
    hash_of: impl Fn(&str) -> String,
) -> std::result::Result<Link, Break> {
    let broken = |seq, reason: &str| Break {
        seq,
        reason: reason.to_owned(),
    };
    let expected = link.seq + 1;
    if record.seq != expected {
        return Err(broken(expected, "the record is missing"));
    }
    if hash_of(&record.json) != record.hash {
        return Err(broken(expected, "the record was altered"));
    }
    let fields = record.fields();
    if fields.get("seq").and_then(Value::as_u64) != Some(expected) {
        return Err(broken(expected, "the record says that it is another one"));
    }
    if fields.get("previous").and_then(Value::as_str) != Some(&link.hash) {
        return Err(broken(
            expected,
            "the record does not follow the one before",
        ));
    }
    Ok(Link {
        seq: record.seq,
        hash: record.hash.clone(),
    })
}

/// The action of the record that vouches for what was dropped.
const TRIMMED: &str = "audit.trimmed";

/// That so many records were dropped, up to this one.
#[must_use]
pub fn trimmed(dropped: u64, last: &Link, now: Millis) -> Deed {
    Deed::new(TRIMMED, "daarion", now).after(json!({
        "dropped": dropped,
        "last_seq": last.seq,
        "last_hash": last.hash,
    }))
}

/// Whether a record says that all up to this one was dropped.
#[must_use]
pub fn vouches_for(record: &Kept, anchor: &Link) -> bool {
    // Most do not, and need not be read.
    if !record.json.contains(TRIMMED) {
        return false;
    }
    let fields = record.fields();
    let after = fields.get("after").cloned().unwrap_or_default();
    fields.get("action") == Some(&json!(TRIMMED))
        && after["last_seq"] == json!(anchor.seq)
        && after["last_hash"] == json!(anchor.hash)
}
