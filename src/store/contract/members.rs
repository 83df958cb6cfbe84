//! Members in the index.

use super::Ground;
use super::samples::{Shorthand, channel_id, created, member, new, user};
use crate::domain::event::{NewEvent, What};
use crate::domain::id::Millis;
use crate::domain::member::{Member, Membership};
use crate::domain::page::Page;
use crate::store::Store;
use crate::store::index::MemberQuery;

fn changed(channel: u128, name: &str, membership: Membership, since: Millis) -> NewEvent {
    let id = format!("{name}-{channel}-{}-{since}", membership.as_str());
    new(
        channel,
        &id,
        What::MemberChanged(member(name, membership, since)),
    )
}

async fn page(
    store: &Store,
    membership: Option<Membership>,
    after: Option<&str>,
    limit: usize,
) -> Page<Member> {
    let query = MemberQuery {
        channel: channel_id(1),
        membership,
        after: after.map(user),
        limit,
    };
    store.index.members(query).await.expect("read")
}

fn names(page: &Page<Member>) -> Vec<&str> {
    page.items
        .iter()
        .map(|member| member.user.localpart())
        .collect()
}

pub async fn members_are_paged_by_user(ground: impl Ground) {
    let store = ground.open().await;
    let mut events = vec![created(1), created(2)];
    for name in ["dora", "alice", "carol", "bob", "eve"] {
        events.push(changed(1, name, Membership::Joined, 10));
        events.push(changed(2, &format!("{name}2"), Membership::Joined, 10));
    }
    events.push(changed(1, "bert", Membership::Left, 10));
    events.push(changed(1, "cleo", Membership::Invited, 10));
    store.put_and_index(events).await;
    let first = page(&store, None, None, 2).await;
    assert_eq!(names(&first), ["alice", "bob"]);
    assert_eq!(first.next.as_deref(), Some("@bob:example.org"));
    let second = page(&store, None, Some("bob"), 3).await;
    assert_eq!(names(&second), ["carol", "cleo", "dora"]);
    let last = page(&store, None, Some("dora"), 3).await;
    assert_eq!((names(&last), &last.next), (vec!["eve"], &None));
    let whole = page(&store, None, None, 6).await;
    assert_eq!((whole.items.len(), whole.next), (6, None));
    let joined = page(&store, Some(Membership::Joined), Some("bob"), 2).await;
    assert_eq!(names(&joined), ["carol", "dora"]);
    assert_eq!(joined.next.as_deref(), Some("@dora:example.org"));
    let invited = page(&store, Some(Membership::Invited), None, 2).await;
    assert_eq!((names(&invited), &invited.next), (vec!["cleo"], &None));
    // Behind a user who is not a member (any more).
    assert_eq!(names(&page(&store, None, Some("bz"), 1).await), ["carol"]);
    let none = page(&store, None, None, 0).await;
    assert!(none.items.is_empty());
    let stored = store
        .index
        .member(channel_id(1), &user("cleo"))
        .await
        .expect("read");
    assert_eq!(stored, Some(member("cleo", Membership::Invited, 10)));
    assert_eq!(
        store
            .index
            .member(channel_id(2), &user("cleo"))
            .await
            .expect("read"),
        None
    );
}

pub async fn a_later_change_wins(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            changed(1, "bob", Membership::Left, 30),
            changed(1, "bob", Membership::Joined, 20),
        ])
        .await;
    let bob = async || {
        let stored = store
            .index
            .member(channel_id(1), &user("bob"))
            .await
            .expect("read");
        stored.expect("known").membership
    };
    assert_eq!(bob().await, Membership::Left);
    assert!(page(&store, None, None, 9).await.items.is_empty());
    // At the same time, the one that came last.
    store
        .put_and_index(vec![changed(1, "bob", Membership::Banned, 30)])
        .await;
    assert_eq!(bob().await, Membership::Banned);
    store
        .put_and_index(vec![changed(1, "bob", Membership::Joined, 31)])
        .await;
    assert_eq!(bob().await, Membership::Joined);
    assert_eq!(page(&store, None, None, 9).await.items.len(), 1);
    assert!(
        page(&store, Some(Membership::Banned), None, 9)
            .await
            .items
            .is_empty()
    );
}

pub async fn memberships_of_a_user(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            created(2),
            created(3),
            changed(1, "bob", Membership::Joined, 10),
            changed(2, "bob", Membership::Invited, 10),
            changed(3, "bob", Membership::Joined, 10),
            changed(3, "bob", Membership::Left, 20),
            changed(3, "bobby", Membership::Joined, 20),
        ])
        .await;
    let mut bobs = store.index.memberships(&user("bob")).await.expect("read");
    bobs.sort_by_key(|(channel, _)| *channel);
    let expected = [
        (channel_id(1), Membership::Joined),
        (channel_id(2), Membership::Invited),
    ];
    assert_eq!(bobs, expected);
    assert!(
        store
            .index
            .memberships(&user("nobody"))
            .await
            .expect("read")
            .is_empty()
    );
}

pub async fn those_who_left_are_asked_for(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            changed(1, "alice", Membership::Joined, 10),
            changed(1, "bob", Membership::Left, 10),
            changed(1, "carol", Membership::Banned, 10),
            changed(1, "dora", Membership::Left, 10),
        ])
        .await;
    let left = page(&store, Some(Membership::Left), None, 1).await;
    assert_eq!(names(&left), ["bob"]);
    assert_eq!(left.next.as_deref(), Some("@bob:example.org"));
    let left = page(&store, Some(Membership::Left), Some("bob"), 5).await;
    assert_eq!((names(&left), &left.next), (vec!["dora"], &None));
    let banned = page(&store, Some(Membership::Banned), None, 5).await;
    assert_eq!(names(&banned), ["carol"]);
}

pub async fn who_knocks_is_apart(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            changed(1, "alice", Membership::Joined, 10),
            changed(1, "bob", Membership::Knocking, 10),
            changed(1, "carol", Membership::Knocking, 10),
            changed(1, "carol", Membership::Banned, 20),
            changed(1, "dora", Membership::Knocking, 10),
            changed(1, "dora", Membership::Joined, 20),
        ])
        .await;
    let knocking = page(&store, Some(Membership::Knocking), None, 5).await;
    assert_eq!(names(&knocking), ["bob"]);
    assert_eq!(names(&page(&store, None, None, 5).await), ["alice", "dora"]);
    let banned = page(&store, Some(Membership::Banned), None, 5).await;
    assert_eq!(names(&banned), ["carol"]);
    let index = &store.index;
    assert!(
        index
            .memberships(&user("bob"))
            .await
            .expect("read")
            .is_empty()
    );
    let bob = index
        .member(channel_id(1), &user("bob"))
        .await
        .expect("read");
    assert_eq!(
        bob.map(|member| member.membership),
        Some(Membership::Knocking)
    );
}

pub async fn members_are_counted(ground: impl Ground) {
    let store = ground.open().await;
    let mut events = vec![created(1), created(2)];
    for name in ["alice", "bob", "carol"] {
        events.push(changed(1, name, Membership::Joined, 10));
    }
    events.push(changed(1, "dora", Membership::Invited, 10));
    events.push(changed(1, "carol", Membership::Left, 20));
    events.push(changed(2, "eve", Membership::Joined, 10));
    store.put_and_index(events).await;
    for (membership, count) in [
        (Membership::Joined, 2),
        (Membership::Invited, 1),
        (Membership::Left, 1),
        (Membership::Banned, 0),
    ] {
        let counted = store.index.count_members(channel_id(1), membership).await;
        assert_eq!(counted.expect("read"), count, "{membership:?}");
    }
}
