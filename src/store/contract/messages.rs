//! Messages in the index: pages, order, cursors.

use super::Ground;
use super::samples::{
    Shorthand, channel_id, created, deleted, edited, event_id, event_ids, items, said,
};
use crate::domain::event::What;
use crate::domain::id::MessageId;
use crate::domain::page::Order;
use crate::domain::reception::ReactionCount;
use crate::payload::MessageJson;
use crate::store::index::{MessageQuery, RenderedPage};
use crate::store::{ClearTo, Store};

async fn page(store: &Store, after: Option<&str>, order: Order, limit: usize) -> RenderedPage {
    find_page(store, after, order, limit)
        .await
        .expect("the cursor is known")
}

async fn find_page(
    store: &Store,
    after: Option<&str>,
    order: Order,
    limit: usize,
) -> Option<RenderedPage> {
    let query = MessageQuery {
        channel: channel_id(1),
        after: after.map(|name| MessageId::of(&event_id(name))),
        at: None,
        order,
        limit,
    };
    store.index.messages(query).await.expect("read")
}

pub async fn pages_begin_at_a_time(ground: impl Ground) {
    let store = filled(&ground).await;
    // Two at one time.
    store.put_and_index(vec![said(1, "n5", 105)]).await;
    for (at, order, expected) in [
        (105, Order::Ascending, ["$m5", "$n5", "$m6"].as_slice()),
        (105, Order::Descending, &["$n5", "$m5", "$m4"]),
        (0, Order::Ascending, &["$m0", "$m1", "$m2"]),
        (u64::MAX, Order::Descending, &["$m9", "$m8", "$m7"]),
        (109, Order::Ascending, &["$m9"]),
        (110, Order::Ascending, &[]),
        (99, Order::Descending, &[]),
    ] {
        let query = MessageQuery {
            channel: channel_id(1),
            after: None,
            at: Some(at),
            order,
            limit: 3,
        };
        let page = store.index.messages(query).await.expect("read");
        let page = page.expect("a page");
        assert_eq!(event_ids(&page.json), expected, "{at} {order:?}");
    }
    // The newest page is not taken for one of a time.
    let newest = page(&store, None, Order::Descending, 3).await;
    assert_eq!(event_ids(&newest.json), ["$m9", "$m8", "$m7"]);
}

fn id(name: &str) -> MessageId {
    MessageId::of(&event_id(name))
}

/// A channel with the messages m0 to m9 between channels with others.
async fn filled(ground: &impl Ground) -> Store {
    let store = ground.open().await;
    let mut events = vec![created(0), created(1), created(2), created(u128::MAX)];
    for n in 0..10 {
        events.push(said(1, &format!("m{n}"), 100 + n));
        events.push(said(0, &format!("before{n}"), 100 + n));
        events.push(said(2, &format!("behind{n}"), 100 + n));
        events.push(said(u128::MAX, &format!("last{n}"), 100 + n));
    }
    assert_eq!(store.put_and_index(events).await, Vec::<String>::new());
    store
}

pub async fn pages_run_both_ways(ground: impl Ground) {
    let store = filled(&ground).await;
    let newest = page(&store, None, Order::Descending, 4).await;
    assert_eq!(event_ids(&newest.json), ["$m9", "$m8", "$m7", "$m6"]);
    assert_eq!((newest.count, newest.next), (4, Some(id("m6"))));
    let second = page(&store, Some("m6"), Order::Descending, 4).await;
    assert_eq!(event_ids(&second.json), ["$m5", "$m4", "$m3", "$m2"]);
    let last = page(&store, Some("m2"), Order::Descending, 4).await;
    assert_eq!(event_ids(&last.json), ["$m1", "$m0"]);
    assert_eq!(last.next, None);
    let oldest = page(&store, None, Order::Ascending, 4).await;
    assert_eq!(event_ids(&oldest.json), ["$m0", "$m1", "$m2", "$m3"]);
    let second = page(&store, Some("m3"), Order::Ascending, 200).await;
    assert_eq!(
        event_ids(&second.json),
        ["$m4", "$m5", "$m6", "$m7", "$m8", "$m9"]
    );
    assert_eq!(second.next, None);
    // The channels at both ends of the key space are whole.
    for channel in [0, u128::MAX] {
        assert_eq!(store.listed(channel).await.len(), 10);
    }
}

pub async fn pages_are_bounded(ground: impl Ground) {
    let store = filled(&ground).await;
    let whole = page(&store, None, Order::Ascending, 10).await;
    assert_eq!((whole.count, whole.next), (10, None));
    let nearly = page(&store, None, Order::Ascending, 9).await;
    assert_eq!((nearly.count, nearly.next), (9, Some(id("m8"))));
    let one = page(&store, Some("m9"), Order::Descending, 1).await;
    assert_eq!((one.count, one.next), (1, Some(id("m8"))));
    let none = page(&store, None, Order::Ascending, 0).await;
    assert_eq!(none, RenderedPage::default());
    let behind = page(&store, Some("m9"), Order::Ascending, 5).await;
    assert_eq!(behind, RenderedPage::default());
}

pub async fn cursors_hold_while_messages_arrive(ground: impl Ground) {
    let store = filled(&ground).await;
    let first = page(&store, None, Order::Descending, 3).await;
    // One that is newer than all, one that healing finds in the part not read yet.
    store
        .put_and_index(vec![said(1, "new", 500), said(1, "healed", 105)])
        .await;
    let second = page(&store, Some("m7"), Order::Descending, 200).await;
    assert_eq!(event_ids(&first.json), ["$m9", "$m8", "$m7"]);
    let rest = ["$m6", "$m5", "$healed", "$m4", "$m3", "$m2", "$m1", "$m0"];
    assert_eq!(event_ids(&second.json), rest);
}

pub async fn an_unknown_cursor_is_no_page(ground: impl Ground) {
    let store = filled(&ground).await;
    assert_eq!(
        find_page(&store, Some("nowhere"), Order::Ascending, 5).await,
        None
    );
    // A message of another channel, and an event that is no message.
    assert_eq!(
        find_page(&store, Some("behind3"), Order::Ascending, 5).await,
        None
    );
    assert_eq!(
        find_page(&store, Some("create-1"), Order::Ascending, 5).await,
        None
    );
}

pub async fn order_is_time_then_event_id(ground: impl Ground) {
    let store = ground.open().await;
    let events = vec![
        created(1),
        said(1, "c", 10),
        said(1, "a", 10),
        said(1, "b", 10),
        said(1, "z", 9),
    ];
    store.put_and_index(events).await;
    assert_eq!(store.listed(1).await, ["$z", "$a", "$b", "$c"]);
}

pub async fn a_message_round_trips(ground: impl Ground) {
    let store = ground.open().await;
    let events = super::journal::every_kind();
    let rich = events.iter().find_map(|event| match &event.what {
        What::MediaUploaded(message) => Some(message.clone()),
        _ => None,
    });
    let mut rich = rich.expect("every kind has a message with a file");
    rich.reception.reactions.push(ReactionCount {
        key: "👍🏽".into(),
        count: 1,
    });
    store.put_and_index(events).await;
    let stored = store.index.message(rich.id).await.expect("read");
    assert_eq!(stored.as_ref(), Some(&rich));
    assert_eq!(
        store.index.message(id("nowhere")).await.expect("read"),
        None
    );
    assert_eq!(store.index.message(id("react")).await.expect("read"), None);
    let listed = page(&store, None, Order::Ascending, 200).await;
    assert!(items(&listed.json).contains(&MessageJson::from(&rich)));
}

pub async fn activity_is_the_newest_message(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            created(2),
            created(3),
            said(1, "a", 30),
            said(1, "b", 20),
        ])
        .await;
    store
        .put_and_index(vec![said(2, "c", 40), said(1, "d", 10)])
        .await;
    let activity = store.index.activity().await.expect("read");
    let expected = [(channel_id(1), 30), (channel_id(2), 40)];
    assert_eq!(activity, expected.into_iter().collect());
}

pub async fn a_message_again_changes_nothing(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            said(1, "m", 10),
            edited(1, "e", "m", "edited", 20),
        ])
        .await;
    // A rebuild that forgot the events but kept the rows of the journal: all come twice.
    store
        .index
        .clear(ClearTo::JournalEnd { since: 1 })
        .await
        .expect("cleared");
    store
        .put_and_index(vec![
            created(1),
            said(1, "m", 10),
            edited(1, "e", "m", "edited", 20),
        ])
        .await;
    store
        .index
        .clear(ClearTo::JournalStart)
        .await
        .expect("cleared");
    store.index_all().await;
    assert_eq!(store.preview("m").await.as_deref(), Some("edited"));
    assert_eq!(store.index.counts().await.expect("read"), (1, 1));
}

pub async fn a_message_read_again_with_another_time_is_there_once(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            said(1, "other", 15),
            // Ahead of our clock, it was given the time of its arrival.
            said(1, "m", 10),
            edited(1, "e", "m", "edited", 30),
        ])
        .await;
    let to = ClearTo::JournalEnd { since: 1 };
    store.index.clear(to).await.expect("cleared");
    let again = vec![created(1), said(1, "other", 15), said(1, "m", 20)];
    store.put_and_index(again).await;
    assert_eq!(store.listed(1).await, ["$other", "$m"]);
    let to = ClearTo::JournalStart;
    store.index.clear(to).await.expect("cleared");
    store.index_all().await;
    assert_eq!(store.listed(1).await, ["$other", "$m"]);
    assert_eq!(store.preview("m").await.as_deref(), Some("edited"));
    // What happens to it happens to the one that is listed.
    store.put_and_index(vec![deleted(1, "d", "m")]).await;
    assert_eq!(store.preview("m").await.as_deref(), Some(""));
    assert_eq!(store.listed(1).await, ["$other", "$m"]);
}
