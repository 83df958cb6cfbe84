//! The command line as scripts meet it: what it needs, and how it fails.

use std::fs::{self, File};
use std::process::Output;

use serde_json::Value;

use crate::daarion::{Daarion, DaarionOptions, World, WorldOptions, shared_world};

/// Those that only read, and print something.
const COMMANDS: [&[&str]; 7] = [
    &["status"],
    &["status", "--json"],
    &["agent", "list"],
    &["openapi"],
    &["registration", "show"],
    &["config", "check"],
    &["config", "print-default"],
];

#[tokio::test]
async fn command_needs_no_more_of_the_configuration_than_where_to_ask() {
    let world = shared_world().await;
    let elsewhere = Daarion::prepare(&DaarionOptions::default());
    let socket = Value::from(world.daarion.admin_socket().display().to_string());
    // The secrets are where only the service manager puts them.
    let file = format!(
        "[listen]\nadmin = {socket}\n\
         [matrix]\nhomeserver_url = \"http://127.0.0.1:8008\"\nserver_name = \"example.org\"\n\
         as_token_file = \"${{CREDENTIALS_DIRECTORY}}/as_token\"\n"
    );
    fs::write(elsewhere.config_path(), file).expect("is written");

    let status = elsewhere.run_cli(&["status", "--json"]).await;
    assert_eq!(status.status.code(), Some(0), "{status:?}");
    let shown: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(shown["status"], "ok", "{shown}");
    for command in [&["heal"][..], &["agent", "list"], &["admin", "list"]] {
        let output = elsewhere.run_cli(command).await;
        assert_eq!(output.status.code(), Some(0), "{command:?}: {output:?}");
    }

    let report = elsewhere.run_cli(&["doctor", "--json"]).await;
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let mut wrong = findings.iter().filter(|found| found["status"] == "failed");
    assert_eq!(wrong.next(), None, "{report:#}");

    // What has to know more says so, and where it would find it.
    for command in [&["serve"][..], &["config", "check"]] {
        let output = elsewhere.run_cli(command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
        assert_eq!(said(&output).lines().count(), 1, "{output:?}");
        let way_out = "CREDENTIALS_DIRECTORY=/etc/daarion daarion";
        assert!(said(&output).contains(way_out), "{output:?}");
    }
}

/// As a small Debian is, without ca-certificates.
#[tokio::test]
async fn machine_without_certificates_of_authorities_is_as_good() {
    let nothing = tempfile::tempdir().expect("a temporary directory");
    let world = World::prepare(WorldOptions::default()).await;
    for (variable, name) in [("SSL_CERT_FILE", "none.pem"), ("SSL_CERT_DIR", "")] {
        let path = nothing.path().join(name).display().to_string();
        world.daarion.set_environment(variable, &path);
    }
    world.homeserver.launch().await;
    world.daarion.launch().await;
    for command in [&["status"][..], &["heal"], &["agent", "list"]] {
        let output = world.daarion.run_cli(command).await;
        assert_eq!(output.status.code(), Some(0), "{command:?}: {output:?}");
    }
    // Where certificates would be needed, it is said that there are none.
    let away = "DAARION_MATRIX__HOMESERVER_URL";
    world.daarion.terminate().await;
    world.daarion.set_environment(away, "https://127.0.0.1:1");
    let output = world.daarion.run_cli(&["serve"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = said(&output);
    assert!(said.contains("ca-certificates"), "{said}");
}

#[tokio::test]
async fn answer_that_cannot_be_written_is_a_failure() {
    let world = shared_world().await;
    for command in COMMANDS {
        let full = File::options().write(true).open("/dev/full");
        let full = full.expect("Linux has it");
        let output = world.daarion.run_cli_into(command, full).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
        let said = said(&output);
        let expected = "daarion: failed to write the answer: No space left on device";
        assert!(said.starts_with(expected), "{command:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn reader_that_has_seen_enough_is_no_failure() {
    let world = shared_world().await;
    for command in COMMANDS {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = world.daarion.run_cli_into(command, writer).await;
        assert_eq!(output.status.code(), Some(0), "{command:?}: {output:?}");
        assert_eq!(said(&output), "", "{command:?}");
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
