//! The fake homeserver's own tricks: what a test can make go wrong.

use std::sync::Arc;

use daarion::clock::Clock;
use daarion::directory::Directory;
use daarion::domain::Error;
use daarion::domain::channel::{ChannelKind, ChannelStatus, CityNaming, Visibility};
use daarion::domain::entity::Naming;
use daarion::domain::id::{ChannelId, RoomAlias, UserId};
use daarion::homeserver::fake::{Call, Fake};
use daarion::homeserver::{ChannelState, Homeserver as _, Mapped, NewRoom};

fn fake() -> Fake {
    let naming = Naming {
        server_name: "s".into(),
        sender_localpart: "daarion".into(),
        agent_prefix: "agent_".into(),
    };
    let city = CityNaming {
        city: "City".into(),
        room_prefix: "city_".into(),
        matrix_name: "{city} — {room}".into(),
        server_name: "s".into(),
    };
    let directory = Arc::new(Directory::new(naming, city));
    Fake::new(directory, Clock::manual(1_000))
}

fn new_room() -> NewRoom {
    NewRoom {
        alias: RoomAlias::new("city_general", "s").expect("an alias"),
        name: "City — General".into(),
        topic: String::new(),
        channel: ChannelState {
            id: ChannelId(uuid::Uuid::from_u128(1)),
            kind: ChannelKind::City,
            slug: "general".into(),
            microdao: "microdao:daarion".into(),
            visibility: Visibility::Public,
            confidential: false,
            status: ChannelStatus::Active,
            is_default: false,
            slow_mode_seconds: 0,
            created_by: None,
            created_at: 1,
            changed_by: None,
        },
        owner: None,
        room_version: None,
    }
}

fn alice() -> UserId {
    UserId::parse("@alice:s").expect("a user id")
}

#[tokio::test]
async fn homeserver_that_is_down_does_nothing() {
    let fake = fake();
    fake.set_down(true);
    let failed = fake.create_room(&new_room()).await;
    assert!(matches!(failed, Err(Error::HomeserverUnavailable { .. })));
    fake.set_down(false);
    assert_eq!(fake.resolve_alias(&new_room().alias).await, Ok(None));
    assert_eq!(fake.calls(Call::CreateRoom), 1);
}

#[tokio::test]
async fn failures_come_in_their_order_and_pass() {
    let fake = fake();
    fake.fail_next(Call::JoinedRooms, Error::unavailable("one"));
    fake.fail_next(Call::JoinedRooms, Error::unavailable("two"));
    assert_eq!(fake.joined_rooms().await, Err(Error::unavailable("one")));
    assert_eq!(fake.joined_rooms().await, Err(Error::unavailable("two")));
    assert_eq!(fake.joined_rooms().await, Ok(Vec::new()));
}

#[tokio::test]
async fn creation_that_is_cut_leaves_its_room() {
    let fake = fake();
    fake.cut_next_creation();
    assert!(fake.create_room(&new_room()).await.is_err());
    let room = fake
        .resolve_alias(&new_room().alias)
        .await
        .expect("an answer");
    let snapshot = fake.room(&room.expect("a room")).await.expect("an answer");
    let stored = snapshot.and_then(|room| room.channel).expect("a channel");
    assert_eq!(stored.state, new_room().channel);
}

#[tokio::test]
async fn room_of_others_is_taken_over_and_its_events_are_foreign() {
    let fake = fake();
    assert!(
        fake.create_room_as(&alice(), None, Visibility::Public)
            .is_err(),
        "is unknown"
    );
    fake.add_user(&alice());
    for visibility in [Visibility::Public, Visibility::Private] {
        let room = fake
            .create_room_as(&alice(), None, visibility)
            .expect("a room");
        assert_eq!(
            fake.room(&room).await,
            Ok(None),
            "the connector is not in it"
        );
        assert_eq!(fake.take_over(&room, None).await, Ok(()));
        assert!(fake.room(&room).await.expect("an answer").is_some());
        let event = fake.say(&room, &alice(), "secret").expect("is said");
        let content = fake.content(&room, &event).await.expect("an answer");
        assert_eq!(content.expect("content").body, "secret");
        fake.redact_as(&room, &alice(), &event)
            .expect("is redacted");
        assert_eq!(fake.content(&room, &event).await, Ok(None));
    }
    let (pushed, at) = fake.pushed(0);
    assert!(pushed.len() > 8 && pushed.iter().all(|mapped| *mapped == Mapped::Foreign));
    let room = fake.create_room(&new_room()).await.expect("a room");
    let (pushed, at) = fake.pushed(at);
    assert!(pushed.contains(&Mapped::Claim(room)));
    assert_eq!(fake.pushed(at).0, Vec::new());
}
