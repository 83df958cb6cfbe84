//! Rooms: creation in both kinds of room version, aliases, settings, power.

use daarion::domain::Error;
use daarion::domain::access::Power;
use daarion::domain::channel::{ChannelStatus, Visibility};
use daarion::domain::id::RoomAlias;
use daarion::domain::member::Membership;
use daarion::homeserver::checkup::Checkup as _;
use daarion::homeserver::{Homeserver as _, Setting};
use serde_json::json;

use crate::homeserver::unique;
use crate::world::{SERVER, power, shared, user};

#[tokio::test]
async fn version_12_room_leaves_its_creator_out_of_the_power_levels() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let owner = user(&alice.user_id);
    // The default of this homeserver.
    let (room, new) = connector.create(None, Some(&owner)).await;
    assert!(!room.as_str().contains(':'), "{room} is no version 12 room");

    alice.join(room.as_str()).await;
    let levels = alice
        .state_event(room.as_str(), "m.room.power_levels", "")
        .await;
    let levels = levels.expect("power levels");
    assert_eq!(levels["users"], json!({ alice.user_id: 100 }));
    assert_eq!(levels["events"]["city.daarion.channel"], 150);
    assert_eq!(levels["events"]["m.room.name"], 50);

    let daarion = connector.directory.naming.connector();
    let server = connector.matrix.as_ref();
    assert_eq!(power(server, &room, &daarion).await, Power::Creator);
    assert_eq!(power(server, &room, &owner).await, Power::Level(100));
    let stranger = user(&format!("@stranger:{SERVER}"));
    assert_eq!(power(server, &room, &stranger).await, Power::Level(0));

    let snapshot = connector
        .matrix
        .room(&room)
        .await
        .expect("an answer")
        .expect("a room");
    let stored = snapshot.channel.expect("a channel state");
    assert_eq!(stored.state, new.channel);
    assert_eq!(stored.sender, daarion);
    assert_eq!(snapshot.name.as_deref(), Some("DAARION City — Енергія"));
    assert_eq!(snapshot.topic.as_deref(), Some("Про енергію"));
    assert_eq!(snapshot.alias, Some(new.alias.clone()));
    assert!(snapshot.public && !snapshot.encrypted && snapshot.created_at > 0);
    let joined = snapshot
        .members
        .iter()
        .filter(|(_, m)| m.membership == Membership::Joined);
    assert_eq!(joined.count(), 2);

    // Nobody else may mark it, not even the owner.
    let marking = connector
        .matrix
        .set(&room, &Setting::Channel(new.channel), Some(&owner))
        .await;
    assert!(marking.expect_err("is refused").is_refusal("M_FORBIDDEN"));
}

#[tokio::test]
async fn version_11_room_gives_the_connector_100() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (room, _) = connector
        .create(Some("11"), Some(&user(&alice.user_id)))
        .await;
    assert!(room.as_str().ends_with(SERVER));
    alice.join(room.as_str()).await;
    let levels = alice
        .state_event(room.as_str(), "m.room.power_levels", "")
        .await;
    let levels = levels.expect("power levels");
    let daarion = connector.directory.naming.connector();
    assert_eq!(
        levels["users"],
        json!({ alice.user_id: 100, daarion.as_str(): 100 })
    );
    assert_eq!(levels["events"]["city.daarion.channel"], 100);
    let power = power(connector.matrix.as_ref(), &room, &daarion).await;
    assert_eq!(power, Power::Level(100));
}

#[tokio::test]
async fn public_room_is_listed_and_confidential_one_is_encrypted_and_closed() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (public, _) = connector.create(None, None).await;
    let (_, directory) = alice
        .request(
            reqwest::Method::GET,
            "/_matrix/client/v3/publicRooms?limit=1000",
            None,
        )
        .await;
    let rooms = directory["chunk"].as_array().expect("a list");
    assert!(rooms.iter().any(|room| room["room_id"] == public.as_str()));

    let mut new = connector.new_room(None, Some(&user(&alice.user_id)));
    new.channel.visibility = Visibility::Private;
    new.channel.confidential = true;
    new.topic = String::new();
    let room = connector.matrix.create_room(&new).await.expect("a room");
    let snapshot = connector
        .matrix
        .room(&room)
        .await
        .expect("an answer")
        .expect("a room");
    assert!(snapshot.encrypted && !snapshot.public);
    assert_eq!(snapshot.topic, None);
    let alice = user(&alice.user_id);
    let join = connector.matrix.join(&room, Some(&alice)).await;
    assert!(
        join.expect_err("nobody is invited")
            .is_refusal("M_FORBIDDEN")
    );
    let invite = connector.matrix.invite(&room, &alice, None).await;
    assert_eq!(invite, Ok(()));
    let join = connector.matrix.join(&room, Some(&alice)).await;
    assert_eq!(join, Ok(()));
    let bob = world.member("bob").await;
    let join = connector
        .matrix
        .join(&room, Some(&user(&bob.user_id)))
        .await;
    assert!(join.expect_err("is refused").is_refusal("M_FORBIDDEN"));
}

#[tokio::test]
async fn alias_that_is_taken_is_a_conflict() {
    let connector = shared().await.connector();
    let (room, new) = connector.create(None, None).await;
    let again = connector.matrix.create_room(&new).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert_eq!(
        connector.matrix.resolve_alias(&new.alias).await,
        Ok(Some(room.clone()))
    );

    let free = RoomAlias::new(&unique("free"), SERVER).expect("an alias");
    assert_eq!(connector.matrix.resolve_alias(&free).await, Ok(None));
    assert_eq!(connector.matrix.set_alias(&free, &room).await, Ok(()));
    assert_eq!(
        connector.matrix.set_alias(&free, &room).await,
        Ok(()),
        "is harmless"
    );
    let (other, _) = connector.create(None, None).await;
    let taken = connector.matrix.set_alias(&free, &other).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    for again in ["", " again"] {
        let removed = connector.matrix.remove_alias(&free).await;
        assert_eq!(removed, Ok(()), "removed{again}");
    }
    assert_eq!(connector.matrix.resolve_alias(&free).await, Ok(None));
    let joined = connector.matrix.joined_rooms().await.expect("a list");
    assert!(joined.contains(&room) && joined.contains(&other));
}

#[tokio::test]
async fn settings_are_seen_by_any_client() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (room, new) = connector.create(None, Some(&user(&alice.user_id))).await;
    alice.join(room.as_str()).await;
    let mut channel = new.channel.clone();
    channel.status = ChannelStatus::Archived;
    for setting in [
        Setting::Name("Нова назва".into()),
        Setting::Topic("Нове".into()),
        Setting::Channel(channel),
    ] {
        let set = connector.matrix.set(&room, &setting, None).await;
        assert!(set.is_ok(), "{setting:?}: {set:?}");
    }
    let state = |kind: &'static str| alice.state_event(room.as_str(), kind, "");
    assert_eq!(
        state("m.room.name").await.expect("a name")["name"],
        "Нова назва"
    );
    assert_eq!(
        state("m.room.topic").await.expect("a topic")["topic"],
        "Нове"
    );
    let channel = state("city.daarion.channel").await.expect("a channel");
    assert_eq!(channel["status"], "archived");
    assert_eq!(channel["version"], 1);
    assert_eq!(channel["slug"], json!(new.channel.slug));
}

#[tokio::test]
async fn room_that_the_connector_is_not_in_is_none() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let room = alice.create_room(json!({ "preset": "public_chat" })).await;
    let room = daarion::domain::id::RoomId::parse(&room).expect("a room id");
    assert_eq!(connector.matrix.room(&room).await, Ok(None));
    connector.matrix.join(&room, None).await.expect("joins");
    assert!(
        connector
            .matrix
            .room(&room)
            .await
            .expect("an answer")
            .is_some()
    );
    connector.matrix.leave(&room, None).await.expect("leaves");
    assert_eq!(connector.matrix.room(&room).await, Ok(None), "it has left");
    let nowhere = daarion::domain::id::RoomId::trusted("!nowhere");
    assert_eq!(connector.matrix.room(&nowhere).await, Ok(None));
}

#[tokio::test]
async fn room_that_cannot_be_closed_is_listed_as_little_as_before() {
    let world = shared().await;
    let bob = world.member("bob").await;
    let connector = world.connector();
    let (room, _) = connector.create(None, None).await;
    bob.join(room.as_str()).await;
    let place = crate::homeserver::path(&[
        "_matrix",
        "client",
        "v3",
        "directory",
        "list",
        "room",
        room.as_str(),
    ]);
    let listed = async || {
        let (_, answer) = bob.request(reqwest::Method::GET, &place, None).await;
        answer["visibility"] == "public"
    };
    let close = Setting::Visibility(Visibility::Private);
    let bob_user = user(&bob.user_id);
    for is_listed in [true, false] {
        let set = connector.matrix.set_listed(&room, is_listed).await;
        set.expect("daarion made it");
        let refused = connector.matrix.set(&room, &close, Some(&bob_user)).await;
        assert!(refused.expect_err("has no power").is_refusal("M_FORBIDDEN"));
        assert_eq!(listed().await, is_listed);
    }
    let set = connector.matrix.set_listed(&room, true).await;
    set.expect("daarion made it");
    let closed = connector.matrix.set(&room, &close, None).await;
    closed.expect("it has the power");
    assert!(!listed().await);
}
