//! Agents, operators and creations.

use super::Ground;
use super::samples::{alias, channel_id, user};
use super::sessions::{session, sessions_of};
use crate::domain::account::OperatorAccount;
use crate::domain::agent::{Agent, Deactivation};
use crate::domain::channel::{ChannelKind, Visibility};
use crate::domain::command::{Argument, Command};
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::session::Holder;
use crate::store::{Creation, StoreError};

fn agent(name: &str, matrix_user: &str) -> Agent {
    Agent::new(name.into(), user(matrix_user), "Софія".into(), 7)
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
    let whole = Agent {
        description: Some("Answers".into()),
        avatar_url: Some("mxc://s/i".into()),
        owner: Entity::parse("user:alice"),
        commands: vec![Command {
            name: "weather".into(),
            description: "Says it".into(),
            usage: Some("<city>".into()),
            arguments: vec![Argument {
                name: "city".into(),
                description: None,
                is_required: true,
            }],
        }]
        .into(),
        deactivated: Some(Deactivation {
            at: 9,
            is_final: false,
            by_operator: true,
        }),
        ..agent("sofia", "own")
    };
    let written = accounts.update_agent(whole.clone()).await;
    assert!(written.expect("written"));
    assert_eq!(accounts.agent("sofia").await.expect("read"), Some(whole));
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

fn operator(name: &str, password_hash: &str, password_set_at: Millis) -> OperatorAccount {
    OperatorAccount {
        name: name.into(),
        password_hash: password_hash.into(),
        created_at: 7,
        password_set_at,
    }
}

pub async fn operators_are_unique_by_name(mut ground: impl Ground) {
    let store = ground.open().await;
    let accounts = &store.accounts;
    for name in ["root", "olena"] {
        accounts
            .add_operator(operator(name, "hash", 7))
            .await
            .expect("added");
    }
    let refused = accounts.add_operator(operator("root", "other", 8)).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let store = ground.kill(store).await;
    let accounts = &store.accounts;
    assert_eq!(
        accounts.operators().await.expect("read"),
        [operator("olena", "hash", 7), operator("root", "hash", 7)]
    );
    assert_eq!(accounts.operator("nobody").await.expect("read"), None);
}

pub async fn a_new_password_ends_the_sessions(mut ground: impl Ground) {
    let store = ground.open().await;
    for name in ["root", "olena"] {
        store
            .accounts
            .add_operator(operator(name, "hash", 7))
            .await
            .expect("added");
    }
    let (root, olena) = (
        Holder::Operator("root".into()),
        Holder::Operator("olena".into()),
    );
    for (number, holder) in [(1, &root), (2, &root), (3, &olena)] {
        let session = session(number, holder.clone());
        store.sessions.start(session, 9).await.expect("started");
    }
    let set = store
        .accounts
        .set_operator_password("root", "another", 9)
        .await;
    assert!(set.expect("written"));
    let store = ground.kill(store).await;
    let found = store.accounts.operator("root").await.expect("read");
    assert_eq!(found, Some(operator("root", "another", 9)));
    assert_eq!(sessions_of(&store, 1..=3).await, [3]);
    let set = store.accounts.set_operator_password("nobody", "x", 9).await;
    assert!(!set.expect("written"));
}
