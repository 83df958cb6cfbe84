//! Mutes and turns.

use uuid::Uuid;

use super::Ground;
use super::samples::{channel_id, user};
use crate::domain::mute::Mute;
use crate::store::moderation::Turn;

fn mute(name: &str, until: u64) -> Mute {
    Mute {
        channel: channel_id(1),
        user: user(name),
        level: -1,
        before: (name == "bob").then_some(20),
        since: 10,
        until,
        lifted_by: None,
        by: user("alice"),
        reason: (name == "bob").then(|| "галас".to_owned()),
    }
}

pub async fn mutes_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    for one in [mute("bob", 100), mute("eve", 50), mute("bob", 200)] {
        store.moderation.put_mute(one).await.expect("written");
    }
    let store = ground.kill(store).await;
    let moderation = &store.moderation;
    let all = moderation.mutes().await.expect("read");
    assert_eq!(all, [mute("bob", 200), mute("eve", 50)]);
    let here = moderation.mutes_in(channel_id(1)).await;
    assert_eq!(here.expect("read"), all);
    let there = moderation.mutes_in(channel_id(2)).await;
    assert_eq!(there.expect("read"), []);
    let of = async |channel, name: &str| {
        let found = moderation.mute(channel_id(channel), &user(name)).await;
        found.expect("read")
    };
    assert_eq!(of(1, "bob").await, Some(mute("bob", 200)));
    assert_eq!(of(2, "bob").await, None);
    assert_eq!(of(1, "bo").await, None);
    for _ in 0..2 {
        let removed = moderation.remove_mute(channel_id(1), &user("bob")).await;
        removed.expect("written");
    }
    let store = ground.kill(store).await;
    let left = store.moderation.mutes().await.expect("read");
    assert_eq!(left, [mute("eve", 50)]);
}

pub async fn a_turn_is_waited_for(mut ground: impl Ground) {
    let store = ground.open().await;
    let turn = |channel, name: &str, number, at| Turn {
        channel: channel_id(channel),
        user: user(name),
        name: Uuid::from_u128(number),
        at,
    };
    let take = async |store: &crate::store::Store, turn: Turn| {
        let taken = store.moderation.take_turn(turn, 1_000).await;
        taken.expect("written")
    };
    assert_eq!(take(&store, turn(1, "bob", 1, 10_000)).await, None);
    let store = ground.kill(store).await;
    assert_eq!(take(&store, turn(1, "bob", 2, 10_400)).await, Some(600));
    assert_eq!(
        take(&store, turn(1, "bob", 1, 10_400)).await,
        None,
        "the same"
    );
    assert_eq!(take(&store, turn(1, "eve", 3, 10_400)).await, None);
    assert_eq!(take(&store, turn(2, "bob", 4, 10_400)).await, None);
    assert_eq!(take(&store, turn(1, "bob", 5, 11_000)).await, None);
    let back = async |turn| {
        let returned = store.moderation.return_turn(turn).await;
        returned.expect("written");
    };
    back(turn(1, "bob", 1, 0)).await;
    assert_eq!(take(&store, turn(1, "bob", 6, 11_001)).await, Some(999));
    back(turn(1, "bob", 5, 0)).await;
    assert_eq!(take(&store, turn(1, "bob", 6, 11_001)).await, None);
    // The clock was put back.
    assert_eq!(take(&store, turn(1, "bob", 7, 5_000)).await, None);
}
