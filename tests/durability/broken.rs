//! A homeserver that fails on one room, or on one kind of question, keeps nothing else waiting.

use serde_json::json;

use crate::daarion::{DaarionOptions, World};
use crate::homeserver::path;
use crate::proxy::Action;
use crate::support::{city_room, eventually, until_whole, world_behind_proxy};

/// Nothing heals on a timer.
fn options() -> DaarionOptions {
    DaarionOptions {
        heal_interval: "12h".into(),
        ..DaarionOptions::default()
    }
}

/// Waits until the connector has done its first round, and sees that it took one.
async fn until_at_work(world: &World, logged: usize) {
    let log = eventually("the connector is at work", async || {
        let log = world.daarion.log()[logged..].to_owned();
        match log.contains("the connector is at work") {
            true if log.contains("not at work yet") => panic!("it needed several rounds: {log}"),
            true => Ok(log),
            false => Err(log),
        }
    });
    log.await;
}

#[tokio::test]
async fn room_whose_history_fails_holds_up_no_other_and_is_healed_later() {
    let (world, proxy) = world_behind_proxy(options()).await;
    let alice = world.register("alice").await;
    let api = world.daarion.api_as("user:alice");
    let broken = city_room(&api, "broken").await;
    let sound = city_room(&api, "sound").await;
    world.daarion.kill();
    for room in [&broken, &sound] {
        alice.send_text(&room.matrix, "meanwhile").await;
    }
    // What the homeserver has in its queue is not what is tried here.
    world.homeserver.restart().await;
    let history = path(&["rooms", &broken.matrix, "messages"]);
    proxy.set(&history, Action::Fail);
    let logged = world.daarion.log().len();
    world.daarion.launch().await;
    until_at_work(&world, logged).await;
    until_whole(&api, &sound, &alice).await;

    proxy.open();
    let output = world.daarion.run_cli(&["heal"]).await;
    assert!(output.status.success(), "{output:?}");
    until_whole(&api, &broken, &alice).await;
}

#[tokio::test]
async fn room_whose_state_fails_hides_no_other() {
    let (world, proxy) = world_behind_proxy(options()).await;
    let alice = world.register("alice").await;
    let api = world.daarion.api_as("user:alice");
    let mut rooms = Vec::new();
    for slug in ["one", "two", "three"] {
        rooms.push(city_room(&api, slug).await);
    }
    // Any of them may be the first that is looked at.
    for broken in rooms {
        world.daarion.kill();
        std::fs::remove_dir_all(world.daarion.data_dir()).expect("the data can be deleted");
        proxy.set(&path(&["rooms", &broken.matrix, "state"]), Action::Fail);
        let logged = world.daarion.log().len();
        world.daarion.launch().await;
        until_at_work(&world, logged).await;
        let (_, city) = api.get("/api/city/rooms").await;
        assert_eq!(city.as_array().map(Vec::len), Some(2), "{city}");
        proxy.open();
    }
    let _ = alice;
}

#[tokio::test]
async fn presence_that_fails_holds_up_nothing() {
    let (world, proxy) = world_behind_proxy(options()).await;
    world.register("alice").await;
    let api = world.daarion.api_as("user:alice");
    let (status, room) = api
        .post("/api/city/rooms", json!({ "name": "Square" }))
        .await;
    assert!(status.is_success(), "{room}");
    world.daarion.kill();
    proxy.set("/presence/", Action::Fail);
    let logged = world.daarion.log().len();
    world.daarion.launch().await;
    proxy.until_met("").await;
    until_at_work(&world, logged).await;
}
