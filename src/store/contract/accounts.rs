//! Agents and creations.

use super::Ground;
use super::samples::{alias, channel_id, user};
use crate::domain::channel::{ChannelKind, Visibility};
use crate::domain::id::Millis;
use crate::domain::member::Agent;
use crate::store::{Creation, StoreError};

fn agent(name: &str, matrix_user: &str) -> Agent {
    Agent {
        name: name.into(),
        user: user(matrix_user),
        display_name: "Софія".into(),
        created_at: 7,
    }
}

pub fn creation(number: u128, localpart: &str, begun_at: Millis) -> Creation {
    Creation {
        id: channel_id(number),
        kind: ChannelKind::Channel,
        slug: "general".into(),
        name: "General".into(),
        description: "about all".into(),
        microdao: "microdao:7".into(),
        visibility: Visibility::Private,
        confidential: true,
        is_default: true,
        alias: alias(localpart),
        created_by: None,
        begun_at,
    }
}

pub async fn agents_are_unique(ground: impl Ground) {
    let store = ground.open().await;
    let accounts = &store.accounts;
    accounts
        .add_agent(agent("sofia", "agent_sofia"))
        .await
        .expect("added");
    for (name, matrix_user) in [("sofia", "agent_other"), ("other", "agent_sofia")] {
        let refused = accounts.add_agent(agent(name, matrix_user)).await;
        assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    }
    accounts
        .add_agent(agent("anna", "agent_anna"))
        .await
        .expect("added");
    let all = accounts.agents().await.expect("read");
    assert_eq!(
        all,
        [agent("anna", "agent_anna"), agent("sofia", "agent_sofia")]
    );
    assert_eq!(accounts.agent("nobody").await.expect("read"), None);
}

pub async fn an_agent_is_updated(ground: impl Ground) {
    let store = ground.open().await;
    let accounts = &store.accounts;
    assert!(
        !accounts
            .update_agent(agent("sofia", "own"))
            .await
            .expect("written")
    );
    accounts
        .add_agent(agent("sofia", "agent_sofia"))
        .await
        .expect("added");
    accounts
        .add_agent(agent("anna", "agent_anna"))
        .await
        .expect("added");
    assert!(
        accounts
            .update_agent(agent("sofia", "own"))
            .await
            .expect("written")
    );
    assert_eq!(
        accounts.agent("sofia").await.expect("read"),
        Some(agent("sofia", "own"))
    );
    let refused = accounts.update_agent(agent("sofia", "agent_anna")).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    // The user that it had is free.
    accounts
        .add_agent(agent("heir", "agent_sofia"))
        .await
        .expect("added");
}

pub async fn creations_are_unique_by_alias(ground: impl Ground) {
    let store = ground.open().await;
    let creations = &store.creations;
    creations
        .begin(creation(2, "two", 20))
        .await
        .expect("begun");
    creations
        .begin(creation(1, "one", 30))
        .await
        .expect("begun");
    let refused = creations.begin(creation(3, "two", 40)).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let all = creations.unfinished().await.expect("read");
    assert_eq!(all, [creation(2, "two", 20), creation(1, "one", 30)]);
    creations.end(channel_id(2)).await.expect("ended");
    creations.end(channel_id(2)).await.expect("ended");
    creations
        .begin(creation(3, "two", 40))
        .await
        .expect("begun");
    let all = creations.unfinished().await.expect("read");
    assert_eq!(all, [creation(1, "one", 30), creation(3, "two", 40)]);
}

pub async fn accounts_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    store
        .accounts
        .add_agent(agent("sofia", "agent_sofia"))
        .await
        .expect("added");
    let store = ground.kill(store).await;
    assert_eq!(store.accounts.agents().await.expect("read").len(), 1);
    store
        .creations
        .begin(creation(1, "one", 30))
        .await
        .expect("begun");
    let store = ground.kill(store).await;
    assert_eq!(store.creations.unfinished().await.expect("read").len(), 1);
    store.creations.end(channel_id(1)).await.expect("ended");
    let store = ground.kill(store).await;
    assert!(store.creations.unfinished().await.expect("read").is_empty());
}
