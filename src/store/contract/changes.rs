//! Edits and deletions, in whatever order they come.

use super::Ground;
use super::samples::{Shorthand, created, deleted, edited, event_id, message, new, said, user};
use crate::domain::event::What;
use crate::domain::id::MessageId;
use crate::domain::message::Mentions;
use crate::store::ClearTo;

fn id(name: &str) -> MessageId {
    MessageId::of(&event_id(name))
}

pub async fn edits_follow_the_rules(ground: impl Ground) {
    let store = ground.open().await;
    let stranger = What::MessageEdited {
        target: event_id("m"),
        by: user("mallory"),
        preview: "not mine".into(),
        truncated: false,
        mentions: Mentions::default(),
        at: 900,
    };
    store
        .put_and_index(vec![
            created(1),
            said(1, "m", 10),
            edited(1, "e2", "m", "second", 200),
            edited(1, "e1", "m", "first", 100),
            new(1, "stranger", stranger),
            edited(1, "on-edit", "e2", "an edit of an edit", 300),
        ])
        .await;
    let stored = store
        .index
        .message(id("m"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(
        (stored.preview.as_str(), stored.edited_at),
        ("second", Some(200))
    );
    assert_eq!(store.index.counts().await.expect("read"), (1, 1));
    assert_eq!(store.listed(1).await, ["$m"]);
}

pub async fn a_deletion_is_final(ground: impl Ground) {
    let store = ground.open().await;
    let mut gone = message(1, "gone", 20);
    gone.delete();
    store
        .put_and_index(vec![
            created(1),
            said(1, "m", 10),
            deleted(1, "d", "m"),
            edited(1, "e", "m", "back again", 9_999),
            new(1, "gone", What::MessageCreated(gone.clone())),
        ])
        .await;
    let mut expected = message(1, "m", 10);
    expected.delete();
    assert_eq!(
        store.index.message(id("m")).await.expect("read"),
        Some(expected)
    );
    assert_eq!(
        store.index.message(id("gone")).await.expect("read"),
        Some(gone)
    );
    assert_eq!(store.listed(1).await, ["$m", "$gone"]);
}

pub async fn edits_before_their_message_wait(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            edited(1, "e2", "m", "second", 200),
            edited(1, "e1", "m", "first", 100),
            edited(1, "other", "m2", "of another", 100),
        ])
        .await;
    let store = ground.reopen(store).await;
    store
        .put_and_index(vec![said(1, "m", 10), said(1, "mm", 11)])
        .await;
    assert_eq!(store.preview("m").await.as_deref(), Some("second"));
    assert_eq!(store.preview("mm").await.as_deref(), Some("text of mm"));
    // What waited has gone: a message that comes again is not edited again.
    store
        .put_and_index(vec![said(1, "m2", 12), edited(1, "e3", "m2", "third", 150)])
        .await;
    assert_eq!(store.preview("m2").await.as_deref(), Some("third"));
}

pub async fn deletions_before_their_message_wait(ground: impl Ground) {
    let store = ground.open().await;
    // In one batch, too.
    let events = vec![
        created(1),
        deleted(1, "d", "m"),
        edited(1, "e", "m", "edited", 100),
        said(1, "m", 10),
    ];
    assert_eq!(store.put_and_index(events).await, Vec::<String>::new());
    let stored = store
        .index
        .message(id("m"))
        .await
        .expect("read")
        .expect("there");
    assert!(stored.deleted && stored.preview.is_empty());
}

pub async fn no_channel_changes_anothers_messages(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            created(2),
            said(1, "m", 10),
            deleted(2, "d", "m"),
            edited(2, "e", "m", "from elsewhere", 100),
            deleted(2, "early-d", "late"),
            edited(2, "early-e", "late", "from elsewhere", 100),
            said(1, "late", 11),
        ])
        .await;
    for name in ["m", "late"] {
        let stored = store.index.message(id(name)).await.expect("read");
        assert_eq!(
            stored,
            Some(message(1, name, if name == "m" { 10 } else { 11 }))
        );
    }
}

pub async fn an_edit_that_is_taken_back_is_not_shown(ground: impl Ground) {
    let store = ground.open().await;
    let parts = |n: u32| {
        let name = |kind: &str| format!("{kind}{n}");
        [
            said(1, &name("m"), 10),
            edited(1, &name("first"), &name("m"), "first", 100),
            edited(1, &name("e"), &name("m"), "secret", 200),
            deleted(1, &name("d"), &name("e")),
        ]
    };
    let orders = [
        [0, 1, 2, 3],
        [3, 2, 1, 0],
        [0, 1, 3, 2],
        [2, 3, 0, 1],
        [2, 0, 3, 1],
        [3, 0, 2, 1],
        [2, 1, 3, 0],
        [3, 1, 2, 0],
    ];
    store.put(vec![created(1)]).await;
    for (n, order) in (0..).zip(orders) {
        let parts = parts(n);
        store
            .put(order.iter().map(|at| parts[*at].clone()).collect())
            .await;
    }
    let shown = async |when: &str| {
        for (n, order) in (0..).zip(orders) {
            let mut expected = message(1, &format!("m{n}"), 10);
            (expected.preview, expected.truncated) = (String::new(), true);
            expected.edited_at = Some(200);
            let stored = store.index.message(expected.id).await.expect("read");
            assert_eq!(stored.as_ref(), Some(&expected), "{when}: {order:?}");
            assert!(expected.is_withdrawn());
            let edit = event_id(&format!("e{n}"));
            let of = store.index.edited(&edit).await.expect("read");
            assert_eq!(of, stored, "{when}: {order:?}");
        }
    };
    store.index_all().await;
    shown("at once").await;
    // A replay knows all of them before it comes to them.
    store
        .index
        .clear(ClearTo::JournalStart)
        .await
        .expect("cleared");
    store.index_all().await;
    shown("again").await;
    let other = store.index.edited(&event_id("m0")).await.expect("read");
    assert_eq!(other, None);
    store
        .put_and_index(vec![edited(1, "new", "m0", "better", 300)])
        .await;
    assert_eq!(store.preview("m0").await.as_deref(), Some("better"));
}

pub async fn only_what_is_shown_can_be_taken_back(ground: impl Ground) {
    let store = ground.open().await;
    let stranger = What::MessageEdited {
        target: event_id("m"),
        by: user("mallory"),
        preview: "not mine".into(),
        truncated: false,
        mentions: Mentions::default(),
        at: 900,
    };
    store
        .put_and_index(vec![
            created(1),
            created(2),
            said(1, "m", 10),
            edited(1, "e1", "m", "first", 100),
            edited(1, "e2", "m", "second", 200),
            new(1, "stranger", stranger),
            deleted(1, "d1", "e1"),
            deleted(1, "d3", "stranger"),
            deleted(2, "d2", "e2"),
        ])
        .await;
    assert_eq!(store.preview("m").await.as_deref(), Some("second"));
    let gone = [deleted(1, "d", "m"), deleted(1, "d4", "e2")];
    store.put_and_index(gone.to_vec()).await;
    let stored = store.index.message(id("m")).await.expect("read");
    assert!(stored.is_some_and(|message| message.deleted && !message.truncated));
}
