//! Rooms that others made become channels.

use daarion::domain::Error;
use daarion::domain::access::Power;
use daarion::domain::id::RoomId;
use daarion::homeserver::{Homeserver as _, Setting};
use serde_json::json;

use crate::homeserver::MatrixUser;
use crate::world::{Connector, World, power, shared};

async fn alice(world: &World) -> MatrixUser {
    world.member("alice").await
}

async fn may_mark(connector: &Connector, room: &RoomId) -> bool {
    let state = connector.new_room(None, None).channel;
    let marked = connector
        .matrix
        .set(room, &Setting::Channel(state), None)
        .await;
    marked.is_ok()
}

fn id(room: &str) -> RoomId {
    RoomId::parse(room).expect("a room id")
}

#[tokio::test]
async fn public_room_of_any_version_is_taken_over() {
    let world = shared().await;
    let connector = world.connector();
    for version in ["12", "11", "9"] {
        let alice = alice(world).await;
        let room = alice
            .create_room(json!({ "preset": "public_chat", "room_version": version }))
            .await;
        let room = id(&room);
        assert_eq!(
            connector.matrix.take_over(&room, None).await,
            Ok(()),
            "version {version}"
        );
        assert!(may_mark(&connector, &room).await, "version {version}");
        assert_eq!(
            connector.matrix.take_over(&room, None).await,
            Ok(()),
            "again is fine"
        );
        let daarion = connector.directory.naming.connector();
        let power = power(connector.matrix.as_ref(), &room, &daarion).await;
        let expected = if version == "12" { 150 } else { 100 };
        assert_eq!(power, Power::Level(expected));
        // What the room had been given stays.
        let levels = alice
            .state_event(room.as_str(), "m.room.power_levels", "")
            .await;
        assert_eq!(levels.expect("levels")["events"]["m.room.avatar"], 50);
    }
}

#[tokio::test]
async fn moderator_without_full_power_raises_as_far_as_is_needed() {
    let world = shared().await;
    let (connector, alice) = (world.connector(), alice(world).await);
    let room = alice
        .create_room(json!({
            "preset": "public_chat",
            "room_version": "11",
            "power_level_content_override": {
                "users": { alice.user_id.clone(): 70 },
                "events": { "m.room.power_levels": 60 },
            },
        }))
        .await;
    let room = id(&room);
    assert_eq!(connector.matrix.take_over(&room, None).await, Ok(()));
    assert!(may_mark(&connector, &room).await);
    let daarion = connector.directory.naming.connector();
    let power = power(connector.matrix.as_ref(), &room, &daarion).await;
    assert_eq!(power, Power::Level(70));
}

#[tokio::test]
async fn private_room_needs_an_invitation_or_an_admin_token() {
    let world = shared().await;
    let (connector, alice) = (world.connector(), alice(world).await);
    let room = alice.create_room(json!({ "preset": "private_chat" })).await;
    let refused = connector.matrix.take_over(&id(&room), None).await;
    let Err(Error::Forbidden(reason)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        reason.contains("invite") && reason.contains("@daarion:"),
        "{reason}"
    );

    let with_token = world.connector_with(Some(world.homeserver.admin_token().await));
    assert_eq!(with_token.matrix.take_over(&id(&room), None).await, Ok(()));
    assert!(may_mark(&connector, &id(&room)).await);

    let room = alice.create_room(json!({ "preset": "private_chat" })).await;
    let daarion = connector.directory.naming.connector();
    alice.invite(&room, daarion.as_str()).await;
    assert_eq!(connector.matrix.take_over(&id(&room), None).await, Ok(()));
    assert!(may_mark(&connector, &id(&room)).await);
}

#[tokio::test]
async fn refused_admin_token_is_named_and_not_taken_for_ours() {
    let world = shared().await;
    let alice = alice(world).await;
    let room = alice.create_room(json!({ "preset": "private_chat" })).await;
    // One that nobody has, and one of somebody who is no administrator.
    for token in ["nobodys-token".to_owned(), alice.access_token.clone()] {
        let connector = world.connector_with(Some(token));
        let refused = connector.matrix.take_over(&id(&room), None).await;
        let Err(Error::Forbidden(reason)) = refused else {
            panic!("{refused:?}");
        };
        assert!(reason.contains("matrix.admin_token"), "{reason}");
    }
}

#[tokio::test]
async fn room_in_which_nobody_may_raise_says_so() {
    let world = shared().await;
    let (connector, alice) = (world.connector(), alice(world).await);
    let room = alice
        .create_room(json!({ "preset": "public_chat", "room_version": "11" }))
        .await;
    // From now on nobody has the power to give any.
    let levels = json!({ "users": { alice.user_id.clone(): 40 }, "state_default": 50 });
    alice
        .set_state(&room, "m.room.power_levels", "", levels)
        .await;
    let refused = connector.matrix.take_over(&id(&room), None).await;
    let Err(Error::Forbidden(reason)) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("power level 50"), "{reason}");
}
