//! Invite links, and who comes by them.

use futures_util::future::join_all;
use uuid::Uuid;

use super::Ground;
use super::samples::{channel_id, user};
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::invite::{Admission, InviteLink};
use crate::domain::session::Digest;
use crate::store::Store;

pub fn link(number: u8, max_uses: Option<u32>) -> InviteLink {
    InviteLink {
        id: Uuid::from_u128(number.into()),
        channel: channel_id(1),
        digest: Digest([number; 32]),
        created_by: Entity::parse("user:alice").expect("an entity"),
        created_at: Millis::from(number),
        expires_at: Some(1_000),
        max_uses,
        uses: 0,
    }
}

async fn admit(store: &Store, link: &InviteLink, name: &str, now: Millis) -> Admission {
    let admitted = store.invites.admit(link, &user(name), now).await;
    admitted.expect("written")
}

async fn found(store: &Store, link: &InviteLink) -> Option<InviteLink> {
    store.invites.link_of(&link.digest).await.expect("read")
}

pub async fn links_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    let (mut first, second) = (link(1, None), link(2, Some(3)));
    let mut elsewhere = link(3, None);
    elsewhere.channel = channel_id(2);
    for link in [&second, &first, &elsewhere] {
        store.invites.add_link(link.clone()).await.expect("added");
    }
    assert_eq!(admit(&store, &first, "bob", 5).await, Admission::Counted);
    first.uses = 1;
    let store = ground.kill(store).await;
    let links = store.invites.links(channel_id(1)).await.expect("read");
    assert_eq!(links, [first.clone(), second]);
    assert_eq!(found(&store, &first).await, Some(first.clone()));
    assert_eq!(admit(&store, &first, "bob", 6).await, Admission::Again);
    assert_eq!(found(&store, &link(9, None)).await, None);
}

pub async fn ended_links_go_with_the_next(mut ground: impl Ground) {
    let store = ground.open().await;
    let (ended, good) = (link(1, None), link(2, None));
    let mut elsewhere = link(3, None);
    elsewhere.channel = channel_id(2);
    for link in [&ended, &elsewhere] {
        store.invites.add_link(link.clone()).await.expect("added");
    }
    assert_eq!(admit(&store, &ended, "bob", 5).await, Admission::Counted);
    let good = InviteLink {
        created_at: 1_000,
        expires_at: Some(2_000),
        ..good
    };
    store.invites.add_link(good.clone()).await.expect("added");
    let store = ground.kill(store).await;
    let links = store.invites.links(channel_id(1)).await.expect("read");
    assert_eq!(links, std::slice::from_ref(&good));
    assert_eq!(found(&store, &ended).await, None);
    assert_eq!(found(&store, &elsewhere).await, Some(elsewhere));
}

pub async fn a_link_lets_in_as_many_as_it_is_for(ground: impl Ground) {
    let store = ground.open().await;
    let link = link(1, Some(10));
    store.invites.add_link(link.clone()).await.expect("added");
    let names: Vec<_> = (0..40)
        .map(|number| format!("guest{}", number / 2))
        .collect();
    let all = join_all(names.iter().map(|name| admit(&store, &link, name, 5))).await;
    let of = |wanted| all.iter().filter(|it| **it == wanted).count();
    assert_eq!(of(Admission::Counted), 10);
    assert_eq!(of(Admission::Again), 10);
    assert_eq!(of(Admission::Refused), 20);
    let uses = found(&store, &link).await.map(|link| link.uses);
    assert_eq!(uses, Some(10));
    assert_eq!(
        admit(&store, &link, "guest0", 1_000).await,
        Admission::Refused
    );
}

pub async fn who_could_not_come_is_not_counted(ground: impl Ground) {
    let store = ground.open().await;
    let link = link(1, Some(1));
    store.invites.add_link(link.clone()).await.expect("added");
    assert_eq!(admit(&store, &link, "bob", 5).await, Admission::Counted);
    assert_eq!(admit(&store, &link, "carol", 5).await, Admission::Refused);
    for _ in 0..2 {
        let undone = store.invites.unadmit(&link, &user("bob")).await;
        undone.expect("written");
    }
    let uses = found(&store, &link).await.map(|link| link.uses);
    assert_eq!(uses, Some(0));
    assert_eq!(admit(&store, &link, "carol", 5).await, Admission::Counted);
}

pub async fn a_link_is_removed_with_its_uses(mut ground: impl Ground) {
    let store = ground.open().await;
    let (gone, kept) = (link(1, None), link(2, None));
    for link in [&gone, &kept] {
        store.invites.add_link(link.clone()).await.expect("added");
        assert_eq!(admit(&store, link, "bob", 5).await, Admission::Counted);
    }
    let remove = |channel| store.invites.remove_link(channel, gone.id);
    assert!(!remove(channel_id(2)).await.expect("written"));
    assert!(remove(channel_id(1)).await.expect("written"));
    assert!(!remove(channel_id(1)).await.expect("written"));
    let store = ground.kill(store).await;
    assert_eq!(found(&store, &gone).await, None);
    assert_eq!(admit(&store, &gone, "carol", 5).await, Admission::Refused);
    assert_eq!(admit(&store, &kept, "bob", 5).await, Admission::Again);
    // One of the same id counts from the beginning.
    store.invites.add_link(gone.clone()).await.expect("added");
    assert_eq!(admit(&store, &gone, "bob", 5).await, Admission::Counted);
}
