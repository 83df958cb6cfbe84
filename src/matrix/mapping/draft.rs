//! The content of a message that a service writes: the fields of the gateway's document as Matrix
//! spells them today.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::html::sanitise;
use super::outgoing::MAX_CONTENT;
use super::sending;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::Draft;

const HTML: &str = "org.matrix.custom.html";

/// The content of an `m.room.message`.
pub fn draft_content(draft: &Draft) -> Result<Box<RawValue>> {
    let html = draft.html.as_deref().map(safe).transpose()?.flatten();
    let mut content = said(draft, &draft.body, html.as_deref());
    if let Some(relation) = &draft.relates_to {
        if is(relation, "m.replace") {
            content = edit(draft, content, html.as_deref());
        }
        content.insert("m.relates_to".to_owned(), complete(relation).into());
    }
    if let Some(sending) = draft.sending {
        let written = serde_json::to_value(sending::Written::from(sending));
        let written = written.map_err(|error| Error::internal(error.to_string()))?;
        content.insert("city.daarion.sending".to_owned(), written);
    }
    let raw = to_raw_value(&content).map_err(|error| Error::internal(error.to_string()))?;
    if raw.get().len() > MAX_CONTENT {
        return Err(Error::TooLarge {
            field: "body",
            limit: MAX_CONTENT as u64,
        });
    }
    Ok(raw)
}

/// `None` when nothing is left that may be shown.
fn safe(html: &str) -> Result<Option<String>> {
    let Some(safe) = sanitise(html) else {
        let message = "has more markup than can be sanitised (1,000 tags)";
        return Err(Error::invalid("formatted_body", message));
    };
    Ok((!safe.trim().is_empty()).then_some(safe))
}

fn said(draft: &Draft, body: &str, html: Option<&str>) -> Map<String, Value> {
    let mut content = Map::new();
    let mut put = |name: &str, value: Value| content.insert(name.to_owned(), value);
    put("msgtype", draft.kind.as_str().into());
    put("body", body.into());
    if let Some(html) = html {
        put("format", HTML.into());
        put("formatted_body", html.into());
    }
    if let Some(url) = &draft.url {
        put("url", url.as_str().into());
    }
    if let Some(name) = &draft.filename {
        put("filename", name.as_str().into());
    }
    if let Some(info) = &draft.info {
        put("info", info.clone().into());
    }
    // Also when nobody is mentioned: without it, clients look for names in the text.
    put("m.mentions", mentions(draft));
    content
}

fn mentions(draft: &Draft) -> Value {
    let mut mentions = json!({});
    if !draft.mentions.is_empty() {
        mentions["user_ids"] = json!(draft.mentions);
    }
    if draft.mentions_room {
        mentions["room"] = true.into();
    }
    mentions
}

/// An edit says the new content, and beside it what a client shows that knows no edits (client-server
/// API, "Event replacements").
fn edit(draft: &Draft, new: Map<String, Value>, html: Option<&str>) -> Map<String, Value> {
    let html = html.map(|html| format!("* {html}"));
    let mut content = said(draft, &format!("* {}", draft.body), html.as_deref());
    content.insert("m.new_content".to_owned(), new.into());
    content
}

fn is(relation: &Map<String, Value>, kind: &str) -> bool {
    relation.get("rel_type").is_some_and(|it| it == kind)
}

/// A relation as it was given. One to a thread gets the reply for clients without threads: to the
/// root, which is always there.
fn complete(relation: &Map<String, Value>) -> Map<String, Value> {
    let mut relation = relation.clone();
    let root = relation.get("event_id").cloned();
    if let Some(root) = root.filter(|_| is(&relation, "m.thread"))
        && !relation.contains_key("m.in_reply_to")
    {
        relation.insert("is_falling_back".to_owned(), true.into());
        relation.insert("m.in_reply_to".to_owned(), json!({ "event_id": root }));
    }
    relation
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{RoomId, UserId};
    use crate::domain::message::{MessageKind, Sending};

    fn draft() -> Draft {
        Draft {
            room: RoomId::trusted("!room"),
            sender: None,
            transaction: Uuid::nil(),
            at: 0,
            kind: MessageKind::Text,
            body: "Привіт".into(),
            html: None,
            url: None,
            filename: None,
            info: None,
            relates_to: None,
            mentions: Vec::new(),
            mentions_room: false,
            sending: None,
        }
    }

    fn content(draft: &Draft) -> Value {
        let raw = draft_content(draft).expect("a content");
        serde_json::from_str(raw.get()).expect("JSON")
    }

    fn object(value: Value) -> Option<Map<String, Value>> {
        value.as_object().cloned()
    }

    #[test]
    fn mentions_are_always_said() {
        let plain = json!({ "msgtype": "m.text", "body": "Привіт", "m.mentions": {} });
        assert_eq!(content(&draft()), plain);
        let some = Draft {
            mentions: vec![UserId::trusted("@a:b")],
            mentions_room: true,
            ..draft()
        };
        let said = json!({ "user_ids": ["@a:b"], "room": true });
        assert_eq!(content(&some)["m.mentions"], said);
    }

    #[test]
    fn what_was_named_is_known_again() {
        let sending = Sending {
            transaction: Uuid::from_u128(7),
            digest: [9; 32],
        };
        let named = Draft {
            sending: Some(sending),
            ..draft()
        };
        let raw = to_raw_value(&json!({
            "event_id": "$said",
            "type": "m.room.message",
            "sender": "@a:b",
            "origin_server_ts": 7,
            "content": content(&named),
        }));
        let taken = sending::taken_in(&raw.expect("JSON")).expect("an event");
        assert_eq!(taken.sending, Some(sending));
    }

    #[test]
    fn html_is_sanitised() {
        let html = "<p onclick=\"x\">Hi <script>alert(1)</script><strong>you</strong></p>";
        let written = content(&Draft {
            html: Some(html.into()),
            ..draft()
        });
        let safe = "<p>Hi alert(1)<strong>you</strong></p>";
        assert_eq!(written["formatted_body"], safe);
        assert_eq!(written["format"], HTML);
        let empty = content(&Draft {
            html: Some("<script></script>".into()),
            ..draft()
        });
        assert!(empty.get("format").is_none(), "{empty}");
        let too_much = Draft {
            html: Some("<b>".repeat(1_001)),
            ..draft()
        };
        let refused = draft_content(&too_much).expect_err("too much").to_string();
        assert!(refused.starts_with("formatted_body: "), "{refused}");
    }

    #[test]
    fn edit_carries_both_contents() {
        let relation = json!({ "rel_type": "m.replace", "event_id": "$first" });
        let edited = content(&Draft {
            html: Some("<b>Привіт</b>".into()),
            relates_to: object(relation.clone()),
            ..draft()
        });
        assert_eq!(edited["body"], "* Привіт");
        assert_eq!(edited["formatted_body"], "* <b>Привіт</b>");
        assert_eq!(edited["m.new_content"]["body"], "Привіт");
        assert_eq!(edited["m.new_content"]["formatted_body"], "<b>Привіт</b>");
        assert_eq!(edited["m.relates_to"], relation);
    }

    #[test]
    fn thread_falls_back_to_a_reply() {
        let relation = json!({ "rel_type": "m.thread", "event_id": "$root" });
        let threaded = content(&Draft {
            relates_to: object(relation),
            ..draft()
        });
        let expected = json!({
            "rel_type": "m.thread",
            "event_id": "$root",
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": "$root" },
        });
        assert_eq!(threaded["m.relates_to"], expected);
        let own = json!({
            "rel_type": "m.thread",
            "event_id": "$root",
            "m.in_reply_to": { "event_id": "$other" },
        });
        let threaded = content(&Draft {
            relates_to: object(own.clone()),
            ..draft()
        });
        assert_eq!(threaded["m.relates_to"], own);
    }

    #[test]
    fn what_no_event_can_hold_is_refused() {
        let long = Draft {
            body: "x".repeat(MAX_CONTENT),
            ..draft()
        };
        let refused = draft_content(&long).expect_err("too large");
        assert!(matches!(refused, Error::TooLarge { .. }), "{refused}");
    }
}
