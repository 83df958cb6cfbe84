//! Rights are checked with what is in memory, and what a room demands becomes known.

use std::sync::Arc;
use std::time::Duration;

use daarion::domain::Error;
use daarion::domain::access::{Caller, Power, Right, Role};
use daarion::domain::channel::{Channel, ChannelChange, Visibility};
use daarion::domain::entity::Entity;
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::{ChannelId, EventId, UserId};
use daarion::domain::member::Membership;
use daarion::homeserver::fake::Call;
use daarion::homeserver::{Homeserver as _, Mapped};
use daarion::service::channels::{ChannelFilter, Channels};
use daarion::service::invites::Invites;
use daarion::service::members::Members;
use daarion::service::messages::{Messages, NewMessage};
use daarion::store::{self, ClearTo};

use crate::index::Failing;
use crate::world::World;

fn caller(name: &str) -> Caller {
    let entity = Entity::parse(&format!("user:{name}")).expect("an entity");
    Caller::new(entity, false)
}

/// A room with alice, who has 100, and bob, who has nothing.
async fn start(world: &World) -> (Arc<Channel>, UserId, UserId) {
    let created = world.creator.create(world.creation("square", true)).await;
    let channel = created.expect("is created");
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    for user in [&alice, &bob] {
        let joined = world.fake.join(&channel.room, Some(user)).await;
        joined.expect("the room is public");
    }
    let raised = world.fake.set_power(&channel.room, &alice, 100);
    raised.expect("there is such a room");
    let adopted = world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("is adopted");
    (channel, alice, bob)
}

#[tokio::test]
async fn what_is_refused_does_not_reach_the_homeserver() {
    let world = World::start().await;
    let (channel, alice, bob) = start(&world).await;
    let messages = Messages::new(world.core.clone());
    let members = Members::new(world.core.clone());
    let new = NewMessage {
        text: "Hi".into(),
        ..NewMessage::default()
    };
    let said = messages.send(&caller("alice"), channel.id, new).await;
    let said = said.expect("is said");
    let (alices, bobs) = (caller("alice"), caller("bob"));
    let before = world.fake.calls(Call::Redact);
    let rooms = world.fake.calls(Call::Room);
    let id = channel.id;
    let words = "needs the power level 50 in this channel; user:bob has 0";
    let refused = messages.delete(&caller("bob"), id, said.id, None).await;
    assert_eq!(refused, Err(Error::forbidden(words)));
    assert_eq!(world.fake.calls(Call::Redact), before);
    let refused = messages.pin(&caller("bob"), id, said.id).await;
    assert_eq!(refused, Err(Error::forbidden(words)));
    assert_eq!(world.fake.calls(Call::Pins), 0);
    let kick = members.remove(&caller("bob"), id, "user:alice", None).await;
    assert_eq!(kick, Err(Error::forbidden(words)));
    assert_eq!(world.fake.calls(Call::ChangeMembership), 0);
    let role = members.set_role(&bobs, id, "user:alice", Role::Guest);
    assert!(matches!(role.await, Err(Error::Forbidden(_))));
    assert_eq!(world.fake.calls(Call::SetLevel), 0);
    assert_eq!(world.fake.calls(Call::Room), rooms, "nobody is asked");

    // What the homeserver refuses is passed on all the same.
    let no = Error::HomeserverRefused {
        status: 403,
        errcode: "M_FORBIDDEN".into(),
        message: "no".into(),
    };
    world.fake.fail_next(Call::SetLevel, no.clone());
    let role = members.set_role(&alices, id, "user:bob", Role::Admin);
    assert_eq!(role.await, Err(no));
    let role = members.set_role(&alices, id, "user:bob", Role::Admin);
    assert_eq!(role.await.expect("is set").power, Power::Level(75));
    let levels = world.core.directory.levels(id).expect("are known");
    assert_eq!(levels.of(&bob), Power::Level(75));
    // Somebody else was faster, and that was not pushed yet.
    let set = world.fake.set_power(&channel.room, &bob, 10);
    set.expect("there is such a room");
    let role = members.set_role(&alices, id, "user:bob", Role::Owner);
    assert!(matches!(role.await, Err(Error::Conflict(_))));
    let levels = world.core.directory.levels(id).expect("are known");
    assert_eq!(levels.of(&bob), Power::Level(10), "and is known now");
    assert_eq!(levels.of(&alice), Power::Level(100));
}

#[tokio::test]
async fn levels_that_had_to_be_fetched_are_known_from_then_on() {
    let world = World::start().await;
    let (channel, _, _) = start(&world).await;
    let core = &world.core;
    let known = core.directory.levels(channel.id);
    core.directory.forget_levels(channel.id);
    let before = world.fake.calls(Call::Room);
    for _ in 0..2 {
        let sent = core
            .require(Right::ReadAudit, &caller("alice"), &channel)
            .await;
        sent.expect("alice may");
    }
    assert_eq!(core.directory.levels(channel.id), known);
    assert_eq!(world.fake.calls(Call::Room), before + 1);
}

#[tokio::test]
async fn levels_that_an_older_daarion_passed_over_become_known() {
    let world = World::start().await;
    let (channel, _, bob) = start(&world).await;
    let said = world.fake.say(&channel.room, &bob, "Hi").expect("is said");
    world.later();
    let raised = world.fake.set_power(&channel.room, &bob, 75);
    raised.expect("there is such a room");
    // Nothing before this is looked at again.
    let mark = world
        .fake
        .say(&channel.room, &bob, "Again")
        .expect("is said");
    assert_ne!(said, mark);
    let index = &world.core.store.index;
    let set = index.set_watermark(channel.id, &mark).await;
    set.expect("written");
    let power = || {
        let levels = world.core.directory.levels(channel.id);
        levels.expect("are known").of(&bob)
    };
    world.core.heal().await.expect("is healed");
    assert_eq!(power(), Power::Level(0), "its state was read before");
    let receptions = &world.core.store.receptions;
    let set = receptions.set_survey(channel.id, 1).await;
    set.expect("written");
    world.core.heal().await.expect("is healed");
    assert_eq!(power(), Power::Level(75));
    let connector = world.core.directory.naming.connector();
    let levels = world.core.directory.levels(channel.id).expect("are known");
    assert_eq!(levels.of(&connector), Power::Creator);
    let count = || async {
        let is_levels =
            |it: &&daarion::domain::event::Event| matches!(it.what, What::LevelsChanged { .. });
        world.journal().await.iter().filter(is_levels).count()
    };
    let before = count().await;
    world.core.heal().await.expect("is healed");
    world
        .core
        .adopt(&channel.room, Source::Heal)
        .await
        .expect("is adopted");
    assert_eq!(count().await, before, "and not once more");
    world
        .core
        .reindex_from_journal()
        .await
        .expect("is made anew");
    assert_eq!(power(), Power::Level(75));
    world
        .core
        .reindex_from_homeserver()
        .await
        .expect("is made anew");
    assert_eq!(power(), Power::Level(75));
}

/// Eve was a moderator of a private channel and was sent away. While the journal is read again the
/// index says that she is there, and her number still stands in the room.
#[tokio::test]
async fn who_was_sent_away_is_not_let_in_while_the_journal_is_read_again() {
    let mut store = store::in_memory().expect("a store");
    let steps = Failing::slow(&mut store);
    let world = World::on(store).await;
    let mut creation = world.creation("back", false);
    creation.visibility = Visibility::Private;
    let back = world.creator.create(creation).await.expect("is created");
    let (square, _, _) = start(&world).await;
    let eve = world.person("eve");
    let invited = world.fake.invite(&back.room, &eve, None).await;
    invited.expect("is invited");
    world.fake.join(&back.room, Some(&eve)).await.expect("in");
    world.fake.set_power(&back.room, &eve, 50).expect("a room");
    world.core.heal().await.expect("heals");
    // More than a step between what was and what is.
    let event = |number: u64| NewEvent {
        channel: square.id,
        event: Some(EventId::trusted(format!("$name{number}"))),
        source: Source::Push,
        what: What::ChannelUpdated {
            change: ChannelChange::Name("Square".into()),
            by: eve.clone(),
            at: number,
        },
    };
    let core = &world.core;
    let told = (0..1_000).map(event).map(Mapped::Event).collect();
    core.ingest.found(told).await.expect("is kept");
    world.later();
    world.fake.leave(&back.room, Some(&eve)).await.expect("out");
    core.heal().await.expect("heals");
    let soon = Duration::from_secs(60);
    let head = core.store.journal.head();
    assert!(core.indexed.reached(head, soon).await);
    let (channels, invites) = (
        Channels::new(core.clone(), world.creator.clone()),
        Invites::new(core.clone()),
    );
    let (eve, alice) = (caller("eve"), caller("alice"));
    let seen = async |caller: &Caller| {
        let page = channels
            .list(caller, &ChannelFilter::default(), None, 50)
            .await;
        let items = page.expect("listed").items;
        items.iter().map(|it| it.channel.id).collect::<Vec<_>>()
    };
    let is_open = async || core.visible(&eve, back.id).await;
    assert!(matches!(is_open().await, Err(Error::NotFound(_))));

    steps.forget_permits(1_000);
    steps.add_permits(1);
    let cleared = core.indexed.clear(ClearTo::JournalStart).await;
    cleared.expect("is cleared");
    assert!(core.indexed.reached(500, soon).await, "one step");
    let was = core.membership(&eve, back.id).await.expect("read");
    assert_eq!(was, Some(Membership::Joined), "says the index");
    let unsure = |it: &Error| matches!(it, Error::StoreUnavailable(_));
    assert!(is_open().await.is_err_and(|it| unsure(&it)));
    assert!(!seen(&eve).await.contains(&back.id));
    let microdaos = core.visible_channels(&eve).await.expect("listed");
    assert!(microdaos.iter().all(|it| it.id != back.id));
    let links = invites.list(&eve, back.id).await;
    assert!(links.is_err_and(|it| unsure(&it)));
    // What is not there has the same answer, and public channels are there for everybody.
    let none = core.visible(&eve, ChannelId(core.clock.uuid())).await;
    assert!(none.is_err_and(|it| unsure(&it)));
    assert!(seen(&alice).await.contains(&square.id));
    core.visible(&alice, square.id).await.expect("it is public");
    let read = core.require(Right::ReadAudit, &alice, &square).await;
    assert!(read.is_err_and(|it| unsure(&it)), "as it was long ago");

    steps.add_permits(1_000);
    assert!(core.indexed.reached(head, soon).await);
    assert!(matches!(is_open().await, Err(Error::NotFound(_))));
    let read = core.require(Right::ReadAudit, &alice, &square).await;
    read.expect("she may");
}
