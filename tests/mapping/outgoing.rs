//! What we send, and what of others' HTML we show.

use daarion::domain::Error;
use daarion::domain::id::{EventId, RoomId};
use daarion::domain::message::MessageKind;
use daarion::homeserver::{Edit, Outgoing, OutgoingFile};
use daarion::matrix::mapping::{full_content, message_content, sanitise};
use serde_json::{Value, json};

use crate::fixture::{message, raw, user};

fn outgoing(text: &str) -> Outgoing {
    let (room, sender) = (RoomId::trusted("!room"), user("@alice:daarion.city"));
    Outgoing {
        markdown: true,
        ..Outgoing::text(room, sender, "txn".into(), 1, text)
    }
}

fn content(message: &Outgoing) -> Value {
    let content = message_content(message).expect("content");
    serde_json::from_str(content.get()).expect("JSON")
}

#[test]
fn plain_text_needs_no_html() {
    let expected = json!({ "msgtype": "m.text", "body": "Привіт", "m.mentions": {} });
    assert_eq!(content(&outgoing("Привіт")), expected);
}

#[test]
fn mentions_replies_and_threads_are_said() {
    let mut message = outgoing("**так**");
    message.mentions = vec![user("@bob:daarion.city")];
    message.reply_to = Some(EventId::trusted("$first"));
    let expected = json!({
        "msgtype": "m.text",
        "body": "**так**",
        "format": "org.matrix.custom.html",
        "formatted_body": "<strong>так</strong>",
        "m.mentions": { "user_ids": ["@bob:daarion.city"] },
        "m.relates_to": { "m.in_reply_to": { "event_id": "$first" } },
    });
    assert_eq!(content(&message), expected);

    message.thread = Some(EventId::trusted("$root"));
    let relation = json!({
        "rel_type": "m.thread",
        "event_id": "$root",
        "is_falling_back": false,
        "m.in_reply_to": { "event_id": "$first" },
    });
    assert_eq!(content(&message)["m.relates_to"], relation);

    message.reply_to = None;
    let relation = json!({
        "rel_type": "m.thread",
        "event_id": "$root",
        "is_falling_back": true,
        "m.in_reply_to": { "event_id": "$root" },
    });
    assert_eq!(content(&message)["m.relates_to"], relation);
}

#[test]
fn edit_says_both_contents_and_calls_only_the_new() {
    let (bob, carol) = (user("@bob:daarion.city"), user("@carol:daarion.city"));
    let mut message = outgoing("**нове**");
    message.mentions = vec![bob, carol.clone()];
    message.edit = Some(Edit {
        of: EventId::trusted("$first"),
        called: vec![carol],
    });
    let expected = json!({
        "msgtype": "m.text",
        "body": "* **нове**",
        "format": "org.matrix.custom.html",
        "formatted_body": "* <strong>нове</strong>",
        "m.mentions": { "user_ids": ["@carol:daarion.city"] },
        "m.new_content": {
            "msgtype": "m.text",
            "body": "**нове**",
            "format": "org.matrix.custom.html",
            "formatted_body": "<strong>нове</strong>",
            "m.mentions": { "user_ids": ["@bob:daarion.city", "@carol:daarion.city"] },
        },
        "m.relates_to": { "rel_type": "m.replace", "event_id": "$first" },
    });
    assert_eq!(content(&message), expected);

    // What does not fit four times is said as often as it does; the new text is always whole.
    message.text = format!("**ж** {}", "x".repeat(18_000));
    let sent = content(&message);
    assert_eq!(sent["m.new_content"]["body"], json!(message.text));
    assert!(sent["m.new_content"]["formatted_body"].is_string());
    assert!(sent["body"].as_str().is_some_and(|body| body.len() < 2_000));
    assert_eq!(sent.get("format"), None);
    message.text = "x".repeat(30_000);
    let sent = content(&message);
    assert_eq!(sent["m.new_content"]["body"], json!(message.text));
}

#[test]
fn file_is_said_with_its_name_and_what_is_said_about_it() {
    let mut message = outgoing("");
    message.kind = MessageKind::Image;
    message.markdown = false;
    message.file = Some(OutgoingFile {
        url: "mxc://s/i".into(),
        name: "cat.png".into(),
        mimetype: Some("image/png".into()),
        size: Some(7),
        width: Some(4),
        height: Some(3),
        duration_ms: None,
    });
    let mut expected = json!({
        "msgtype": "m.image",
        "body": "cat.png",
        "url": "mxc://s/i",
        "filename": "cat.png",
        "info": { "mimetype": "image/png", "size": 7, "w": 4, "h": 3 },
        "m.mentions": {},
    });
    assert_eq!(content(&message), expected);
    message.text = "Кіт".into();
    expected["body"] = json!("Кіт");
    assert_eq!(content(&message), expected);
}

#[test]
fn markup_that_cannot_be_shown_leaves_the_text() {
    let content = content(&outgoing("<script></script>"));
    assert_eq!(content["body"], "<script></script>");
    assert!(content.get("formatted_body").is_none(), "{content}");
}

#[test]
fn event_stays_below_the_size_limit() {
    let text = "*&*".repeat(10_000);
    let sent = content(&outgoing(&text));
    assert_eq!(sent["body"], json!(text));
    assert!(sent.get("formatted_body").is_none(), "too large to send");
    let refused = message_content(&outgoing(&"\u{1}".repeat(30_000)));
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "JSON writes each as \\u0001"
    );
}

#[test]
fn hostile_html_is_made_harmless() {
    for html in [
        "<script>alert(1)</script>",
        "<a class=x href=\"javascript:alert(1)\">x</a>",
        "<a a=1 HREF=\"javascript:alert(1)\">x</a>",
        "<img alt=x src=\"https://tracker.example/pixel.gif\">",
        "<img alt=x src=\"//tracker.example/pixel.gif\">",
        "<img src=x onerror=alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\"JaVaScRiPt:alert(1)\">x</a>",
        "<a href=\" javascript:alert(1)\">x</a>",
        "<a href=\"java\nscript:alert(1)\">x</a>",
        "<a href=\"data:text/html,<script>\">x</a>",
        "<img src=\"https://tracker.example/pixel.gif\">",
        "<iframe src=\"https://evil.example\"></iframe>",
        "<p style=\"background:url(https://evil.example)\" onclick=\"x()\">x</p>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<script><img src=x onerror=alert(1)></script>",
        "<textarea><img src=x onerror=alert(1)></textarea>",
        "<xmp><img src=x onerror=alert(1)></xmp>",
        "<plaintext><img src=x onerror=alert(1)>",
        "<form action=\"https://evil.example\"><input name=p></form>",
        "<!--<img src=x onerror=alert(1)>-->",
        "<span data-mx-color=\"#f00\" style=\"x\">x</span>",
    ] {
        let safe = sanitise(html).expect("is not much");
        // Whatever a browser would make a tag of must be one of the list, without handlers.
        for bad in [
            "<script",
            "<iframe",
            "<style",
            "<svg",
            "<math",
            "<form",
            "<input",
            "<img src=\"x",
            "<img src=x",
            "<!--",
            "style=",
            "onclick=\"",
            "https://tracker",
            "href=\"java",
            "href=\"data",
            "href=\" java",
            "src=\"//",
        ] {
            assert!(!safe.to_lowercase().contains(bad), "{html} became {safe}");
        }
        // Sanitising what is safe must not wake anything.
        assert_eq!(sanitise(&safe), Some(safe), "{html}");
    }
    let kept = "<b>b</b> <a href=\"https://example.org\">l</a> <img src=\"mxc://s/i\">";
    assert_eq!(sanitise(kept).as_deref(), Some(kept));
}

#[test]
fn html_as_deep_as_an_event_can_hold_is_no_danger() {
    for tag in [
        "<div>", "<b>", "<a>", "<font>", "<li>", "<ul><li>", "<table>", "<svg>", "<p><b>", "<x>",
    ] {
        let tags = tag.matches('<').count();
        assert_eq!(sanitise(&tag.repeat(65_000 / tag.len())), None, "{tag}");
        let most = sanitise(&(tag.repeat(1_000 / tags) + "x"));
        assert!(most.is_some_and(|html| html.len() < 100_000), "{tag}");
    }
    let nested = content(&outgoing(&"> ".repeat(10_000)));
    assert_eq!(nested.get("formatted_body"), None);
}

#[test]
fn full_content_is_the_latest() {
    let mut input = message(json!({
        "msgtype": "m.text",
        "body": "> <@b:s> q\n\nстаре",
        "m.relates_to": { "m.in_reply_to": { "event_id": "$first" } },
    }));
    assert_eq!(full_content(&raw(&input)).expect("content").body, "старе");
    let edit = json!({
        "sender": "@alice:daarion.city",
        "content": { "m.new_content": {
            "msgtype": "m.text",
            "body": "нове",
            "format": "org.matrix.custom.html",
            "formatted_body": "<b>нове</b><script>x</script>",
        } },
    });
    input["unsigned"] = json!({ "m.relations": { "m.replace": edit } });
    let found = full_content(&raw(&input)).expect("content");
    assert_eq!(found.body, "нове");
    let html = found.formatted_body.expect("HTML");
    assert!(
        html.starts_with("<b>нове</b>") && !html.contains("<script"),
        "{html}"
    );
    input["unsigned"]["redacted_because"] = json!({ "type": "m.room.redaction" });
    assert_eq!(full_content(&raw(&input)), None);
}
