//! Sending by a key: said once, with the time at which it was said.

use daarion::domain::access::Caller;
use daarion::domain::entity::Entity;
use daarion::domain::event::Source;
use daarion::domain::id::SendKey;
use daarion::homeserver::{Homeserver as _, Outgoing};
use daarion::service::messages::{Messages, NewMessage};

use crate::world::World;

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
