//! Tokens of services.

use uuid::Uuid;

use super::Ground;
use crate::domain::id::Millis;
use crate::domain::service::{ActAs, Rights, Scope, ServiceToken};
use crate::domain::session::Digest;
use crate::store::StoreError;

pub fn token(number: u8, created_at: Millis) -> ServiceToken {
    ServiceToken {
        id: Uuid::from_u128(number.into()),
        name: format!("service-{number}"),
        digest: Digest([number; 32]),
        rights: Rights {
            scopes: vec![Scope::Send, Scope::Api],
            act_as: vec![ActAs::Agents],
            rooms: Some(vec!["!here".to_owned()]),
        },
        created_at,
        created_by: "olena".to_owned(),
        expires_at: Some(created_at + 1_000),
        last_used_at: None,
        revoked_at: None,
    }
}

pub async fn tokens_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    for (number, at) in [(1, 20), (2, 10)] {
        let added = store.service_tokens.add_token(token(number, at));
        added.await.expect("added");
    }
    let store = ground.kill(store).await;
    let all = store.service_tokens.tokens().await.expect("read");
    assert_eq!(all, [token(2, 10), token(1, 20)]);
}

pub async fn a_service_has_one_token_that_counts(ground: impl Ground) {
    let store = ground.open().await;
    let tokens = &store.service_tokens;
    let named = |number: u8, at: Millis| ServiceToken {
        name: "billing".to_owned(),
        ..token(number, at)
    };
    tokens.add_token(named(1, 10)).await.expect("the first");
    let refused = tokens.add_token(named(2, 20)).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let expired = tokens.add_token(named(3, 1_010)).await;
    expired.expect("the first has expired");
    let revoked = tokens.revoke_token(named(3, 0).id, 1_020).await;
    assert!(revoked.expect("written"));
    tokens
        .add_token(named(4, 1_030))
        .await
        .expect("it is revoked");
}

pub async fn a_token_is_revoked_once(mut ground: impl Ground) {
    let store = ground.open().await;
    let tokens = &store.service_tokens;
    tokens.add_token(token(1, 10)).await.expect("added");
    let id = token(1, 10).id;
    assert!(tokens.revoke_token(id, 30).await.expect("written"));
    assert!(!tokens.revoke_token(id, 40).await.expect("written"));
    let nobody = Uuid::from_u128(99);
    assert!(!tokens.revoke_token(nobody, 40).await.expect("written"));
    let store = ground.kill(store).await;
    let all = store.service_tokens.tokens().await.expect("read");
    assert_eq!(all[0].revoked_at, Some(30));
    assert!(!all[0].is_good(31));
}

pub async fn the_last_use_of_a_token_is_kept(ground: impl Ground) {
    let store = ground.open().await;
    let tokens = &store.service_tokens;
    tokens.add_token(token(1, 10)).await.expect("added");
    let id = token(1, 10).id;
    for used in [vec![(id, 50)], vec![(id, 40), (Uuid::from_u128(99), 60)]] {
        tokens.tokens_used(used).await.expect("written");
    }
    let store = ground.reopen(store).await;
    let all = store.service_tokens.tokens().await.expect("read");
    assert_eq!(all[0].last_used_at, Some(50));
}
