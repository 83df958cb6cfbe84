//! Requests that their callers have named.

use uuid::Uuid;

use super::Ground;
use super::samples::{append, created, message, new, user};
use crate::domain::event::What;
use crate::domain::id::Millis;
use crate::domain::message::{Message, Sending};
use crate::store::idempotency::{KeyedRequest, RequestName, SendingName, Sent};

fn request(caller: &str, key: &str, begun_at: Millis) -> KeyedRequest {
    KeyedRequest {
        name: RequestName {
            caller: caller.to_owned(),
            operation: "createGatewayRoom".to_owned(),
            key: key.to_owned(),
        },
        digest: [7; 32],
        id: Uuid::from_u128(begun_at.into()),
        begun_at,
        answer: None,
    }
}

pub async fn a_named_request_is_begun_once(mut ground: impl Ground) {
    let store = ground.open().await;
    let first = request("billing", "a", 10);
    for other in [
        &first,
        &request("billing", "b", 10),
        &request("mail", "a", 10),
    ] {
        let begun = store.idempotency.begin(other.clone(), 0).await;
        assert_eq!(begun.expect("written"), None, "{:?}", other.name);
    }
    let store = ground.kill(store).await;
    let again = store.idempotency.begin(request("billing", "a", 20), 0);
    assert_eq!(again.await.expect("read"), Some(first.clone()));
    let mut answered = first;
    answered.answer = Some("{}".to_owned());
    let written = store.idempotency.write(answered.clone()).await;
    written.expect("written");
    let store = ground.kill(store).await;
    let again = store.idempotency.begin(request("billing", "a", 30), 10);
    assert_eq!(again.await.expect("read"), Some(answered.clone()));
    let forgotten = store.idempotency.forget(answered.name).await;
    forgotten.expect("forgotten");
    let again = store.idempotency.begin(request("billing", "a", 40), 0);
    assert_eq!(again.await.expect("written"), None);
}

pub async fn named_requests_are_forgotten_in_time(ground: impl Ground) {
    let store = ground.open().await;
    let begin = async |key: &str, at: Millis, since: Millis| {
        let begun = store.idempotency.begin(request("billing", key, at), since);
        begun.await.expect("written").map(|found| found.begun_at)
    };
    assert_eq!(begin("a", 10, 0).await, None);
    assert_eq!(begin("b", 20, 0).await, None);
    assert_eq!(begin("a", 30, 11).await, None, "too old to count");
    assert_eq!(begin("b", 30, 11).await, Some(20));
    let dropped = store.idempotency.drop_before(25).await;
    assert_eq!(dropped.expect("dropped"), 1);
    assert_eq!(begin("b", 40, 0).await, None);
    assert_eq!(begin("a", 40, 0).await, Some(30));
}

pub async fn named_messages_are_known_by_their_senders(mut ground: impl Ground) {
    let store = ground.open().await;
    let sending = Sending {
        transaction: Uuid::from_u128(7),
        digest: [3; 32],
    };
    let mut said = message(1, "first", 10);
    said.sending = Some(sending);
    let named = |message: &Message| What::MessageCreated(message.clone());
    let events = vec![created(1), new(1, "first", named(&said))];
    store
        .journal
        .append(append(events))
        .await
        .expect("appended");
    // Somebody else in the room has seen the name, and so has its sender.
    for (name, sender) in [("other", user("mallory")), ("again", said.sender.clone())] {
        let mut other = message(1, name, 20);
        other.sender = sender;
        other.sending = Some(Sending {
            digest: [4; 32],
            ..sending
        });
        let event = new(1, name, named(&other));
        store
            .journal
            .append(append(vec![event]))
            .await
            .expect("appended");
    }
    let events = store.journal.read(0, 10).await.expect("read");
    store.index.apply(&events).await.expect("applied");
    let name = SendingName {
        channel: said.channel,
        transaction: sending.transaction,
        sender: said.sender.clone(),
    };
    let expected = Sent {
        message: said.id,
        digest: [3; 32],
        at: 10,
    };
    let sent = store.idempotency.sent(&name).await.expect("read");
    assert_eq!(sent, Some(expected), "the first");
    let store = ground.kill(store).await;
    let events = store.journal.read(0, 10).await.expect("read");
    store.index.apply(&events).await.expect("applied");
    assert_eq!(store.idempotency.sent(&name).await.expect("read"), sent);
    assert_eq!(store.idempotency.drop_before(10).await.expect("kept"), 0);
    assert_eq!(store.idempotency.drop_before(11).await.expect("dropped"), 1);
    assert_eq!(store.idempotency.sent(&name).await.expect("read"), None);
}
