//! What daarion signs, a second implementation verifies: that of PyPI, which shares no code with
//! the one that signs.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::python::python;
use crate::receiver::{Receiver, Seen};
use crate::support::{Hook, Room, shared, text};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/webhooks/verify.py");
const OTHER: &str = "No matching signature found";

/// A delivery as a receiver holds it against a secret.
#[derive(Clone)]
struct Case {
    secret: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Case {
    fn of(seen: &Seen, secret: &str) -> Self {
        let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let header = |name: &str| (name.to_owned(), seen.header(name).to_owned());
        Self {
            secret: secret.to_owned(),
            headers: headers.map(header).into(),
            body: String::from_utf8(seen.bytes.clone()).expect("UTF-8"),
        }
    }

    fn with(mut self, header: &str, value: impl ToString) -> Self {
        self.headers.insert(header.to_owned(), value.to_string());
        self
    }

    fn time(&self) -> i64 {
        let time = self.headers["webhook-timestamp"].parse();
        time.expect("seconds")
    }
}

/// What Python says of each.
async fn verdicts(cases: &[Case]) -> Vec<String> {
    let cases = cases
        .iter()
        .map(|case| json!({ "secret": case.secret, "headers": case.headers, "body": case.body }));
    let cases = Value::from_iter(cases).to_string();
    let mut child = Command::new(python().await)
        .arg(SCRIPT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python can be run");
    let mut stdin = child.stdin.take().expect("a pipe");
    let written = stdin.write_all(cases.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "verify.py failed: {errors}");
    written.expect("it reads");
    serde_json::from_slice(&output.stdout).expect("verify.py prints JSON")
}

#[tokio::test]
async fn second_implementation_verifies_what_is_sent() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    room.say("Привіт, «світе» 👋\n\\ \"\u{7f}").await;
    receiver.texts(1).await;
    let rotated = hook.post("rotate", json!({ "overlap_seconds": 600 })).await;
    let fresh = text(&rotated["secret"]);
    room.say("both").await;
    receiver.texts(2).await;
    let at_once = hook.post("rotate", json!({ "overlap_seconds": 0 })).await;
    let latest = text(&at_once["secret"]);
    room.say("the latest alone").await;
    receiver.texts(3).await;
    hook.post("test", json!({})).await;
    let seen = receiver.seen();

    let first = Case::of(&seen[0], &hook.secret);
    let both = Case::of(&seen[1], &fresh);
    let signatures: Vec<_> = seen[1].header("webhook-signature").split(' ').collect();
    let [of_fresh, of_old] = signatures[..] else {
        panic!("{signatures:?}");
    };
    let both_of_old = Case::of(&seen[1], &hook.secret);
    let signed = "webhook-signature";
    let good = [
        first.clone(),
        both.clone(),
        both_of_old.clone(),
        both.clone().with(signed, of_fresh),
        both_of_old.clone().with(signed, of_old),
        Case::of(&seen[2], &latest),
        Case::of(&seen[3], &latest),
    ];
    for (number, verdict) in verdicts(&good).await.into_iter().enumerate() {
        assert_eq!(verdict, "verified", "case {number}");
    }

    let at = "webhook-timestamp";
    let mut changed = first.clone();
    changed.body = changed.body.replacen("Привіт", "привіт", 1);
    assert_ne!(changed.body, first.body);
    let bad = [
        (changed, OTHER),
        (first.clone().with("webhook-id", "evt_other"), OTHER),
        (first.clone().with(at, first.time() + 1), OTHER),
        (
            first.clone().with(at, first.time() - 600),
            "Message timestamp too old",
        ),
        (both.with(signed, of_old), OTHER),
        (both_of_old.with(signed, of_fresh), OTHER),
        (Case::of(&seen[2], &fresh), OTHER),
        (Case::of(&seen[2], &hook.secret), OTHER),
    ];
    let (cases, expected): (Vec<_>, Vec<_>) = bad.into_iter().unzip();
    assert_eq!(verdicts(&cases).await, expected);
}
