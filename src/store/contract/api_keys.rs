//! API keys.

use uuid::Uuid;

use super::Ground;
use super::samples::channel_id;
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::key::{ApiKey, KeyRights, KeyScope};
use crate::domain::service::ActAs;
use crate::domain::session::Digest;

fn key(number: u8, created_at: Millis) -> ApiKey {
    ApiKey {
        id: Uuid::from_u128(number.into()),
        owner: Entity::parse("user:alice").expect("an entity"),
        name: format!("Скрипт {number}"),
        digest: Digest([number; 32]),
        rights: KeyRights {
            scopes: vec![KeyScope::MessagesRead, KeyScope::MessagesSend],
            channels: Some(vec![channel_id(1), channel_id(2)]),
            act_as: Some(ActAs::Agents),
        },
        made_by: (number > 1).then(|| "user:alice".to_owned()),
        created_at,
        expires_at: Some(created_at + 1_000),
        last_used_at: None,
    }
}

pub async fn keys_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    let plain = ApiKey {
        rights: KeyRights {
            scopes: KeyScope::ALL.to_vec(),
            channels: None,
            act_as: None,
        },
        expires_at: None,
        ..key(2, 10)
    };
    for key in [key(1, 20), plain.clone()] {
        store.api_keys.add_key(key).await.expect("added");
    }
    let store = ground.kill(store).await;
    let all = store.api_keys.keys().await.expect("read");
    assert_eq!(all, [plain, key(1, 20)]);
}

pub async fn a_key_is_removed_once(mut ground: impl Ground) {
    let store = ground.open().await;
    for key in [key(1, 10), key(2, 20)] {
        store.api_keys.add_key(key).await.expect("added");
    }
    let id = key(1, 10).id;
    assert!(store.api_keys.remove_key(id).await.expect("written"));
    assert!(!store.api_keys.remove_key(id).await.expect("written"));
    let store = ground.kill(store).await;
    assert_eq!(store.api_keys.keys().await.expect("read"), [key(2, 20)]);
}

pub async fn the_last_use_of_a_key_is_kept(ground: impl Ground) {
    let store = ground.open().await;
    let keys = &store.api_keys;
    keys.add_key(key(1, 10)).await.expect("added");
    let id = key(1, 10).id;
    for used in [vec![(id, 50)], vec![(id, 40), (Uuid::from_u128(99), 60)]] {
        keys.keys_used(used).await.expect("written");
    }
    let store = ground.reopen(store).await;
    let all = store.api_keys.keys().await.expect("read");
    assert_eq!(all[0].last_used_at, Some(50));
}
