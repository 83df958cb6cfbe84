//! Sessions and keys.

use std::ops::RangeInclusive;

use super::Ground;
use crate::domain::audit::{Deed, Kept};
use crate::domain::entity::Entity;
use crate::domain::session::{Digest, Holder, Refresh, Seen, Session, Visitor};
use crate::store::Store;
use crate::store::sessions::{KeyUse, SigningKey};

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

fn deed() -> Deed {
    Deed::new("session.ended", "user:alice", 5)
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
        seen: seen(created_at, "203.0.113.9"),
    }
}

fn seen(at: u64, address: &str) -> Seen {
    Seen {
        at,
        visitor: Visitor::new(address.parse().ok(), Some("Браузер/1")),
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
    let root = Holder::Operator("root".into());
    let ended = sessions.end_all(root, None, deed()).await;
    assert_eq!(ended.expect("ended"), [digest(2)]);
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
    let started = store.sessions.start(session(4, alice()), 2).await;
    assert_eq!(started.expect("started"), [digest(2)]);
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
    let ended = sessions
        .end_all(alice(), None, deed())
        .await
        .expect("ended");
    assert_eq!(ended.len(), 2);
}

pub async fn the_sessions_of_a_holder_are_listed_and_ended(mut ground: impl Ground) {
    let store = ground.open().await;
    let sessions = &store.sessions;
    let bob = Holder::Person(Entity::parse("user:bob").expect("an entity"));
    let begun = [
        session(1, alice()),
        session(2, bob),
        session(3, alice()),
        session(4, alice()),
    ];
    for session in begun {
        sessions.start(session, 9).await.expect("started");
    }
    let held = sessions.held(alice()).await.expect("read");
    let expected = [4, 3, 1].map(|number| session(number, alice()));
    assert_eq!(held, expected);
    let bob = Holder::Person(Entity::parse("user:bob").expect("an entity"));
    let holders = sessions.holders().await.expect("read");
    assert_eq!(holders, [alice(), bob]);
    let ended = sessions.end_all(alice(), Some(digest(3)), deed()).await;
    assert_eq!(ended.expect("ended").len(), 2);
    let store = ground.kill(store).await;
    assert_eq!(sessions_of(&store, 1..=4).await, [2, 3]);
    // What was done is kept with it, of each.
    let records = store.audit.read(0, 9).await.expect("read");
    let target = |it: &Kept| it.fields().get("target").cloned();
    let targets: Vec<_> = records.iter().filter_map(target).collect();
    let ended = [4, 1].map(|number| digest(number).handle().to_string());
    assert_eq!(targets.len(), 2);
    assert!(ended.iter().all(|it| targets.contains(&it.as_str().into())));
}

pub async fn when_somebody_was_last_here_is_kept(ground: impl Ground) {
    let store = ground.open().await;
    let sessions = &store.sessions;
    sessions.start(session(1, alice()), 9).await.expect("begun");
    let later = seen(70, "2001:db8::1");
    // An older time and a session that is gone change nothing.
    for noted in [
        vec![(digest(1), later.clone()), (digest(9), later.clone())],
        vec![(digest(1), seen(60, "203.0.113.7"))],
    ] {
        sessions.seen(noted).await.expect("written");
    }
    let store = ground.reopen(store).await;
    let found = store.sessions.session(digest(1)).await.expect("read");
    let expected = Session {
        seen: later,
        ..session(1, alice())
    };
    assert_eq!(found, Some(expected));
}

pub async fn signing_keys_are_replaced_and_forgotten(mut ground: impl Ground) {
    let key = |secret, made_at, retired_at| SigningKey {
        secret: [secret; 32],
        made_at,
        retired_at,
    };
    let store = ground.open().await;
    let all = async |store: &Store, of| {
        let fresh = key(99, 99, None);
        store.sessions.signing_keys(of, fresh).await.expect("read")
    };
    let first = store
        .sessions
        .signing_keys(KeyUse::Access, key(1, 10, None));
    assert_eq!(first.await.expect("made"), [key(1, 10, None)]);
    let store = ground.kill(store).await;
    assert_eq!(all(&store, KeyUse::Access).await, [key(1, 10, None)]);
    for (secret, at) in [(2, 20), (3, 20)] {
        let next = vec![
            (KeyUse::Access, key(secret, at, None)),
            (KeyUse::Refresh, key(secret + 10, at, None)),
        ];
        let rotated = store.sessions.rotate_signing_keys(next);
        rotated.await.expect("written");
    }
    let store = ground.kill(store).await;
    let expected = [key(3, 20, None), key(2, 20, Some(20)), key(1, 10, Some(20))];
    assert_eq!(all(&store, KeyUse::Access).await, expected);
    let sessions = &store.sessions;
    let dropped = async |retired| {
        let dropped = sessions.drop_signing_keys(KeyUse::Access, retired).await;
        dropped.expect("written")
    };
    assert_eq!((dropped(19).await, dropped(20).await), (0, 2));
    let store = ground.kill(store).await;
    assert_eq!(all(&store, KeyUse::Access).await, [key(3, 20, None)]);
    let expected = [key(13, 20, None), key(12, 20, Some(20))];
    assert_eq!(all(&store, KeyUse::Refresh).await, expected);
}

pub async fn sessions_and_keys_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    let session = session(1, alice());
    store.sessions.start(session, 9).await.expect("started");
    let key = store.sessions.key(KeyUse::Media, [1; 32]).await;
    assert_eq!(key.expect("a key"), [1; 32]);
    let store = ground.kill(store).await;
    assert_eq!(sessions_of(&store, 1..=1).await, [1]);
    let key = store.sessions.key(KeyUse::Media, [2; 32]).await;
    assert_eq!(key.expect("a key"), [1; 32]);
    store.sessions.end(digest(1)).await.expect("ended");
    let store = ground.kill(store).await;
    assert!(sessions_of(&store, 1..=1).await.is_empty());
}
