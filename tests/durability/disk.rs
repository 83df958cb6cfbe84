//! A full disk: what cannot be kept is not acknowledged, and comes when there is room again.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use reqwest::StatusCode;
use serde_json::json;

use crate::daarion::World;
use crate::homeserver::mounts::{self, with_own_mounts};
use crate::support::{Listener, city_room, event_ids, eventually, text, until_whole};

/// Room for a small database.
const SIZE: &str = "size=16m";
/// More than the database has set aside for itself.
const ENOUGH: usize = 300;

/// On a small disk that nobody else sees.
#[test]
fn full_disk_loses_nothing_and_acknowledges_nothing_that_it_cannot_keep() {
    let test = "disk::full_disk_loses_nothing_and_acknowledges_nothing_that_it_cannot_keep";
    with_own_mounts(test, fill_the_disk());
}

async fn fill_the_disk() {
    let world = World::prepare(Default::default()).await;
    let data = world.daarion.data_dir();
    mount(&data);
    world.homeserver.launch().await;
    world.daarion.launch().await;
    let alice = world.register("alice").await;
    let api = world.daarion.api_as("user:alice");
    let room = city_room(&api, "square").await;
    let listener = Listener::start(api.clone(), &room.channel).await;
    alice.send_text(&room.matrix, "before").await;
    until_whole(&api, &room, &alice).await;

    let filler = data.join("filler");
    fill(&filler);
    let mut said = 0;
    while api.get("/readyz").await.0 != StatusCode::SERVICE_UNAVAILABLE {
        assert!(said < ENOUGH, "a full disk goes unnoticed");
        alice
            .send_text(&room.matrix, &format!("number {said}"))
            .await;
        said += 1;
    }
    let (status, health) = api.get("/healthz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{health}");
    // The homeserver is not told that something was kept which was not.
    let last = alice.send_text(&room.matrix, "on a full disk").await;
    let history = alice.messages(&room.matrix).await;
    let event = history
        .iter()
        .find(|event| event["event_id"] == last.as_str());
    let homeserver = world.daarion.as_homeserver();
    let path = "/_matrix/app/v1/transactions/by-hand";
    let push = json!({ "events": [event.expect("it is there")] });
    let (status, answer) = homeserver.put(path, push.clone()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    let (status, answer) = api
        .post("/api/city/rooms", json!({ "name": "Other" }))
        .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    // Reads go on. The index's latest steps need not be on the disk, and may wait for room.
    let path = format!("/api/messaging/channels/{}/messages", room.channel);
    let (status, list) = api.get(&path).await;
    assert_eq!(status, StatusCode::OK, "{list}");

    fs::remove_file(&filler).expect("the filler can be removed");
    let truth = until_whole(&api, &room, &alice).await;
    eventually("it is ready again", async || {
        match api.get("/readyz").await {
            (StatusCode::OK, _) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let (status, sent) = api.post(&path, json!({ "text": "after" })).await;
    assert_eq!(status, StatusCode::CREATED, "{sent}");
    let mut heard = listener.until(&text(&sent, "matrix_event_id")).await;
    let mut expected = event_ids(&truth);
    expected.push(text(&sent, "matrix_event_id"));
    heard.sort_unstable();
    expected.sort_unstable();
    assert_eq!(heard, expected);
    // All of it is on the disk.
    world.daarion.kill();
    world.daarion.launch().await;
    until_whole(&api, &room, &alice).await;
}

fn mount(directory: &Path) {
    fs::create_dir_all(directory).expect("the data directory can be made");
    let directory = directory.to_str().expect("a path in UTF-8");
    mounts::mount(&["-t", "tmpfs", "-o", SIZE, "tmpfs", directory]);
}

/// Takes all the room that is left.
fn fill(file: &Path) {
    let mut file = File::create(file).expect("the disk is not full yet");
    for size in [64 * 1024, 4 * 1024] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
}
