//! What several do to a channel at once.

use daarion::domain::Error;
use daarion::domain::access::Caller;
use daarion::domain::channel::{ChannelStatus, Visibility};
use daarion::domain::entity::Entity;
use daarion::domain::event::Source;
use daarion::domain::id::ChannelId;
use daarion::domain::invite::Terms;
use daarion::homeserver::Homeserver as _;
use daarion::homeserver::fake::Call;
use daarion::service::channels::{Channels, NewAdoption};
use daarion::service::idempotency::Try;
use daarion::service::invites::Invites;
use daarion::service::members::Members;
use daarion::service::messages::Messages;
use daarion::service::microdaos::{Microdaos, NewMicrodao};

use crate::world::World;

fn caller(name: &str) -> Caller {
    let entity = Entity::parse(&format!("user:{name}")).expect("an entity");
    Caller::new(entity, false)
}

#[tokio::test]
async fn settings_that_are_changed_at_once_are_all_there() {
    let world = World::start().await;
    let created = world.creator.create(world.creation("square", false)).await;
    let channel = created.expect("is created");
    let alice = world.person("alice");
    let joined = world.fake.join(&channel.room, Some(&alice)).await;
    joined.expect("the room is public");
    let raised = world.fake.set_power(&channel.room, &alice, 100);
    raised.expect("a room");
    let adopted = world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("is adopted");
    let alice = caller("alice");
    let messages = Messages::new(world.core.clone());
    let channels = Channels::new(world.core.clone(), world.creator.clone());
    let (slowed, archived) = tokio::join!(
        messages.set_slow_mode(&alice, channel.id, 30),
        channels.set_status(&alice, channel.id, ChannelStatus::Archived),
    );
    slowed.expect("is slow");
    archived.expect("is archived");
    let snapshot = world.fake.room(&channel.room).await.expect("an answer");
    let said = snapshot.and_then(|room| room.channel).expect("a channel");
    let known = world.core.directory.channel(channel.id).expect("is known");
    for (seconds, status) in [
        (said.state.slow_mode_seconds, said.state.status),
        (known.slow_mode_seconds, known.status),
    ] {
        assert_eq!((seconds, status), (30, ChannelStatus::Archived));
    }
}

#[tokio::test]
async fn room_that_is_adopted_twice_at_once_is_one_channel() {
    let world = World::start().await;
    let alice = world.person("alice");
    let room = world.fake.create_room_as(&alice, None, Visibility::Public);
    let room = room.expect("a room");
    let channels = Channels::new(world.core.clone(), world.creator.clone());
    let adopt = || {
        let new = NewAdoption {
            room: room.to_string(),
            slug: Some("old".into()),
            microdao: None,
            visibility: None,
        };
        let (channels, id) = (&channels, ChannelId(world.core.clock.uuid()));
        async move { channels.adopt(&caller("alice"), new, id).await }
    };
    let (first, second) = tokio::join!(adopt(), adopt());
    let first = first.expect("is adopted").channel;
    assert!(matches!(second, Err(Error::Conflict(_))), "{second:?}");
    let snapshot = world.fake.room(&room).await.expect("an answer");
    let said = snapshot.and_then(|room| room.channel).expect("a channel");
    assert_eq!(said.state.id, first.id, "the room says what is known here");
}

#[tokio::test]
async fn nobody_takes_all_invite_links_of_a_channel() {
    let world = World::start().await;
    let created = world.creator.create(world.creation("square", false)).await;
    let channel = created.expect("is created");
    for name in ["alice", "bob"] {
        let user = world.person(name);
        let joined = world.fake.join(&channel.room, Some(&user)).await;
        joined.expect("the room is public");
    }
    let adopted = world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("is adopted");
    let (id, invites) = (channel.id, Invites::new(world.core.clone()));
    let make = |name| {
        let terms = Terms {
            expires_in: Some(1),
            max_uses: None,
        };
        let (invites, link) = (&invites, world.core.clock.uuid());
        async move { invites.create(&caller(name), id, terms, link).await }
    };
    for _ in 0..20 {
        make("alice").await.expect("is made");
    }
    let refused = make("alice").await.map(drop);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    make("bob").await.expect("there is room for his");
    // Those that have ended make room, and are gone with the next.
    world.later();
    make("alice").await.expect("is made");
    let left = invites.list(&caller("alice"), id).await;
    assert_eq!(left.expect("listed").len(), 1);
}

/// The room is marked, and the process ends before it knows: the same request finds its own channel,
/// another one somebody's.
#[tokio::test]
async fn room_that_was_marked_by_a_try_that_was_cut_off_is_its_answer() {
    let world = World::start().await;
    let alice = world.person("alice");
    let room = world.fake.create_room_as(&alice, None, Visibility::Public);
    let room = room.expect("a room");
    let channels = Channels::new(world.core.clone(), world.creator.clone());
    let id = ChannelId(world.core.clock.uuid());
    let adopt = async |id| {
        let new = NewAdoption {
            room: room.to_string(),
            slug: Some("old".into()),
            microdao: None,
            visibility: None,
        };
        channels.adopt(&caller("alice"), new, id).await
    };
    world.fake.cut_next(Call::Set);
    // The alias that the room is shown by comes first.
    while let Err(error) = adopt(id).await {
        assert!(error.is_transient(), "{error}");
        let snapshot = world.fake.room(&room).await.expect("an answer");
        if snapshot.is_some_and(|it| it.channel.is_some()) {
            break;
        }
        world.fake.cut_next(Call::Set);
    }
    assert!(world.core.directory.channel(id).is_none(), "not known");
    let again = adopt(id).await.expect("the same request");
    assert_eq!(again.channel.id, id);
    let other = adopt(ChannelId(world.core.clock.uuid())).await;
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
}

#[tokio::test]
async fn microdao_whose_space_was_made_by_a_try_that_was_cut_off_is_its_answer() {
    let world = World::start().await;
    world.person("alice");
    let microdaos = Microdaos::new(world.core.clone());
    let create = async |is_again| {
        let new = NewMicrodao {
            id: "microdao:garden".into(),
            name: Some("Garden".into()),
            description: String::new(),
            visibility: Visibility::Public,
        };
        let id = uuid::Uuid::from_u128(7);
        microdaos
            .create(&caller("alice"), new, Try { id, is_again })
            .await
    };
    world.fake.cut_next(Call::CreateSpace);
    assert!(create(false).await.is_err_and(|error| error.is_transient()));
    let made = create(true).await.expect("the same request");
    assert_eq!(made.name, "Garden");
    let other = create(false).await;
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
}

#[tokio::test]
async fn members_of_a_microdao_are_counted_anew_when_somebody_comes_or_goes() {
    let world = World::start().await;
    let created = world.creator.create(world.creation("square", true)).await;
    let channel = created.expect("is created");
    let members = Members::new(world.core.clone());
    let microdaos = Microdaos::new(world.core.clone());
    let alice = caller("alice");
    world.person("alice");
    let count = async || {
        let city = microdaos.get(&alice, "microdao:daarion").await;
        city.expect("it is there").members
    };
    assert_eq!((count().await, count().await), (0, 0));
    let joined = members.join(&alice, channel.id).await;
    joined.expect("joined");
    assert_eq!((count().await, count().await), (1, 1));
    world.later();
    let left = members.leave(&alice, channel.id, None).await;
    left.expect("left");
    assert_eq!(count().await, 0);
}
