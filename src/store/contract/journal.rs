//! The journal: order, bounds, what is skipped.

use std::time::Duration;

use super::Ground;
use super::samples::{
    Shorthand, append, channel, channel_id, created, deleted, edited, empowered, event_id, member,
    message, new, new_seqs, pinned, said, user,
};
use crate::domain::channel::{ChannelChange, ChannelStatus, Visibility};
use crate::domain::event::{NewEvent, Skipped, Source, What};
use crate::domain::id::{MessageId, RoomId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::{Media, Mentions, MessageKind};
use crate::store::{Append, Appended};

pub async fn events_come_back_in_order(ground: impl Ground) {
    let store = ground.open().await;
    assert_eq!(
        (
            store.journal.head(),
            store.journal.first().await.expect("read")
        ),
        (0, 1)
    );
    let first = store.put(vec![created(1), said(1, "a", 10)]).await;
    let second = store.put(vec![said(1, "b", 5)]).await;
    assert_eq!((new_seqs(&first), new_seqs(&second)), (vec![1, 2], vec![3]));
    assert_eq!((first.head, second.head, store.journal.head()), (2, 3, 3));
    let seqs: Vec<_> = store
        .journal_after(1)
        .await
        .iter()
        .map(|event| event.seq)
        .collect();
    assert_eq!(seqs, [2, 3]);
    assert_eq!(store.journal.first().await.expect("read"), 1);
}

pub async fn every_kind_of_event_round_trips(ground: impl Ground) {
    let store = ground.open().await;
    let mut events = every_kind();
    events.extend(later_kinds());
    store.put(events.clone()).await;
    let store = ground.reopen(store).await;
    let read = store.journal_after(0).await;
    assert_eq!(read.len(), events.len());
    for (event, put) in read.into_iter().zip(events) {
        assert_eq!(event.arrived_at, 5_000);
        let back = NewEvent {
            channel: event.channel,
            event: event.event,
            source: event.source,
            what: event.what,
        };
        assert_eq!(back, put);
    }
}

/// One event of each kind and each way, with every field that may be missing and not.
pub fn every_kind() -> Vec<NewEvent> {
    let mut bare = channel(2);
    (bare.alias, bare.created_by) = (None, None);
    let mut rich = message(1, "rich", 12);
    rich.reply_to = Some(MessageId::of(&event_id("a")));
    rich.thread = Some(MessageId::of(&event_id("b")));
    rich.kind = MessageKind::Image;
    rich.truncated = true;
    rich.media = Some(Media {
        url: Some("mxc://example.org/abc".into()),
        mimetype: None,
        size: Some(u64::MAX),
    });
    let mut odd = message(1, "odd", 13);
    odd.kind = MessageKind::Other("org.example.odd".into());
    (odd.edited_at, odd.deleted) = (Some(14), true);
    let update = |change| What::ChannelUpdated {
        change,
        by: user("alice"),
        at: 2_000,
    };
    let mut events = vec![
        created(1),
        new(2, "create-2", What::ChannelCreated(bare)),
        said(1, "plain", 11),
        new(1, "rich", What::MediaUploaded(rich)),
        new(1, "odd", What::MessageCreated(odd)),
        edited(1, "edit", "plain", "нове", 30),
        deleted(1, "delete", "plain"),
        new(
            1,
            "react",
            What::ReactionAdded {
                target: event_id("rich"),
                key: "👍🏽".into(),
                by: user("bob"),
                at: 40,
            },
        ),
        new(1, "name", update(ChannelChange::Name("Energy".into()))),
        new(
            1,
            "topic",
            update(ChannelChange::Description(String::new())),
        ),
        new(1, "alias", update(ChannelChange::Alias(None))),
        new(
            1,
            "settings",
            update(ChannelChange::Settings {
                status: ChannelStatus::Archived,
                is_default: true,
                slow_mode_seconds: 0,
                changed_by: None,
            }),
        ),
    ];
    for membership in [
        Membership::Invited,
        Membership::Joined,
        Membership::Left,
        Membership::Banned,
    ] {
        let what = What::MemberChanged(member("bob", membership, 50));
        events.push(new(1, membership.as_str(), what));
    }
    let ways = [Source::Push, Source::Echo, Source::Heal, Source::Rebuild];
    for (event, source) in events.iter_mut().zip(ways.into_iter().cycle()) {
        event.source = source;
    }
    // An event of ours that is no Matrix event, and a message inside an event of another id.
    let mut foreign = said(1, "inside", 15);
    foreign.event = None;
    events.push(foreign);
    events
}

/// The kinds that the file of the first format does not have.
fn later_kinds() -> Vec<NewEvent> {
    let update = |name, change| {
        let by = user("alice");
        let at = 2_000;
        new(1, name, What::ChannelUpdated { change, by, at })
    };
    let mut calling = message(1, "calling", 16);
    calling.mentions = Mentions {
        entities: vec![calling.sender_entity.clone()],
        room: true,
    };
    let mentions = calling.mentions.clone();
    let removed = |name, key: Option<&str>, of| {
        let what = What::ReactionRemoved {
            target: event_id("react"),
            message: MessageId::of(&event_id("rich")),
            key: key.map(str::to_owned),
            of,
            by: user("alice"),
            at: 50,
        };
        new(1, name, what)
    };
    let edit = What::MessageEdited {
        target: event_id("calling"),
        by: user("alice"),
        preview: "нове".into(),
        truncated: true,
        mentions,
        at: 60,
    };
    vec![
        new(1, "calling", What::MessageCreated(calling)),
        new(1, "call again", edit),
        removed("removed", Some("👍🏽"), Some(user("bob"))),
        removed("removed too late", None, None),
        pinned(1, "pins", &["rich", "nowhere"], 70),
        pinned(1, "no pins", &[], 80),
        empowered(1, "levels", -1, &["alice"], 90),
        new(
            1,
            "banned for noise",
            What::MemberChanged(Member {
                reason: Some("галас".into()),
                ..member("bob", Membership::Banned, 90)
            }),
        ),
        new(
            1,
            "knocking",
            What::MemberChanged(member("eve", Membership::Knocking, 90)),
        ),
        update("open", ChannelChange::Visibility(Visibility::Public)),
        update("closed", ChannelChange::Visibility(Visibility::Private)),
        update("encrypted", ChannelChange::Encrypted),
        update("moved", ChannelChange::Room(RoomId::trusted("!new"))),
        update("knockable", ChannelChange::Knockable),
        update(
            "slow",
            ChannelChange::Settings {
                status: ChannelStatus::Active,
                is_default: false,
                slow_mode_seconds: 30,
                changed_by: None,
            },
        ),
    ]
}

pub async fn reading_is_bounded(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put((0..10).map(|n| said(1, &format!("m{n}"), n)).collect())
        .await;
    assert_eq!(store.journal.read(0, 4).await.expect("read").len(), 4);
    assert_eq!(store.journal.read(0, 0).await.expect("read").len(), 0);
    assert_eq!(store.journal.read(8, 4).await.expect("read").len(), 2);
    assert_eq!(store.journal.read(10, 4).await.expect("read").len(), 0);
    assert_eq!(
        store.journal.read(u64::MAX, 4).await.expect("read").len(),
        0
    );
}

pub async fn empty_append_changes_nothing(ground: impl Ground) {
    let store = ground.open().await;
    let appended = store.put(Vec::new()).await;
    let nothing = Appended {
        repeated: false,
        placed: Vec::new(),
        head: 0,
        indexed: false,
    };
    assert_eq!(appended, nothing);
    assert_eq!(
        store.journal.knows(&[]).await.expect("read"),
        Vec::<bool>::new()
    );
}

pub async fn skipped_are_counted_and_the_latest_kept(ground: impl Ground) {
    let store = ground.open().await;
    assert_eq!(store.journal.skipped().await.expect("read").count, 0);
    let skipped = |n: u64| Skipped {
        at: n,
        reason: format!("reason {n}"),
        raw: "{\"type\":\"кіт\"}".into(),
    };
    for batch in 0..5 {
        let skipped = (batch * 50..(batch + 1) * 50).map(skipped).collect();
        let append = Append {
            skipped,
            ..Append::default()
        };
        store.journal.append(append).await.expect("appended");
    }
    let store = ground.reopen(store).await;
    let report = store.journal.skipped().await.expect("read");
    assert_eq!((report.count, report.latest.len()), (250, 200));
    assert_eq!(report.latest.first(), Some(&skipped(249)));
    assert_eq!(report.latest.last(), Some(&skipped(50)));
}

pub async fn appends_of_many_callers_are_all_there(ground: impl Ground) {
    let store = ground.open().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..32u64 {
        let store = store.clone();
        callers.spawn(async move {
            let mut seqs = Vec::new();
            for n in 0..20 {
                // Every second event is one that the neighbour sends, too.
                let name = match n % 2 {
                    0 => format!("{caller}-{n}"),
                    _ => format!("{}-{n}", caller / 2),
                };
                seqs.extend(new_seqs(&store.put(vec![said(1, &name, n)]).await));
            }
            seqs
        });
    }
    let mut seqs = callers.join_all().await.concat();
    seqs.sort_unstable();
    let expected = 32 * 10 + 16 * 10;
    assert_eq!(seqs, (1..=expected).collect::<Vec<_>>());
    let journal = store.journal_after(0).await;
    assert_eq!(journal.len() as u64, expected);
    assert!(journal.iter().all(|event| event.channel == channel_id(1)));
}

pub async fn an_append_rings_though_its_caller_has_gone(ground: impl Ground) {
    let store = ground.open().await;
    let mut bell = store.journal.bell();
    // Once it has been asked for it is done, whoever waits for it.
    let mut appending = store.journal.append(append(vec![created(1)]));
    drop(futures_util::poll!(&mut appending));
    drop(appending);
    let rung = bell.wait_for(|head| *head == 1);
    let rung = tokio::time::timeout(Duration::from_secs(5), rung).await;
    assert!(rung.is_ok_and(|rung| rung.is_ok()), "nobody heard of it");
}
