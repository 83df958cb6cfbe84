//! Sessions and keys.

use std::ops::RangeInclusive;

use super::Ground;
use crate::domain::entity::Entity;
use crate::domain::session::{Digest, Holder, Refresh, Session};
use crate::store::Store;
use crate::store::sessions::KeyUse;

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

fn alice() -> Holder {
    Holder::Person(Entity::parse("user:alice").expect("an entity"))
}

/// A session that begins at its number times ten and expires a hundred later.
pub fn session(number: u8, holder: Holder) -> Session {
    let created_at = u64::from(number) * 10;
    Session {
        key: digest(number),
        holder,
        created_at,
        expires_at: created_at + 100,
        refresh: Some(Refresh {
            current: digest(100 + number),
            previous: None,
            rotated_at: created_at,
            is_seen: created_at % 2 == 0,
        }),
    }
}

/// The numbers of those that are there.
pub async fn sessions_of(store: &Store, numbers: RangeInclusive<u8>) -> Vec<u8> {
    let mut there = Vec::new();
    for number in numbers {
        let found = store.sessions.session(digest(number)).await;
        if found.expect("read").is_some() {
            there.push(number);
        }
    }
    there
}

pub async fn a_session_is_found_until_it_ends(ground: impl Ground) {
    let store = ground.open().await;
    let sessions = &store.sessions;
    let without_refresh = Session {
        refresh: None,
        ..session(2, Holder::Operator("root".into()))
    };
    for session in [session(1, alice()), without_refresh.clone()] {
        sessions.start(session, 9).await.expect("started");
    }
    let found = sessions.session(digest(1)).await.expect("read");
    assert_eq!(found, Some(session(1, alice())));
    let found = sessions.session(digest(2)).await.expect("read");
    assert_eq!(found, Some(without_refresh));
    assert!(sessions.end(digest(1)).await.expect("ended"));
    assert!(!sessions.end(digest(1)).await.expect("ended"));
    assert_eq!(sessions_of(&store, 1..=2).await, [2]);
    // Two whose names begin alike are two.
    sessions
        .start(session(3, Holder::Operator("root2".into())), 9)
        .await
        .expect("started");
    let ended = sessions.end_all(Holder::Operator("root".into())).await;
    assert_eq!(ended.expect("ended"), 1);
    assert_eq!(sessions_of(&store, 1..=3).await, [3]);
}

pub async fn a_token_is_replaced_once(ground: impl Ground) {
    let store = ground.open().await;
    let sessions = &store.sessions;
    let first = session(1, alice());
    sessions.start(first.clone(), 9).await.expect("started");
    let refresh = first.refresh.clone().expect("a token");
    let next = refresh.rotated(digest(201), 50);
    let replace = async |from, next: &Refresh| {
        let replaced = sessions.refresh(digest(1), from, next.clone(), 500).await;
        replaced.expect("written")
    };
    assert!(replace(digest(101), &next).await);
    assert!(!replace(digest(101), &refresh.rotated(digest(202), 51)).await);
    let found = sessions.session(digest(1)).await.expect("read");
    let expected = Session {
        refresh: Some(next),
        expires_at: 500,
        ..first
    };
    assert_eq!(found, Some(expected));
    sessions.end(digest(1)).await.expect("ended");
    assert!(!replace(digest(201), &refresh).await);
    assert!(sessions_of(&store, 1..=1).await.is_empty());
}

pub async fn the_oldest_sessions_make_room(ground: impl Ground) {
    let store = ground.open().await;
    let bob = Holder::Person(Entity::parse("user:bob").expect("an entity"));
    for session in [session(1, bob), session(3, alice()), session(2, alice())] {
        store.sessions.start(session, 2).await.expect("started");
    }
    assert_eq!(sessions_of(&store, 1..=4).await, [1, 2, 3]);
    store
        .sessions
        .start(session(4, alice()), 2)
        .await
        .expect("started");
    assert_eq!(sessions_of(&store, 1..=4).await, [1, 3, 4]);
}

pub async fn expired_sessions_are_dropped(ground: impl Ground) {
    let store = ground.open().await;
    let sessions = &store.sessions;
    for number in 1..=4 {
        let session = session(number, alice());
        sessions.start(session, 9).await.expect("started");
    }
    assert_eq!(sessions.drop_expired(109).await.expect("dropped"), 0);
    assert_eq!(sessions.drop_expired(120).await.expect("dropped"), 2);
    assert_eq!(sessions_of(&store, 1..=4).await, [3, 4]);
    // Nothing of them is left under their holder either.
    assert_eq!(sessions.end_all(alice()).await.expect("ended"), 2);
}

pub async fn sessions_and_keys_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    let session = session(1, alice());
    store.sessions.start(session, 9).await.expect("started");
    let key = store.sessions.key(KeyUse::Access, [1; 32]).await;
    assert_eq!(key.expect("a key"), [1; 32]);
    let store = ground.kill(store).await;
    assert_eq!(sessions_of(&store, 1..=1).await, [1]);
    let key = store.sessions.key(KeyUse::Access, [2; 32]).await;
    assert_eq!(key.expect("a key"), [1; 32]);
    let key = store.sessions.key(KeyUse::Refresh, [3; 32]).await;
    assert_eq!(key.expect("a key"), [3; 32]);
    store.sessions.end(digest(1)).await.expect("ended");
    let store = ground.kill(store).await;
    assert!(sessions_of(&store, 1..=1).await.is_empty());
}
