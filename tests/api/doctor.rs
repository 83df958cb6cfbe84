//! `daarion doctor` beside a real Synapse: all is well, and each thing that is not is named.

use reqwest::Method;
use serde_json::{Value, json};

use crate::daarion::{DaarionOptions, World, WorldOptions};
use crate::homeserver::{Homeserver, HomeserverOptions};
use crate::support::{answered, refused, time};

const DOCTOR: &str = "/api/admin/doctor";

/// The findings by check, and the exit code.
async fn doctor(world: &World) -> (Value, Option<i32>) {
    let output = world.daarion.run_cli(&["doctor", "--json"]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code())
}

fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["id"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {report:#}"))
}

fn statuses<const N: usize>(report: &Value, checks: [&str; N]) -> [String; N] {
    checks.map(|check| {
        finding(report, check)["status"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    })
}

fn sound() -> WorldOptions {
    WorldOptions {
        daarion: DaarionOptions {
            insecure_user_header: false,
            ..DaarionOptions::default()
        },
        ..WorldOptions::default()
    }
}

#[tokio::test]
async fn sound_installation_is_found_sound_twice() {
    let world = World::start_with(sound()).await;
    for _ in 0..2 {
        let (report, code) = doctor(&world).await;
        let mut wrong = report["findings"].as_array().expect("findings").iter();
        // The harness writes a configuration that others can read.
        let wrong = wrong.find(|f| f["status"] != "ok" && f["id"] != "configuration");
        assert_eq!(wrong, None, "{report:#}");
        assert_eq!(code, Some(0));
        let canary = finding(&report, "canary")["seen"].as_str().expect("a text");
        assert!(canary.starts_with("an event came back in "), "{canary}");
    }
    // One room for all examinations, and nothing left behind in it or in the directory.
    let mut connector = world.register("watcher").await;
    connector.access_token = world.daarion.as_token().to_owned();
    let rooms = connector
        .request(Method::GET, "/_matrix/client/v3/joined_rooms", None)
        .await;
    let rooms = rooms.1["joined_rooms"].as_array().expect("rooms").clone();
    assert_eq!(rooms.len(), 1);
    let room = rooms[0].as_str().expect("a room");
    let aliases = format!("/_matrix/client/v3/rooms/{room}/aliases");
    let aliases = connector.request(Method::GET, &aliases, None).await;
    assert_eq!(
        aliases.1["aliases"],
        json!(["#daarion_canary:test.localhost"])
    );
    let listed = connector
        .request(Method::GET, "/_matrix/client/v3/publicRooms", None)
        .await;
    assert_eq!(listed.1["chunk"], json!([]));
    // Nothing of it reaches the journal.
    let status = world.daarion.run_cli(&["status", "--json"]).await;
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(status["journal"]["head"], 0, "{status:#}");
}

#[tokio::test]
async fn what_the_homeserver_refuses_is_named_with_what_mends_it() {
    let mut options = sound();
    options.homeserver_settings = Some(json!({
        "room_list_publication_rules": [{"action": "deny"}],
        "default_room_version": "10",
    }));
    let world = World::prepare(options).await;
    // The homeserver has another registration than daarion thinks: without local users, and with
    // another token. It does not say who is online.
    let theirs = world.daarion.registration().await;
    let theirs = theirs
        .replace(world.daarion.hs_token(), "another-token-of-the-homeserver")
        .replace(
            "    - exclusive: false\n      regex: \"^@.*:test\\\\.localhost$\"\n",
            "",
        );
    let homeserver = Homeserver::prepare(HomeserverOptions {
        port: None,
        registration: Some(theirs),
        settings: json!({
            "room_list_publication_rules": [{"action": "deny"}],
            "default_room_version": "10",
            "presence": {"enabled": false},
        }),
        ..HomeserverOptions::default()
    })
    .await;
    homeserver.launch().await;
    world
        .daarion
        .set_environment("DAARION_MATRIX__HOMESERVER_URL", homeserver.base_url());
    world.daarion.launch().await;
    let (report, code) = doctor(&world).await;
    assert_eq!(code, Some(1));
    let checks = [
        "hs_token",
        "act_as_users",
        "directory",
        "room_version",
        "canary",
        "as_token",
        "presence",
    ];
    assert_eq!(
        statuses(&report, checks),
        [
            "failed", "failed", "warning", "warning", "skipped", "ok", "warning",
        ],
        "{report:#}"
    );
    let advice = finding(&report, "directory")["advice"]
        .as_str()
        .expect("a line");
    assert!(advice.contains("@daarion:test.localhost"), "{advice}");
    let advice = finding(&report, "hs_token")["advice"]
        .as_str()
        .expect("a line");
    assert!(advice.contains("daarion setup"), "{advice}");
}

#[tokio::test]
async fn homeserver_that_cannot_reach_us_is_told_apart_from_one_that_is_away() {
    let mut options = sound();
    options.daarion.connector_url = Some("http://127.0.0.1:1".to_owned());
    let world = World::start_with(options).await;
    let (report, code) = doctor(&world).await;
    assert_eq!(code, Some(1));
    let checks = [
        "homeserver",
        "as_token",
        "connector_url",
        "hs_token",
        "canary",
        "aliases",
    ];
    assert_eq!(
        statuses(&report, checks),
        ["ok", "ok", "failed", "skipped", "skipped", "ok"],
        "{report:#}"
    );
    world.homeserver.stop().await;
    let (report, code) = doctor(&world).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        statuses(&report, ["homeserver", "as_token", "canary", "data_dir"]),
        ["failed", "skipped", "skipped", "ok"],
        "{report:#}"
    );
}

#[tokio::test]
async fn operators_read_the_latest_examination_and_ask_for_another() {
    let world = World::start_with(sound()).await;
    let operator = world.daarion.api_as("user:operator");
    let examine = async || operator.request(Method::POST, DOCTOR, None).await;
    // Whoever only looks sets nothing in motion.
    refused(404, "M_NOT_FOUND", operator.get(DOCTOR).await);
    let first = answered(200, examine().await);
    assert_eq!(first["status"], "ok", "{first:#}");
    assert_eq!(answered(200, operator.get(DOCTOR).await), first);
    let second = answered(200, examine().await);
    assert!(time(&second["examined_at"]) > time(&first["examined_at"]));
    assert_eq!(answered(200, operator.get(DOCTOR).await), second);
    // What the command line finds is shown on the page, too.
    let (mut printed, _) = doctor(&world).await;
    let findings = printed["findings"].as_array_mut().expect("findings");
    findings.retain(|finding| finding["id"] != "configuration");
    let shown = answered(200, operator.get(DOCTOR).await);
    assert_eq!(shown["findings"], printed["findings"]);
    assert_eq!(shown["examined_at"], printed["examined_at"]);
    // With the homeserver away it answers all the same, and names what is wrong.
    world.homeserver.stop().await;
    let report = answered(200, examine().await);
    assert_eq!(report["status"], "failed");
    assert_eq!(finding(&report, "canary")["advice"], Value::Null);
    assert_ne!(finding(&report, "homeserver")["advice"], Value::Null);
}

#[tokio::test]
async fn without_the_daemon_the_rest_is_examined() {
    let world = World::start_with(sound()).await;
    world.daarion.terminate().await;
    let (report, code) = doctor(&world).await;
    assert_eq!(code, Some(1));
    let checks = [
        "daemon",
        "homeserver",
        "as_token",
        "connector_url",
        "aliases",
        "canary",
        "disk",
    ];
    assert_eq!(
        statuses(&report, checks),
        ["failed", "ok", "ok", "skipped", "ok", "skipped", "ok"],
        "{report:#}"
    );
    let output = world.daarion.run_cli(&["doctor"]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("-> systemctl start daarion"), "{text}");
}
