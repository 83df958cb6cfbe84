//! The audit log.

use std::net::IpAddr;

use super::Ground;
use super::samples::{append, channel_id, member, new};
use crate::domain::audit::{AuditFilter, Deed, Origin, Via, vouches_for};
use crate::domain::event::What;
use crate::domain::id::ChannelId;
use crate::domain::member::Membership;
use crate::store::audit::{Known, READER, Read, along, hash, reader};
use crate::store::{Append, OriginOf, Placed, Store};

fn deed(actor: &str, channel: Option<ChannelId>) -> Deed {
    let mut deed = Deed::new("member.banned", actor, 5).target("user:bob");
    deed.channel = channel;
    deed
}

fn origin() -> Origin {
    Origin {
        actor: Some("operator:root".to_owned()),
        via: Via::Service("billing".to_owned()),
        address: Some(IpAddr::from([192, 0, 2, 1])),
    }
}

async fn add(store: &Store, deeds: Vec<Deed>, now: u64) -> u64 {
    store.audit.add(deeds, now).await.expect("added")
}

pub async fn records_follow_each_other_over_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    assert_eq!(
        add(&store, vec![deed("a", None), deed("b", None)], 10).await,
        2
    );
    let store = ground.kill(store).await;
    assert_eq!(add(&store, vec![deed("c", None)], 4).await, 3);
    let all = store.audit.read(0, 10).await.expect("read");
    let (start, head) = store.audit.ends().await.expect("read");
    let mut link = start;
    for record in &all {
        link = crate::domain::audit::follow(&link, record, hash).expect("it follows");
    }
    assert_eq!((all.len(), &link), (3, &head));
    assert_eq!(all[2].at(), 10, "time never goes back");
}

pub async fn records_are_filtered_and_paged(ground: impl Ground) {
    let store = ground.open().await;
    let (here, there) = (channel_id(1), channel_id(2));
    for number in 0..6 {
        let channel = [Some(here), Some(there), None][number % 3];
        add(&store, vec![deed(&format!("user:{number}"), channel)], 10).await;
    }
    let list = async |filter: AuditFilter, before, limit| {
        let page = store.audit.list(filter, before, limit).await.expect("read");
        let seqs: Vec<_> = page.items.iter().map(|it| it.seq).collect();
        (seqs, page.next)
    };
    assert_eq!(
        list(AuditFilter::default(), None, 4).await,
        (vec![6, 5, 4, 3], Some(3))
    );
    assert_eq!(
        list(AuditFilter::default(), Some(3), 4).await,
        (vec![2, 1], None)
    );
    let of_here = AuditFilter {
        channel: Some(here),
        ..AuditFilter::default()
    };
    assert_eq!(list(of_here, None, 4).await, (vec![4, 1], None));
    let of_one = AuditFilter {
        actor: Some("user:2".to_owned()),
        ..AuditFilter::default()
    };
    assert_eq!(list(of_one, None, 4).await, (vec![3], None));
}

pub async fn trimming_keeps_the_last_and_its_hash(ground: impl Ground) {
    let store = ground.open().await;
    for now in [10, 20, 30] {
        add(&store, vec![deed("a", Some(channel_id(1)))], now).await;
    }
    let trim = async |before, limit| {
        let trimming = store.audit.trim(before, limit, 200).await;
        trimming.expect("trimmed")
    };
    assert_eq!((trim(100, 1).await, trim(30, 10).await), (1, 1));
    assert_eq!(trim(30, 10).await, 0, "nothing is that old");
    let (anchor, head) = store.audit.ends().await.expect("read");
    assert_eq!((anchor.seq, head.seq), (2, 5));
    let left = store.audit.read(0, 10).await.expect("read");
    assert_eq!(left[0].fields()["previous"], anchor.hash);
    // Each trimming says what it has dropped, in the commit that drops it.
    assert!(vouches_for(&left[2], &anchor) && !vouches_for(&left[1], &anchor));
    assert_eq!(trim(1_000, 10).await, 2, "not the last one");
}

pub async fn origins_are_kept_until_they_are_read(mut ground: impl Ground) {
    let store = ground.open().await;
    let joined = What::MemberChanged(member("alice", Membership::Joined, 10));
    let event = new(1, "joined", joined);
    let pushed = append(vec![event.clone()]);
    let pushed = store.journal.append(pushed).await.expect("appended");
    assert_eq!(store.audit.origin(pushed.head).await.expect("read"), None);
    // Our own answer comes behind the push, and beside what somebody else does.
    let others = What::MemberChanged(member("bob", Membership::Joined, 11));
    let echoed = Append {
        origin: Some(OriginOf {
            origin: origin(),
            events: vec![1],
        }),
        ..append(vec![new(1, "others", others), event])
    };
    let echoed = store.journal.append(echoed).await.expect("appended");
    let store = ground.kill(store).await;
    assert_eq!(echoed.placed[0], Placed::New(echoed.head));
    assert_eq!(store.audit.origin(echoed.head).await.expect("read"), None);
    let found = store.audit.origin(pushed.head).await.expect("read");
    assert_eq!(found, Some(origin()));
    let value = Known {
        value: Some("value -".to_owned()),
        at: 7,
    };
    let gone = Known { value: None, at: 8 };
    let now = [("name", &value), ("gone", &gone)];
    let now = now.map(|(name, known)| (name.to_owned(), known.clone()));
    let read = Read {
        deeds: vec![deed("a", None)],
        now: now.to_vec(),
        position: pushed.head,
        begins: Some(reader(0, 1)),
    };
    store.audit.add_read(read, 10).await.expect("added");
    let store = ground.kill(store).await;
    assert_eq!(store.audit.origin(pushed.head).await.expect("read"), None);
    let seen = async |name: &str| store.audit.seen(name).await.expect("read");
    assert_eq!(seen("name").await, Some(value));
    assert_eq!(seen("gone").await, Some(gone));
    let other = ("other".to_owned(), Known::default());
    store.audit.know(vec![other], true).await.expect("noted");
    assert_eq!(seen("other").await, Some(Known::default()));
    assert_eq!(seen("name").await, None);
    let reader = store.subscriptions.get(READER).await.expect("read");
    assert_eq!(reader.map(|it| it.position), Some(pushed.head));
}

pub async fn a_deed_is_kept_with_what_was_done_or_not_at_all(mut ground: impl Ground) {
    let store = ground.open().await;
    let link = super::invites::link(1, None);
    let adding = store.invites.add_link(link.clone());
    let added = along(vec![deed("a", None)], 10, adding).await;
    added.expect("added");
    let store = ground.kill(store).await;
    assert_eq!(store.audit.read(0, 10).await.expect("read").len(), 1);
    for (id, is_there) in [(uuid::Uuid::nil(), false), (link.id, true)] {
        let removing = store.invites.remove_link(link.channel, id);
        let removed = along(vec![deed("b", None)], 10, removing).await;
        assert_eq!(removed.expect("removed"), is_there);
    }
    // What is written without it brings no record.
    store.invites.add_link(link).await.expect("added");
    let all = store.audit.read(0, 10).await.expect("read");
    assert_eq!(all.len(), 2, "{all:?}");
}
