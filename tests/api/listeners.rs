//! Listeners that are socket files, and connections that say nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::daarion::{Daarion, DaarionOptions};

#[tokio::test]
async fn listener_may_be_a_socket_file_with_a_mode_of_its_own() {
    let daarion = Daarion::prepare(&DaarionOptions::default());
    let directory = daarion.config_path().with_file_name("sockets");
    let (public, internal) = (directory.join("public"), directory.join("internal"));
    let both = |url: &str, socket: &Path| {
        let address = url.trim_start_matches("http://");
        let socket = format!("unix:{}", socket.display());
        Value::from(vec![address, &socket]).to_string()
    };
    let options = DaarionOptions::default()
        .set("listen.public", &both(&daarion.public(""), &public))
        .set("listen.internal", &both(&daarion.internal(""), &internal));
    daarion.write_configuration(&options);
    daarion.launch().await;
    // A reverse proxy of any user may connect to the one, services in our group to the other.
    for (socket, mode) in [
        (&public, 0o666),
        (&internal, 0o660),
        (&daarion.admin_socket(), 0o600),
    ] {
        let file = std::fs::metadata(socket).expect("is there");
        assert_eq!(file.permissions().mode() & 0o777, mode, "{socket:?}");
    }
    assert_eq!(ask(&public, "/readyz").await, 200);
    assert_eq!(ask(&public, "/internal/agents").await, 404);
    assert_eq!(ask(&internal, "/internal/agents").await, 401);

    // What a killed daemon leaves is replaced.
    daarion.kill();
    assert!(public.exists() && internal.exists());
    daarion.launch().await;
    assert_eq!(ask(&public, "/readyz").await, 200);
}

#[tokio::test]
async fn ordinary_file_is_never_replaced_by_a_socket() {
    let daarion = Daarion::prepare(&DaarionOptions::default());
    let letter = daarion.config_path().with_file_name("letter");
    std::fs::write(&letter, "keep me").expect("is written");
    let address = Value::from(vec![format!("unix:{}", letter.display())]).to_string();
    let options = DaarionOptions::default().set("listen.public", &address);
    daarion.write_configuration(&options);
    let output = daarion.run_cli(&["serve"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    for part in ["daarion: ", "listen.public", "letter", "not a socket"] {
        assert!(last.contains(part), "{part} in {said}");
    }
    assert_eq!(std::fs::read(&letter).expect("is there"), b"keep me");
}

/// The status of an answer that comes through a socket file.
async fn ask(socket: &Path, path: &str) -> u16 {
    let client = reqwest::Client::builder().unix_socket(socket);
    let client = client.tls_certs_only([]).build().expect("a client");
    let answer = client.get(format!("http://daarion{path}")).send().await;
    answer.expect("an answer").status().as_u16()
}
