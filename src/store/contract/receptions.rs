//! What comes of messages: reactions, threads, pins, in whatever order they come.

use super::Ground;
use super::samples::{
    Shorthand, append, channel_id, created, deleted, event_id, event_ids, new, pinned, reacted,
    replied, said, user,
};
use crate::domain::channel::ChannelChange;
use crate::domain::event::{NewEvent, What};
use crate::domain::id::MessageId;
use crate::domain::page::Order;
use crate::domain::reception::{Reception, ThreadSummary};
use crate::store::receptions::{ReactionQuery, ThreadQuery, ThreadsQuery};
use crate::store::{Append, ClearTo, Store};

fn id(name: &str) -> MessageId {
    MessageId::of(&event_id(name))
}

async fn reception(store: &Store, name: &str) -> Reception {
    let message = store.index.message(id(name)).await.expect("read");
    message.expect("there").reception
}

/// The reactions that a message shows, as `key count`.
async fn shown(store: &Store, name: &str) -> Vec<String> {
    let reactions = reception(store, name).await.reactions;
    let shown = reactions
        .iter()
        .map(|it| format!("{} {}", it.key, it.count));
    shown.collect()
}

/// Who has reacted, as `key localpart`, by pages of two.
async fn listed(store: &Store, channel: u128, name: &str) -> Vec<String> {
    let mut query = ReactionQuery {
        channel: channel_id(channel),
        message: id(name),
        after: None,
        limit: 2,
    };
    let mut listed = Vec::new();
    loop {
        let page = store.receptions.reactions(query.clone()).await;
        let page = page.expect("read");
        let Some(last) = page.last() else {
            return listed;
        };
        query.after = Some((last.key.clone(), last.by.clone(), last.event.clone()));
        listed.extend(
            page.iter()
                .map(|it| format!("{} {}", it.key, it.by.localpart())),
        );
    }
}

pub async fn reactions_are_counted_and_listed(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            said(1, "m", 10),
            said(1, "other", 11),
            reacted(1, "r1", "m", "🎉", "alice"),
            reacted(1, "r2", "m", "👍", "bob"),
            reacted(1, "r3", "m", "👍", "carol"),
            reacted(1, "r4", "m", "a/b", "bob"),
        ])
        .await;
    assert_eq!(shown(&store, "m").await, ["👍 2", "a/b 1", "🎉 1"]);
    assert_eq!(shown(&store, "other").await, [""; 0]);
    let all = ["a/b bob", "🎉 alice", "👍 bob", "👍 carol"];
    assert_eq!(listed(&store, 1, "m").await, all);
    store.assert_newest(1).await;

    let receptions = &store.receptions;
    let channel = channel_id(1);
    let of = async |key, by| {
        receptions
            .reactions_of(channel, id("m"), key, &user(by))
            .await
    };
    assert_eq!(of("👍", "bob").await.expect("read"), [event_id("r2")]);
    assert_eq!(of("👍", "alice").await.expect("read"), []);
    let asked = [id("other"), id("m"), id("never said")];
    let own = receptions.keys_of(channel, &asked, &user("bob")).await;
    let expected = [vec![], vec!["a/b".to_owned(), "👍".to_owned()], vec![]];
    assert_eq!(own.expect("read"), expected);
    let found = receptions.reaction(&event_id("r2")).await.expect("read");
    assert_eq!(found, Some((id("m"), 5)));
    let found = receptions.reaction(&event_id("m")).await.expect("read");
    assert_eq!(found, None);

    store
        .put_and_index(vec![deleted(1, "d2", "r2"), deleted(1, "d4", "r4")])
        .await;
    assert_eq!(shown(&store, "m").await, ["🎉 1", "👍 1"]);
    assert_eq!(of("👍", "bob").await.expect("read"), []);
    // It is known what it was, but not how it was meant.
    let found = receptions.reaction(&event_id("r2")).await.expect("read");
    assert_eq!(found, Some((id("m"), 5)));
    store.assert_newest(1).await;

    // What is deleted shows none, and an edit does not bring them back.
    store.put_and_index(vec![deleted(1, "d", "m")]).await;
    assert_eq!(shown(&store, "m").await, [""; 0]);
    store
        .put_and_index(vec![reacted(1, "r5", "m", "👍", "dora")])
        .await;
    assert_eq!(shown(&store, "m").await, [""; 0]);
}

pub async fn the_same_reaction_twice_counts_once(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            said(1, "m", 10),
            reacted(1, "r1", "m", "👍", "bob"),
            reacted(1, "r2", "m", "👍", "bob"),
        ])
        .await;
    assert_eq!(shown(&store, "m").await, ["👍 1"]);
    store.put_and_index(vec![deleted(1, "d1", "r1")]).await;
    assert_eq!(shown(&store, "m").await, ["👍 1"]);
    store.put_and_index(vec![deleted(1, "d2", "r2")]).await;
    assert_eq!(shown(&store, "m").await, [""; 0]);
}

/// All orders of so many places, by Heap's algorithm.
fn orders(places: &mut [usize], length: usize, found: &mut Vec<Vec<usize>>) {
    if length <= 1 {
        found.push(places.to_vec());
        return;
    }
    for at in 0..length {
        orders(places, length - 1, found);
        places.swap(if length.is_multiple_of(2) { at } else { 0 }, length - 1);
    }
}

pub async fn what_comes_of_a_message_is_the_same_in_any_order(ground: impl Ground) {
    let store = ground.open().await;
    let of = |name: &str, channel: u128| format!("{name}-{channel}");
    let story = |channel: u128| {
        let name = |name| of(name, channel);
        let (m, reply, gone) = (name("m"), name("reply"), name("gone"));
        vec![
            said(channel, &m, 10),
            reacted(channel, &name("r1"), &m, "👍", "bob"),
            reacted(channel, &name("r2"), &m, "👍", "carol"),
            deleted(channel, &name("d2"), &name("r2")),
            replied(channel, &reply, &m, "bob", 20),
            pinned(channel, &name("p"), &[&m], 30),
            replied(channel, &gone, &m, "carol", 40),
            deleted(channel, &name("d"), &gone),
        ]
    };
    let mut all = Vec::new();
    orders(&mut [0, 1, 2, 3, 4, 5, 6, 7], 8, &mut all);
    // Of 40,320 orders every 401st.
    let chosen: Vec<_> = all.into_iter().step_by(401).collect();
    let mut batch = Vec::new();
    for (channel, order) in (1u128..).zip(&chosen) {
        store.put_and_index(vec![created(channel)]).await;
        let story = story(channel);
        let told: Vec<_> = order.iter().map(|place| story[*place].clone()).collect();
        // One by one, and all at once.
        match channel % 2 {
            0 => batch.extend(told),
            _ => {
                for event in told {
                    store.put_and_index(vec![event]).await;
                }
            }
        }
    }
    store.put_and_index(batch).await;
    for (channel, order) in (1u128..).zip(&chosen) {
        let m = of("m", channel);
        let found = reception(&store, &m).await;
        let thread = ThreadSummary {
            count: 1,
            last_at: 20,
        };
        assert_eq!(found.thread, Some(thread), "{order:?}");
        assert!(found.pinned, "{order:?}");
        assert_eq!(shown(&store, &m).await, ["👍 1"], "{order:?}");
        assert_eq!(listed(&store, channel, &m).await, ["👍 bob"]);
        store.assert_newest(channel).await;
    }
}

pub async fn no_channel_reacts_in_another(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            created(2),
            reacted(2, "early", "m", "👎", "mallory"),
            said(1, "m", 10),
            reacted(2, "late", "m", "👎", "mallory"),
            replied(2, "reply", "m", "mallory", 20),
            pinned(2, "pins", &["m"], 30),
            reacted(1, "r", "m", "👍", "bob"),
            deleted(2, "d", "r"),
        ])
        .await;
    let expected = Reception {
        reactions: reception(&store, "m").await.reactions,
        ..Reception::default()
    };
    assert_eq!(reception(&store, "m").await, expected);
    assert_eq!(shown(&store, "m").await, ["👍 1"]);
    let elsewhere = ThreadsQuery {
        channel: channel_id(2),
        after: None,
        limit: 9,
    };
    let threads = store.receptions.threads(elsewhere).await.expect("read");
    assert_eq!(threads.items, [], "its root is not there");
}

/// The threads of channel 1 as `root count last`, by pages of two.
async fn threads(store: &Store) -> Vec<String> {
    let mut query = ThreadsQuery {
        channel: channel_id(1),
        after: None,
        limit: 2,
    };
    let mut listed = Vec::new();
    loop {
        let page = store.receptions.threads(query.clone()).await.expect("read");
        listed.extend(page.items.iter().map(|thread| {
            let (root, last) = (&thread.root.event, &thread.last.event);
            assert_eq!(thread.summary.last_at, thread.last.created_at);
            assert_eq!(thread.root.reception.thread, Some(thread.summary));
            format!("{root} {} {last}", thread.summary.count)
        }));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return listed,
        }
    }
}

pub async fn threads_are_counted_and_listed(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            said(1, "a", 10),
            said(1, "b", 11),
            said(1, "c", 12),
            said(1, "alone", 13),
            replied(1, "a1", "a", "bob", 20),
            replied(1, "b1", "b", "bob", 21),
            replied(1, "b2", "b", "carol", 23),
            replied(1, "b3", "b", "carol", 22),
            replied(1, "c1", "c", "carol", 24),
            replied(1, "lost1", "lost", "carol", 25),
        ])
        .await;
    let all = ["$c 1 $c1", "$b 3 $b2", "$a 1 $a1"];
    assert_eq!(threads(&store).await, all);
    let channel = channel_id(1);
    let thread = async |root| {
        let thread = store.receptions.thread(channel, id(root)).await;
        thread.expect("read")
    };
    let b = thread("b").await.expect("a thread");
    assert_eq!(b.participants, [user("carol"), user("bob")]);
    assert_eq!(b.root.event, event_id("b"));
    for none in ["alone", "b1", "lost", "never said"] {
        assert_eq!(thread(none).await, None, "{none}");
    }

    // What is deleted counts no more, and a thread without a message is none.
    store
        .put_and_index(vec![
            deleted(1, "d1", "b2"),
            deleted(1, "d2", "c1"),
            deleted(1, "d3", "b2"),
            replied(1, "a2", "a", "alice", 30),
        ])
        .await;
    assert_eq!(threads(&store).await, ["$a 2 $a2", "$b 2 $b3"]);
    assert_eq!(reception(&store, "c").await.thread, None);
    let b = thread("b").await.expect("a thread");
    assert_eq!(b.participants, [user("bob"), user("carol")]);
    let b2 = store.index.message(id("b2")).await.expect("read");
    assert_eq!(b2.expect("there").thread, Some(id("b")), "where it was");

    // A root that comes late is there with its thread; one that is deleted keeps it.
    store
        .put_and_index(vec![said(1, "lost", 5), deleted(1, "d4", "a")])
        .await;
    let all = ["$a 2 $a2", "$lost 1 $lost1", "$b 2 $b3"];
    assert_eq!(threads(&store).await, all);
    store.assert_newest(1).await;
}

pub async fn pages_of_threads_hold(ground: impl Ground) {
    let store = ground.open().await;
    let mut events = vec![created(1), said(1, "root", 10), said(1, "between", 25)];
    events.extend((0..7).map(|n| replied(1, &format!("t{n}"), "root", "bob", 20 + n)));
    store.put_and_index(events).await;
    let page = async |after: Option<&str>, order, limit| {
        let query = ThreadQuery {
            channel: channel_id(1),
            root: id("root"),
            after: after.map(id),
            order,
            limit,
        };
        store.receptions.thread_messages(query).await.expect("read")
    };
    let first = page(None, Order::Descending, 3).await.expect("a page");
    assert_eq!(event_ids(&first.json), ["$t6", "$t5", "$t4"]);
    assert_eq!((first.count, first.next), (3, Some(id("t4"))));
    // What is said and deleted meanwhile does not disturb.
    store
        .put_and_index(vec![
            replied(1, "t7", "root", "bob", 40),
            deleted(1, "d", "t4"),
            deleted(1, "d2", "t2"),
        ])
        .await;
    let next = page(Some("t4"), Order::Descending, 2).await;
    let next = next.expect("a page");
    assert_eq!(event_ids(&next.json), ["$t3", "$t1"]);
    let last = page(Some("t1"), Order::Descending, 2).await;
    let last = last.expect("a page");
    assert_eq!(event_ids(&last.json), ["$t0"]);
    assert_eq!(last.next, None);
    let up = page(Some("t3"), Order::Ascending, 9).await.expect("a page");
    assert_eq!(event_ids(&up.json), ["$t5", "$t6", "$t7"]);
    assert_eq!(page(Some("never said"), Order::Ascending, 9).await, None);
}

pub async fn a_later_list_of_pins_stands(ground: impl Ground) {
    let store = ground.open().await;
    let pins = async || {
        let pins = store.receptions.pins(channel_id(1)).await;
        pins.expect("read")
    };
    store
        .put_and_index(vec![
            created(1),
            said(1, "a", 10),
            said(1, "b", 11),
            pinned(1, "p2", &["b", "nowhere", "a", "b"], 200),
            pinned(1, "p1", &["a"], 100),
        ])
        .await;
    assert_eq!(pins().await, [id("b"), id("nowhere"), id("a")]);
    assert!(reception(&store, "a").await.pinned && reception(&store, "b").await.pinned);
    store.assert_newest(1).await;
    store
        .put_and_index(vec![pinned(1, "p3", &["nowhere", "a"], 200)])
        .await;
    assert_eq!(pins().await, [id("nowhere"), id("a")]);
    assert!(!reception(&store, "b").await.pinned);
    store.put_and_index(vec![said(1, "nowhere", 5)]).await;
    assert!(reception(&store, "nowhere").await.pinned);
    store.put_and_index(vec![pinned(1, "p4", &[], 300)]).await;
    assert_eq!(pins().await, []);
    assert!(!reception(&store, "a").await.pinned);
    store.assert_newest(1).await;
}

pub async fn what_comes_of_messages_is_made_anew(mut ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            said(1, "m", 10),
            reacted(1, "r1", "m", "👍", "bob"),
            reacted(1, "r2", "m", "👍", "carol"),
            deleted(1, "d2", "r2"),
            deleted(1, "d3", "r3"),
            reacted(1, "r3", "m", "👍", "dora"),
            replied(1, "t1", "m", "bob", 20),
            pinned(1, "p", &["m"], 30),
        ])
        .await;
    let before = reception(&store, "m").await;
    assert_eq!(shown(&store, "m").await, ["👍 1"]);
    let store = ground.kill(store).await;
    store.index_all().await;
    assert_eq!(reception(&store, "m").await, before);
    // The journal holds all of it twice from here on.
    let all = store.journal_after(0).await;
    let to = ClearTo::JournalEnd { since: 1 };
    store.index.clear(to).await.expect("cleared");
    let again = all.into_iter().map(|event| NewEvent {
        channel: event.channel,
        event: event.event,
        source: event.source,
        what: event.what,
    });
    store.put_and_index(again.collect()).await;
    assert_eq!(reception(&store, "m").await, before);
    for _ in 0..2 {
        let cleared = store.index.clear(ClearTo::JournalStart).await;
        cleared.expect("cleared");
        let pins = store.receptions.pins(channel_id(1)).await;
        assert_eq!(pins.expect("read"), []);
        store.index_all().await;
        assert_eq!(reception(&store, "m").await, before);
        assert_eq!(threads(&store).await, ["$m 1 $t1"]);
        assert_eq!(listed(&store, 1, "m").await, ["👍 bob"]);
    }
}

pub async fn reactions_go_when_a_channel_is_encrypted(ground: impl Ground) {
    let store = ground.open().await;
    let encrypted = What::ChannelUpdated {
        change: ChannelChange::Encrypted,
        by: user("alice"),
        at: 50,
    };
    store
        .put_and_index(vec![
            created(1),
            created(2),
            said(1, "m", 10),
            said(2, "elsewhere", 10),
            reacted(1, "r1", "m", "👍", "bob"),
            reacted(2, "r2", "elsewhere", "👍", "bob"),
            replied(1, "t1", "m", "bob", 20),
            pinned(1, "p", &["m"], 30),
            new(1, "encrypted", encrypted),
            reacted(1, "r3", "m", "🎉", "carol"),
            reacted(1, "r4", "late", "🎉", "carol"),
            said(1, "late", 60),
        ])
        .await;
    assert_eq!(shown(&store, "m").await, [""; 0]);
    assert_eq!(shown(&store, "late").await, [""; 0]);
    assert_eq!(listed(&store, 1, "m").await, [""; 0]);
    assert_eq!(shown(&store, "elsewhere").await, ["👍 1"]);
    // Who spoke where, and that it is pinned, is left; so is what a removal was about.
    let left = reception(&store, "m").await;
    assert!(left.pinned && left.thread.is_some());
    store
        .put_and_index(vec![deleted(1, "d1", "r1"), deleted(1, "d3", "r3")])
        .await;
    for name in ["r1", "r3"] {
        let found = store.receptions.reaction(&event_id(name)).await;
        let (message, _) = found.expect("read").expect("a reaction");
        assert_eq!(message, id("m"));
    }
}

pub async fn what_never_came_is_forgotten(ground: impl Ground) {
    let store = ground.open().await;
    let old = Append {
        arrived_at: 100,
        ..append(vec![
            created(1),
            reacted(1, "r", "never", "👍", "bob"),
            pinned(1, "p", &["nowhere"], 30),
            replied(1, "t", "root", "bob", 20),
        ])
    };
    store.journal.append(old).await.expect("appended");
    store
        .put(vec![reacted(1, "young", "later", "👍", "bob")])
        .await;
    store.index_all().await;
    let trim = async || store.journal.trim(200, u64::MAX).await.expect("trimmed");
    assert_eq!(trim().await, 4, "the journal's own");
    assert_eq!(trim().await, 2);
    assert_eq!(trim().await, 0);
    store
        .put_and_index(vec![
            said(1, "never", 10),
            said(1, "later", 11),
            said(1, "root", 12),
        ])
        .await;
    assert_eq!(listed(&store, 1, "never").await, [""; 0]);
    assert_eq!(shown(&store, "later").await, ["👍 1"]);
    assert!(reception(&store, "root").await.thread.is_some());
}

pub async fn surveys_go_with_the_known_events(mut ground: impl Ground) {
    let store = ground.open().await;
    let survey = async |store: &Store| {
        let survey = store.receptions.survey(channel_id(1)).await;
        survey.expect("read")
    };
    assert_eq!(survey(&store).await, 0);
    let set = store.receptions.set_survey(channel_id(1), 3).await;
    set.expect("written");
    assert_eq!(survey(&store).await, 3);
    let store = ground.reopen(store).await;
    store.put_and_index(vec![created(1)]).await;
    let cleared = store.index.clear(ClearTo::JournalStart).await;
    cleared.expect("cleared");
    assert_eq!(survey(&store).await, 3);
    let to = ClearTo::JournalEnd { since: 1 };
    store.index.clear(to).await.expect("cleared");
    assert_eq!(survey(&store).await, 0);
    ground.kill(store).await;
}
