//! Subscriptions and their positions.

use uuid::Uuid;

use super::Ground;
use super::samples::channel_id;
use crate::store::Subscription;

pub fn subscription(number: u128) -> Subscription {
    Subscription {
        id: Uuid::from_u128(number),
        reader: "webhook".into(),
        channel: Some(channel_id(1)),
        target: "https://example.org/hook".into(),
        events: vec!["messaging.message.created".into()],
        paused: false,
        position: 10,
        created_at: 100 - u64::try_from(number).expect("a small number"),
    }
}

pub async fn subscriptions_are_kept(mut ground: impl Ground) {
    let store = ground.open().await;
    let subscriptions = &store.subscriptions;
    subscriptions.put(subscription(1)).await.expect("written");
    subscriptions.put(subscription(2)).await.expect("written");
    let list = subscriptions.list().await.expect("read");
    assert_eq!(list, [subscription(2), subscription(1)]);
    let mut changed = subscription(1);
    (changed.channel, changed.paused) = (None, true);
    changed.events.clear();
    subscriptions.put(changed.clone()).await.expect("written");
    let store = ground.kill(store).await;
    let subscriptions = &store.subscriptions;
    assert_eq!(
        subscriptions.get(changed.id).await.expect("read"),
        Some(changed.clone())
    );
    assert!(subscriptions.remove(changed.id).await.expect("written"));
    assert!(!subscriptions.remove(changed.id).await.expect("written"));
    assert_eq!(subscriptions.get(changed.id).await.expect("read"), None);
}

pub async fn a_position_never_goes_back(ground: impl Ground) {
    let store = ground.open().await;
    let id = subscription(1).id;
    assert!(!store.subscriptions.advance(id, 5).await.expect("written"));
    store
        .subscriptions
        .put(subscription(1))
        .await
        .expect("written");
    assert!(store.subscriptions.advance(id, 20).await.expect("written"));
    assert!(store.subscriptions.advance(id, 15).await.expect("written"));
    let store = ground.reopen(store).await;
    let stored = store
        .subscriptions
        .get(id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(stored.position, 20);
}

pub async fn the_slowest_holds_the_journal(ground: impl Ground) {
    let store = ground.open().await;
    let subscriptions = &store.subscriptions;
    let slowest = async || {
        let slowest = subscriptions.slowest().await.expect("read");
        slowest.map(|it| (it.id.as_u128(), it.after))
    };
    assert_eq!(slowest().await, None);
    for (number, position, paused) in [(1, 30, false), (2, 20, false), (3, 10, true)] {
        let mut subscription = subscription(number);
        (subscription.position, subscription.paused) = (position, paused);
        subscriptions.put(subscription).await.expect("written");
    }
    assert_eq!(slowest().await, Some((2, 20)));
    subscriptions
        .advance(subscription(2).id, 40)
        .await
        .expect("written");
    assert_eq!(slowest().await, Some((1, 30)));
}
