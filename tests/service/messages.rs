//! Sending by a key: said once, with the time at which it was said.

use std::sync::Arc;

use daarion::domain::Error;
use daarion::domain::access::Caller;
use daarion::domain::channel::Channel;
use daarion::domain::entity::Entity;
use daarion::domain::event::Source;
use daarion::domain::id::SendKey;
use daarion::homeserver::fake::Call;
use daarion::homeserver::{Homeserver as _, Outgoing};
use daarion::service::messages::{Messages, NewMessage};

use crate::world::World;

async fn square(world: &World) -> (Arc<Channel>, Caller) {
    let created = world.creator.create(world.creation("general", false)).await;
    let channel = created.expect("is created");
    let alice = world.person("alice");
    let joined = world.fake.join(&channel.room, Some(&alice)).await;
    joined.expect("the room is public");
    let adopted = world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("is adopted");
    let entity = Entity::parse("user:alice").expect("an entity");
    (channel, Caller::new(entity, false))
}

fn named(text: &str) -> NewMessage {
    NewMessage {
        text: text.into(),
        key: SendKey::parse("1"),
        ..NewMessage::default()
    }
}

#[tokio::test]
async fn message_that_a_homeserver_has_forgotten_is_found_in_the_room() {
    let world = World::start().await;
    let (channel, alice) = square(&world).await;
    let messages = Messages::new(world.core.clone());
    world.fake.cut_next_send();
    let cut = messages.send(&alice, channel.id, named("Once")).await;
    assert!(
        matches!(cut, Err(Error::HomeserverUnavailable { .. })),
        "{cut:?}"
    );
    world.fake.forget_transactions();
    // By the same process, and by one that has begun since.
    let first = messages.send(&alice, channel.id, named("Once")).await;
    let first = first.expect("is there");
    let another = Messages::new(world.core.clone());
    let again = another.send(&alice, channel.id, named("Once")).await;
    assert_eq!(again.expect("is there").id, first.id);
    assert_eq!(world.fake.calls(Call::Send), 1);
}

#[tokio::test]
async fn process_that_begins_reads_a_channel_once_before_it_sends_by_a_key() {
    let world = World::start().await;
    let (channel, alice) = square(&world).await;
    let before = Messages::new(world.core.clone());
    world.fake.cut_next_send();
    let cut = before.send(&alice, channel.id, named("Once")).await;
    cut.expect_err("killed before it heard");
    world.fake.forget_transactions();
    let messages = Messages::new(world.core.clone());
    let sent = messages.send(&alice, channel.id, named("Once")).await;
    sent.expect("is there");
    assert_eq!(world.fake.calls(Call::Send), 1);
    let read = world.fake.calls(Call::History);
    for key in ["2", "3"] {
        let other = NewMessage {
            key: SendKey::parse(key),
            ..named("Another")
        };
        let sent = messages.send(&alice, channel.id, other).await;
        sent.expect("is sent");
    }
    assert_eq!(world.fake.calls(Call::History), read);
}

#[tokio::test]
async fn key_is_not_open_while_the_index_is_made_anew() {
    let world = World::start().await;
    let (channel, alice) = square(&world).await;
    let messages = Messages::new(world.core.clone());
    let sent = messages.send(&alice, channel.id, named("Once")).await;
    let sent = sent.expect("is sent");
    // The name is kept where the index is not, and its message comes later than its channel.
    let at = daarion::store::ClearTo::JournalEnd { since: 1 };
    world.core.indexed.clear(at).await.expect("cleared");
    world
        .core
        .adopt(&channel.room, Source::Rebuild)
        .await
        .expect("is adopted");
    let refused = messages.send(&alice, channel.id, named("Once")).await;
    assert!(
        matches!(refused, Err(Error::StoreUnavailable(_))),
        "{refused:?}"
    );
    world.core.heal_channel(&channel, Source::Rebuild).await;
    let limit = std::time::Duration::from_secs(5);
    let head = world.core.store.journal.head();
    assert!(world.core.indexed.reached(head, limit).await);
    let again = messages.send(&alice, channel.id, named("Once")).await;
    assert_eq!(again.expect("is there").id, sent.id);
    assert_eq!(world.fake.calls(Call::Send), 1);
}

#[tokio::test]
async fn message_of_a_process_that_was_killed_before_it_heard_keeps_its_time() {
    let world = World::start().await;
    let created = world.creator.create(world.creation("general", false)).await;
    let channel = created.expect("is created");
    let alice = world.person("alice");
    let joined = world.fake.join(&channel.room, Some(&alice)).await;
    joined.expect("the room is public");
    let adopted = world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("is adopted");

    // The homeserver took it in, and nobody was there any more to hear of it.
    let key = SendKey::parse("1").expect("a key");
    let said_at = world.clock.now();
    let transaction = key.transaction(channel.id, &alice).to_string();
    let room = channel.room.clone();
    let outgoing = Outgoing::text(room, alice.clone(), transaction, said_at, "Once");
    let event = world.fake.send(&outgoing).await.expect("is sent");

    world.later();
    let messages = Messages::new(world.core.clone());
    let entity = Entity::parse("user:alice").expect("an entity");
    let caller = Caller::new(entity, false);
    let again = NewMessage {
        text: "Once".into(),
        key: Some(key),
        ..NewMessage::default()
    };
    for _ in 0..2 {
        let message = messages.send(&caller, channel.id, again.clone()).await;
        let message = message.expect("is sent");
        assert_eq!((&message.event, message.created_at), (&event, said_at));
        let kept = world.core.store.index.message(message.id).await;
        assert_eq!(kept.expect("read"), Some(message));
        world.later();
    }
}
