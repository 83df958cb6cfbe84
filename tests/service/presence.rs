//! Who is online is counted by channel, and asked of so many and no more.

use std::collections::HashMap;

use daarion::domain::event::Source;
use daarion::homeserver::fake::Call;
use daarion::homeserver::{Ephemeral, Homeserver as _};

use crate::world::World;

#[tokio::test]
async fn those_who_are_online_are_counted_in_every_channel_that_they_have_joined() {
    let world = World::start().await;
    let mut rooms = Vec::new();
    for slug in ["one", "two", "three"] {
        let made = world.creator.create(world.creation(slug, false)).await;
        rooms.push(made.expect("is created"));
    }
    for (name, joined, online) in [
        ("alice", vec![0, 1], true),
        ("bob", vec![1], true),
        ("carol", vec![1, 2], false),
        ("dave", vec![], true),
    ] {
        let user = world.person(name);
        for at in joined {
            let room = &rooms[at].room;
            world.fake.join(room, Some(&user)).await.expect("joins");
        }
        world.presence.note(Ephemeral::Presence { user, online });
    }
    let invited = world.person("dave");
    let room = &rooms[0].room;
    world
        .fake
        .invite(room, &invited, None)
        .await
        .expect("is invited");
    for room in &rooms {
        world
            .core
            .adopt(&room.room, Source::Heal)
            .await
            .expect("is adopted");
    }
    let counts = world.presence.online().await.expect("counts");
    let expected = HashMap::from([(rooms[0].id, 1), (rooms[1].id, 2)]);
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn so_many_are_asked_about_and_no_more_in_all_channels_together() {
    const MOST: usize = 2_000;
    let world = World::start().await;
    for (slug, people) in [("one", MOST - 10), ("two", 300), ("three", 300)] {
        let made = world.creator.create(world.creation(slug, false)).await;
        let room = made.expect("is created").room.clone();
        for number in 0..people {
            let user = world.person(&format!("{slug}-{number}"));
            world.fake.join(&room, Some(&user)).await.expect("joins");
        }
        world
            .core
            .adopt(&room, Source::Heal)
            .await
            .expect("is adopted");
    }
    world.presence.refresh().await.expect("asks");
    assert_eq!(world.fake.calls(Call::Presence), MOST);
}
