//! A name that leads to a receiver while somebody subscribes, and inward when it is connected to.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::homeserver::mounts::{mount, with_own_mounts};
use crate::receiver::{Receiver, Reply};
use crate::support::{Hook, Room, eventually, quick, text, world_with};

/// Allowed, and the receiver's.
const OUTWARD: &str = "127.0.0.2";
/// Not allowed.
const INWARD: &str = "127.0.0.1";
const NAME: &str = "receiver.rebinding.example";

/// The machine's names are the test's own.
#[test]
fn name_is_judged_by_where_it_leads_at_each_connection() {
    let test = "rebinding::name_is_judged_by_where_it_leads_at_each_connection";
    with_own_mounts(test, rebind());
}

/// `/etc/hosts`, as the test says.
struct Names(tempfile::TempDir);

impl Names {
    fn new() -> Self {
        let names = Self(crate::homeserver::temporary("names"));
        names.lead_to(&[OUTWARD]);
        let file = names.file();
        mount(&["--bind", file.to_str().expect("UTF-8"), "/etc/hosts"]);
        names
    }

    fn file(&self) -> std::path::PathBuf {
        Path::new(self.0.path()).join("hosts")
    }

    /// The file itself is written, which is what is mounted.
    fn lead_to(&self, addresses: &[&str]) {
        let lines = addresses.iter().map(|it| format!("{it} {NAME}\n"));
        let hosts = format!("127.0.0.1 localhost\n{}", lines.collect::<String>());
        fs::write(self.file(), hosts).expect("the file can be written");
    }
}

async fn rebind() {
    let names = Names::new();
    let world = world_with(quick().set("webhooks.allow", &format!("[\"{OUTWARD}\"]"))).await;
    let receiver = Receiver::at(OUTWARD, |_| Reply::Status(200)).await;
    let trap = TcpListener::bind((INWARD, receiver.port())).await;
    let trap = trap.expect("the port is free there");
    let room = Room::new(&world).await;
    let url = format!("http://{NAME}:{}/hook", receiver.port());
    let hook = Hook::to_messages(&world, &room, &url).await;

    names.lead_to(&[INWARD]);
    room.say("meant for outside").await;
    let tries = eventually("a refusal", async || {
        Some(hook.deliveries().await).filter(|tries| !tries.is_empty())
    })
    .await;
    let error = text(&tries[0]["error"]);
    assert!(
        error.contains(INWARD) && error.contains("webhooks.allow"),
        "{error}"
    );
    let tested = hook.post("test", json!({})).await;
    assert_eq!(
        (&tested["status"], &tested["outcome"]),
        (&json!(null), &json!("test"))
    );
    let body = json!({ "room_id": room.matrix, "webhook_url": url });
    let subscribe = "/internal/matrix/webhook/subscribe";
    let (status, answer) = hook.service.post(subscribe, body).await;
    assert_eq!(status, 400, "{answer}");

    // Of several addresses those are left out that may not be connected to.
    names.lead_to(&[INWARD, OUTWARD]);
    hook.post("resume", json!({})).await;
    assert_eq!(receiver.texts(1).await, ["meant for outside"]);
    let trapped = tokio::time::timeout(Duration::from_millis(200), trap.accept()).await;
    assert!(trapped.is_err(), "something came inside: {trapped:?}");
}
