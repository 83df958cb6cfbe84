//! Messages: what other clients see of ours, and what we read of theirs.

use daarion::domain::event::{Source, What};
use daarion::domain::id::{EventId, MessageId};
use daarion::domain::message::MessageKind;
use daarion::homeserver::{Homeserver as _, Mapped};
use serde_json::json;

use crate::homeserver::MatrixUser;
use crate::world::{channel, shared, user};

#[tokio::test]
async fn markdown_is_seen_as_safe_html() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (room, _) = connector.create(None, None).await;
    alice.join(room.as_str()).await;
    let text = "**Увага** <script>alert(1)</script><img src=x onerror=alert(1)> \
                [тут](javascript:alert(1)) [там](https://example.org)";
    let mut message = connector.message(&room, &alice.user_id, text);
    message.mentions = vec![user(&alice.user_id)];
    connector.matrix.send(&message).await.expect("is sent");
    let seen = alice.wait_for_text(room.as_str(), text).await;
    let content = &seen["content"];
    assert_eq!(content["msgtype"], "m.text");
    assert_eq!(content["format"], "org.matrix.custom.html");
    let html = content["formatted_body"].as_str().expect("HTML");
    assert!(html.contains("<strong>Увага</strong>"), "{html}");
    assert!(html.contains("https://example.org"), "{html}");
    for bad in ["<script", "onerror", "javascript:"] {
        assert!(!html.contains(bad), "{html}");
    }
    assert_eq!(
        content["m.mentions"],
        json!({ "user_ids": [alice.user_id] })
    );

    let mut plain = connector.message(&room, &alice.user_id, "*не* розмітка");
    (plain.markdown, plain.kind) = (false, MessageKind::Notice);
    connector.matrix.send(&plain).await.expect("is sent");
    let seen = alice.wait_for_text(room.as_str(), "*не* розмітка").await;
    let expected = json!({ "msgtype": "m.notice", "body": "*не* розмітка", "m.mentions": {} });
    assert_eq!(seen["content"], expected);
}

#[tokio::test]
async fn sending_again_with_the_same_transaction_sends_once() {
    let connector = shared().await.connector();
    let (room, _) = connector.create(None, None).await;
    let daarion = connector.directory.naming.connector();
    let message = connector.message(&room, daarion.as_str(), "один раз");
    let first = connector.matrix.send(&message).await.expect("is sent");
    assert_eq!(connector.matrix.send(&message).await, Ok(first.clone()));
    let sent_at = connector.matrix.sent_at(&message.room, &first).await;
    assert_eq!(sent_at, Ok(Some(message.at)));
}

#[tokio::test]
async fn replies_and_threads_are_related() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (room, new) = connector.create(None, None).await;
    alice.join(room.as_str()).await;
    let root = connector.message(&room, &alice.user_id, "корінь");
    let root = connector.matrix.send(&root).await.expect("is sent");
    let mut reply = connector.message(&room, &alice.user_id, "відповідь");
    reply.reply_to = Some(root.clone());
    let reply = connector.matrix.send(&reply).await.expect("is sent");
    let mut in_thread = connector.message(&room, &alice.user_id, "у гілці");
    in_thread.thread = Some(root.clone());
    connector.matrix.send(&in_thread).await.expect("is sent");
    let mut both = connector.message(&room, &alice.user_id, "обидва");
    (both.thread, both.reply_to) = (Some(root.clone()), Some(reply.clone()));
    connector.matrix.send(&both).await.expect("is sent");

    let channel = channel(&room, &new);
    let page = connector
        .matrix
        .history(&channel, None, 3, Source::Heal)
        .await;
    let page = page.expect("a page");
    let related: Vec<_> = page
        .events
        .iter()
        .filter_map(|(_, mapped)| match mapped {
            Mapped::Event(event) => event.what.message(),
            _ => None,
        })
        .map(|message| (message.preview.as_str(), message.reply_to, message.thread))
        .collect();
    let id = |event: &EventId| Some(MessageId::of(event));
    assert_eq!(
        related,
        [
            ("обидва", id(&reply), id(&root)),
            ("у гілці", None, id(&root)),
            ("відповідь", id(&root), None),
        ]
    );
}

#[tokio::test]
async fn history_holds_everything_and_ends() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (room, new) = connector.create(None, None).await;
    alice.join(room.as_str()).await;
    let mut sent = Vec::new();
    for number in 0..25 {
        sent.push(alice.send_text(room.as_str(), &format!("{number}")).await);
    }
    let edited = edit(&alice, room.as_str(), &sent[3], "виправлено").await;
    alice.react(room.as_str(), &sent[4], "👍").await;
    alice.redact(room.as_str(), &sent[5]).await;

    let channel = channel(&room, &new);
    let (mut from, mut found, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = connector
            .matrix
            .history(&channel, from.as_deref(), 10, Source::Rebuild)
            .await
            .expect("a page");
        found.extend(page.events);
        pages += 1;
        assert!(pages < 20, "history must end");
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    let what = |event: &str| {
        let is = |(id, _): &&(Option<EventId>, Mapped)| {
            id.as_ref().is_some_and(|id| id.as_str() == event)
        };
        match &found.iter().find(is).expect("is in the history").1 {
            Mapped::Event(event) => event.what.clone(),
            other => panic!("{other:?}"),
        }
    };
    let newest_first: Vec<_> = found.iter().filter_map(|(id, _)| id.clone()).collect();
    let place = |event: &str| newest_first.iter().position(|id| id.as_str() == event);
    assert!(place(&sent[24]) < place(&sent[0]));
    let edited_message = what(&sent[3]).message().cloned().expect("a message");
    assert_eq!(edited_message.preview, "виправлено");
    assert!(edited_message.edited_at.is_some());
    assert!(matches!(what(&edited), What::MessageEdited { .. }));
    let deleted = what(&sent[5]).message().cloned().expect("a message");
    assert!(deleted.deleted && deleted.preview.is_empty());
    let count = |wanted: fn(&What) -> bool| {
        let is = |(_, mapped): &&(_, Mapped)| matches!(mapped, Mapped::Event(e) if wanted(&e.what));
        found.iter().filter(is).count()
    };
    assert_eq!(count(|what| matches!(what, What::MemberChanged(_))), 2);
    assert_eq!(count(|what| matches!(what, What::ReactionAdded { .. })), 1);
    assert_eq!(count(|what| matches!(what, What::MessageDeleted { .. })), 1);
    assert_eq!(count(|what| what.message().is_some()), 25);
    let skipped = found
        .iter()
        .find(|(_, mapped)| matches!(mapped, Mapped::Skipped(_)));
    assert_eq!(skipped, None);

    let content = |event: &str| {
        let event = EventId::trusted(event);
        let (matrix, room) = (&connector.matrix, &room);
        async move { matrix.content(room, &event).await.expect("an answer") }
    };
    assert_eq!(content(&sent[3]).await.expect("content").body, "виправлено");
    assert_eq!(content(&sent[5]).await, None, "it is redacted");
    assert_eq!(content("$gone").await, None);
}

#[tokio::test]
async fn content_of_others_is_sanitised() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (room, new) = connector.create(None, None).await;
    alice.join(room.as_str()).await;
    let content = json!({
        "msgtype": "m.text",
        "body": "b".repeat(5_000),
        "format": "org.matrix.custom.html",
        "formatted_body": "<b onclick='x()'>b</b><svg><script>x()</script></svg>",
    });
    let event = alice
        .send_event(room.as_str(), "m.room.message", content)
        .await;
    let event = EventId::trusted(event);
    let content = connector
        .matrix
        .content(&room, &event)
        .await
        .expect("an answer");
    let content = content.expect("content");
    assert_eq!(content.body.len(), 5_000);
    let html = content.formatted_body.expect("HTML");
    assert!(
        html.starts_with("<b>b</b>") && !html.contains("<s"),
        "{html}"
    );

    let mut confidential = channel(&room, &new);
    confidential.confidential = true;
    connector.directory.put_channel(confidential);
    assert_eq!(connector.matrix.content(&room, &event).await, Ok(None));
}

async fn edit(user: &MatrixUser, room: &str, event: &str, body: &str) -> String {
    let content = json!({
        "msgtype": "m.text",
        "body": format!("* {body}"),
        "m.new_content": { "msgtype": "m.text", "body": body },
        "m.relates_to": { "rel_type": "m.replace", "event_id": event },
    });
    user.send_event(room, "m.room.message", content).await
}
