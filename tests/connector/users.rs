//! Users: acting as them, agents, names, presence.

use daarion::domain::Error;
use daarion::homeserver::{Homeserver as _, Shut};
use serde_json::json;

use crate::homeserver::unique;
use crate::world::{SERVER, registration, shared, start, user};

#[tokio::test]
async fn message_as_a_user_is_that_users() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let (room, _) = connector.create(None, Some(&user(&alice.user_id))).await;
    connector
        .matrix
        .join(&room, Some(&user(&alice.user_id)))
        .await
        .expect("joins");
    let message = connector.message(&room, &alice.user_id, "Привіт");
    let event = connector.matrix.send(&message).await.expect("is sent");
    let seen = alice.wait_for_text(room.as_str(), "Привіт").await;
    assert_eq!(seen["event_id"], event.as_str());
    assert_eq!(seen["sender"], alice.user_id);
    assert_eq!(seen["origin_server_ts"], message.at);
}

#[tokio::test]
async fn unknown_user_is_forbidden_and_named() {
    let connector = shared().await.connector();
    let (room, _) = connector.create(None, None).await;
    let name = unique("nobody");
    let nobody = format!("@{name}:{SERVER}");
    let refused = connector
        .matrix
        .send(&connector.message(&room, &nobody, "x"))
        .await;
    let Err(Error::Forbidden(reason)) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains(&format!("user:{name}")), "{reason}");
    assert_eq!(
        connector.matrix.user_exists(&user(&nobody)).await,
        Ok(false)
    );
}

#[tokio::test]
async fn agent_is_registered_once_and_named() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let sofia = user(&format!("@agent_{}:{SERVER}", unique("sofia")));
    assert_eq!(connector.matrix.user_exists(&sofia).await, Ok(false));
    for _ in 0..2 {
        assert_eq!(connector.matrix.register_agent(&sofia).await, Ok(()));
    }
    assert_eq!(
        connector.matrix.register_connector().await,
        Ok(()),
        "again is fine"
    );
    assert_eq!(connector.matrix.user_exists(&sofia).await, Ok(true));
    connector
        .matrix
        .set_display_name(&sofia, "Софія")
        .await
        .expect("is named");
    let (_, profile) = alice
        .request(
            reqwest::Method::GET,
            &crate::homeserver::path(&["_matrix", "client", "v3", "profile", sofia.as_str()]),
            None,
        )
        .await;
    assert_eq!(profile["displayname"], "Софія");
    assert_eq!(
        connector.matrix.user_exists(&user(&alice.user_id)).await,
        Ok(true)
    );
}

#[tokio::test]
async fn homeserver_says_whose_account_is_shut() {
    let world = shared().await;
    let (alice, bobs) = (world.member("alice").await, world.member("bob").await);
    let matrix = world.connector().matrix;
    let [alice, bob] = [&alice, &bobs].map(|it| user(&it.user_id));
    let sofia = user(&format!("@agent_{}:{SERVER}", unique("sofia")));
    matrix.register_agent(&sofia).await.expect("is registered");
    let nobody = user(&format!("@{}:{SERVER}", unique("nobody")));
    for open in [&alice, &bob, &sofia, &nobody] {
        assert_eq!(matrix.shut(open).await, Ok(None), "{open}");
    }
    for closed in [&alice, &sofia] {
        world.homeserver.close_account(closed.as_str()).await;
        assert_eq!(matrix.shut(closed).await, Ok(Some(Shut::Closed)));
        assert_eq!(matrix.user_exists(closed).await, Ok(false));
    }
    for (locked, shut) in [(true, Some(Shut::Locked)), (false, None)] {
        world.homeserver.lock_account(bob.as_str(), locked).await;
        assert_eq!(matrix.shut(&bob).await, Ok(shut));
        assert_eq!(matrix.user_exists(&bob).await, Ok(true));
    }
    // Nobody was signed in by asking.
    let devices = "/_matrix/client/v3/devices";
    let (_, devices) = bobs.request(reqwest::Method::GET, devices, None).await;
    let all = devices["devices"].as_array().expect("his devices");
    assert_eq!(all.len(), 1, "{devices}");
}

#[tokio::test]
async fn presence_is_seen_in_a_shared_room_only() {
    let world = shared().await;
    let alice = world.member("alice").await;
    let connector = world.connector();
    let id = user(&alice.user_id);
    alice.set_presence("online").await;
    assert_eq!(
        connector.matrix.presence(&id).await,
        Ok(false),
        "no shared room"
    );
    let (room, _) = connector.create(None, Some(&id)).await;
    alice.join(room.as_str()).await;
    assert_eq!(connector.matrix.presence(&id).await, Ok(true));
    alice.set_presence("offline").await;
    assert_eq!(connector.matrix.presence(&id).await, Ok(false));
    let nobody = user(&format!("@nobody:{SERVER}"));
    assert_eq!(connector.matrix.presence(&nobody).await, Ok(false));
}

#[tokio::test]
async fn narrow_registration_acts_as_agents_only() {
    let world = start(registration("http://127.0.0.1:1", false)).await;
    let alice = world.homeserver.register_user("alice", "password").await;
    let connector = world.connector();
    let sofia = user(&format!("@agent_sofia:{SERVER}"));
    connector
        .matrix
        .register_agent(&sofia)
        .await
        .expect("registers");
    let (room, _) = connector.create(None, Some(&sofia)).await;
    connector
        .matrix
        .join(&room, Some(&sofia))
        .await
        .expect("joins");
    let message = connector.message(&room, sofia.as_str(), "Я тут");
    assert!(connector.matrix.send(&message).await.is_ok());

    let message = connector.message(&room, &alice.user_id, "x");
    let refused = connector.matrix.send(&message).await;
    let Err(Error::Forbidden(reason)) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("registration"), "{reason}");
    assert_eq!(
        connector.matrix.user_exists(&user(&alice.user_id)).await,
        Ok(true)
    );
    let nobody = user(&format!("@nobody:{SERVER}"));
    assert_eq!(connector.matrix.user_exists(&nobody).await, Ok(false));
    // Of accounts that are not its own to act for it is told nothing.
    let bob = world.homeserver.register_user("bob", "password").await;
    for (closed, shut) in [
        (bob.user_id.as_str(), None),
        (sofia.as_str(), Some(Shut::Closed)),
    ] {
        world.homeserver.close_account(closed).await;
        assert_eq!(connector.matrix.shut(&user(closed)).await, Ok(shut));
    }
    let alias = json!({ "preset": "public_chat", "room_alias_name": "city_mine" });
    let (status, answer) = alice
        .request(
            reqwest::Method::POST,
            "/_matrix/client/v3/createRoom",
            Some(alias),
        )
        .await;
    assert_eq!(answer["errcode"], "M_EXCLUSIVE", "{status} {answer}");
}
