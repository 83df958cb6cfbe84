//! What comes of messages, where the order of things decides.

use daarion::domain::Error;
use daarion::domain::access::Caller;
use daarion::domain::channel::Channel;
use daarion::domain::entity::Entity;
use daarion::domain::event::{Source, What};
use daarion::domain::id::UserId;
use daarion::domain::message::Message;
use daarion::homeserver::fake::Call;
use daarion::homeserver::{Homeserver as _, Mapped, Reaction, Redaction, Setting};
use daarion::service::messages::{Messages, NewMessage, Rewording};
use std::sync::Arc;

use crate::world::World;

/// A room, and somebody in it who speaks.
async fn start(world: &World) -> (Arc<Channel>, Arc<Messages>, Caller, UserId) {
    let created = world.creator.create(world.creation("square", true)).await;
    let channel = created.expect("is created");
    let alice = world.person("alice");
    let joined = world.fake.join(&channel.room, Some(&alice)).await;
    joined.expect("the room is public");
    let adopted = world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("is adopted");
    let caller = Caller::new(Entity::parse("user:alice").expect("an entity"), false);
    let messages = Arc::new(Messages::new(world.core.clone()));
    (channel, messages, caller, alice)
}

async fn say(messages: &Messages, caller: &Caller, channel: &Channel, text: &str) -> Message {
    let new = NewMessage {
        text: text.into(),
        ..NewMessage::default()
    };
    let said = messages.send(caller, channel.id, new).await;
    said.expect("is said")
}

/// Takes in what the homeserver pushes from the beginning.
async fn push(world: &World) {
    let (pushed, _) = world.fake.pushed(0);
    let told = pushed
        .into_iter()
        .filter(|it| matches!(it, Mapped::Event(_)))
        .collect();
    let appended = world.core.ingest.found(told).await.expect("is kept");
    let limit = std::time::Duration::from_secs(5);
    assert!(world.core.indexed.reached(appended.head, limit).await);
}

#[tokio::test]
async fn repetitions_are_one_effect_whatever_comes_first() {
    let world = World::start().await;
    let (channel, messages, caller, alice) = start(&world).await;
    let said = say(&messages, &caller, &channel, "Hi").await;

    // The homeserver has it, and we have not heard of it yet.
    let reaction = Reaction {
        room: channel.room.clone(),
        target: said.event.clone(),
        sender: Some(alice.clone()),
        transaction: world.clock.uuid(),
        key: "👍".into(),
        at: Some(world.clock.now()),
    };
    let before = world.fake.react(&reaction).await.expect("is given");
    world.later();
    let message = messages.react(&caller, channel.id, said.id, "👍").await;
    let message = message.expect("is given");
    assert_eq!(message.reception.reactions[0].count, 1);
    push(&world).await;
    let message = messages.get(&caller, channel.id, said.id).await;
    assert_eq!(message.expect("there").reception.reactions[0].count, 1);
    let given = messages
        .reactions(&caller, channel.id, said.id, None, 9)
        .await;
    let given = given.expect("read").items;
    assert_eq!(
        given[0].at,
        reaction.at.expect("a time"),
        "when it was given first"
    );

    // Taken back elsewhere, and told of late.
    let redaction = Redaction {
        room: channel.room.clone(),
        target: before,
        sender: Some(alice),
        transaction: world.clock.uuid(),
        reason: None,
    };
    world.fake.redact(&redaction).await.expect("is taken back");
    push(&world).await;
    let message = messages.unreact(&caller, channel.id, said.id, "👍").await;
    assert_eq!(message.expect("is fine").reception.reactions, []);
    assert_eq!(world.fake.calls(Call::Redact), 1, "there was nothing to do");
}

#[tokio::test]
async fn what_the_homeserver_refuses_changes_nothing() {
    let world = World::start().await;
    let (channel, messages, caller, _) = start(&world).await;
    let said = say(&messages, &caller, &channel, "Hi").await;
    let head = world.core.store.journal.head();
    let refuse = |call| world.fake.fail_next(call, Error::forbidden("no"));
    refuse(Call::React);
    let reacted = messages.react(&caller, channel.id, said.id, "👍").await;
    refuse(Call::Send);
    let new = Rewording {
        text: "Ho".into(),
        ..Rewording::default()
    };
    let edited = messages.edit(&caller, channel.id, said.id, new).await;
    refuse(Call::Redact);
    let deleted = messages.delete(&caller, channel.id, said.id, None).await;
    let pinned = messages.pin(&caller, channel.id, said.id).await;
    for outcome in [reacted.map(drop), edited.map(drop), deleted, pinned] {
        assert!(outcome.is_err(), "{outcome:?}");
    }
    assert_eq!(world.core.store.journal.head(), head);
    let kept = world.core.store.index.message(said.id).await;
    assert_eq!(kept.expect("read"), Some(said));
}

#[tokio::test]
async fn deletion_of_many_stops_where_it_is_refused_and_goes_on_when_begun_again() {
    let world = World::start().await;
    let (channel, messages, caller, _) = start(&world).await;
    for number in 0..5 {
        say(&messages, &caller, &channel, &format!("{number}")).await;
    }
    let begin = async || {
        messages
            .begin_sweep(&caller, channel.id, "user:alice", None, None)
            .await
    };
    world.fake.fail_next(Call::Redact, Error::forbidden("no"));
    assert_eq!(begin().await, Err(Error::forbidden("no")));
    assert!(messages.sweep_of(&caller, channel.id).await.is_err());
    let ended = async || loop {
        let sweep = messages.sweep_of(&caller, channel.id).await;
        let sweep = sweep.expect("is known");
        if sweep.finished_at.is_some() {
            return sweep;
        }
        tokio::task::yield_now().await;
    };
    // One of them cannot be deleted, which keeps no other.
    let odd = Error::HomeserverRefused {
        status: 400,
        errcode: "M_UNKNOWN".into(),
        message: "odd".into(),
    };
    world.fake.fail_next(Call::Redact, odd);
    begin().await.expect("is begun");
    let sweep = ended().await;
    assert_eq!((sweep.deleted, sweep.failed.len()), (4, 1));
    begin().await.expect("is begun");
    let sweep = ended().await;
    assert_eq!((sweep.deleted, sweep.failed.len()), (1, 0));
    world.fake.set_down(true);
    let sweep = begin().await.expect("there is nothing left to ask for");
    assert_eq!(sweep.deleted, 0);
}

#[tokio::test]
async fn state_that_an_older_daarion_passed_over_is_taken_in_once() {
    let world = World::start().await;
    let (channel, messages, caller, _) = start(&world).await;
    let said = say(&messages, &caller, &channel, "Hi").await;
    let levels = world.core.directory.levels(channel.id);
    assert!(levels.is_some(), "what the room demands is known");
    let setting = Setting::Pins(vec![said.event.clone()]);
    let set = world.fake.set(&channel.room, &setting, None).await;
    let event = set.expect("the connector may");
    let is_pinned = async || {
        let message = messages.get(&caller, channel.id, said.id).await;
        message.expect("there").reception.pinned
    };
    // Nothing before this is looked at again.
    let index = &world.core.store.index;
    let set = index.set_watermark(channel.id, &event).await;
    set.expect("written");
    world.core.heal().await.expect("is healed");
    assert!(!is_pinned().await, "its state was read before");
    let set = world.core.store.receptions.set_survey(channel.id, 0).await;
    set.expect("written");
    world.core.heal().await.expect("is healed");
    assert!(is_pinned().await);
    let looked = world.fake.calls(Call::Room);
    world.core.heal().await.expect("is healed");
    assert_eq!(world.fake.calls(Call::Room), looked, "and not once more");
    let pins = |it: &&daarion::domain::event::Event| matches!(it.what, What::PinsChanged { .. });
    assert_eq!(world.journal().await.iter().filter(pins).count(), 1);
}
