//! Sending through the gateway beside the real Synapse, and beside matrix-webhook, which others
//! made: the same room, in turn.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Scale;
use crate::daarion::{Caller, DaarionOptions, World, WorldOptions};
use crate::homeserver::child::{Child, POLL_INTERVAL, log_tail};
use crate::homeserver::http::{Http, exchange};
use crate::homeserver::{MatrixUser, Port, path, temporary, unique};
use crate::report::{Report, Times, ms};
use crate::unlimited;

const START_LIMIT: Duration = Duration::from_secs(30);
/// Sendings that open connections.
const WARM_UP: usize = 5;

/// Who sends, each way.
struct Sender {
    service: Caller,
    homeserver: Http,
    as_token: String,
    user: MatrixUser,
    room: String,
    rival: Option<Rival>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Gateway,
    Direct,
    Rival,
}

pub async fn measure(report: &mut Report, scale: &Scale) {
    let world = World::start_with(WorldOptions {
        daarion: unlimited(DaarionOptions::default()),
        ..WorldOptions::default()
    })
    .await;
    let user = world.register("bench").await;
    let room = user.create_room(json!({ "preset": "public_chat" })).await;
    let rival = Rival::start(world.homeserver.base_url(), &user).await;
    let sender = Sender {
        service: world.daarion.service(),
        homeserver: Http::new(world.homeserver.base_url()),
        as_token: world.daarion.as_token().to_owned(),
        user,
        room,
        rival,
    };
    report.heading("Gateway: sending, beside the real Synapse");
    let ways = [Way::Gateway, Way::Direct];
    let [through, direct] = sender.in_turn(ways, scale.sends_beside).await;
    let figure = |times: &Times| format!("{} / {}", ms(times.median()), ms(times.quantile(99)));
    report.figure(
        "Through the gateway, one caller: p50 / p99",
        figure(&through),
    );
    report.figure("Directly: p50 / p99", figure(&direct));
    let added = through.median().as_secs_f64() - direct.median().as_secs_f64();
    report.figure(
        "Added at p50, Synapse's noise included",
        format!("{:.2} ms", added * 1e3),
    );
    let sends = scale.rival_sends;
    if sender.rival.is_some() {
        let ways = [Way::Gateway, Way::Direct, Way::Rival];
        let [through, direct, rival] = sender.in_turn(ways, sends).await;
        report.figure(
            &format!("The same {sends} messages directly: p50 / p99"),
            figure(&direct),
        );
        report.figure(
            &format!("The same {sends} messages through the gateway"),
            figure(&through),
        );
        report.figure(
            &format!("The same {sends} messages through {RIVAL}, which joins the room each time"),
            figure(&rival),
        );
    } else {
        report.figure(
            &format!("The same {sends} messages through {RIVAL}"),
            "could not be installed",
        );
    }
    world.daarion.terminate().await;
}

impl Sender {
    /// Sends each way in turn, beginning with another one each time.
    async fn in_turn<const N: usize>(&self, ways: [Way; N], sends: usize) -> [Times; N] {
        let mut times = [(); N].map(|()| Vec::new());
        for number in 0..WARM_UP + sends {
            for offset in 0..N {
                let way = (number + offset) % N;
                let took = self.send(ways[way]).await;
                if number >= WARM_UP {
                    times[way].push(took);
                }
            }
        }
        times.map(Times::new)
    }

    async fn send(&self, way: Way) -> Duration {
        let text = format!("Добрий день, this is {}", unique("message"));
        let (request, body) = match way {
            Way::Gateway => self.through_gateway(&text),
            Way::Direct => self.directly(&text),
            Way::Rival => {
                let rival = self.rival.as_ref().expect("it is installed");
                rival.request(&self.room, &text)
            }
        };
        let begun = Instant::now();
        let answer = exchange(request, Some(&body)).await;
        let took = begun.elapsed();
        let (status, answer) = answer.expect("the server answers");
        assert!(status.is_success(), "{status} {answer}");
        took
    }

    fn through_gateway(&self, text: &str) -> (RequestBuilder, Value) {
        let request = self.service.builder(Method::POST, "/internal/matrix/send");
        let body = json!({
            "room_id": self.room, "sender_matrix_id": self.user.user_id, "msgtype": "m.text",
            "body": text,
        });
        (request, body)
    }

    /// What the gateway asks of the homeserver.
    fn directly(&self, text: &str) -> (RequestBuilder, Value) {
        let transaction = unique("txn");
        let path = path(&["rooms", &self.room, "send", "m.room.message", &transaction]);
        let now = chrono::Utc::now().timestamp_millis().to_string();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("user_id", &self.user.user_id)
            .append_pair("ts", &now)
            .finish();
        let path = format!("/_matrix/client/v3{path}?{query}");
        let request = self.homeserver.builder(Method::PUT, &path);
        let body = json!({ "msgtype": "m.text", "body": text, "m.mentions": {} });
        (request.bearer_auth(&self.as_token), body)
    }
}

const RIVAL: &str = "matrix-webhook";
const KEY: &str = "key-of-the-benchmark";

/// The other gateway, which acts for one user.
struct Rival {
    http: Http,
    /// Dropped before the directory that it writes to.
    _process: Child,
    _directory: tempfile::TempDir,
}

impl Rival {
    /// `None` when it cannot be installed.
    async fn start(homeserver: &str, user: &MatrixUser) -> Option<Self> {
        let python = install().await?;
        let (port, directory) = (Port::reserve(), temporary("rival"));
        let log = directory.path().join("rival.log");
        let process = Child::spawn(&python, &log, |command| {
            command
                .args(["-m", "matrix_webhook"])
                .env_clear()
                .env("HOST", "127.0.0.1")
                .env("PORT", port.number().to_string())
                .env("MATRIX_URL", homeserver)
                .env("MATRIX_ID", &user.user_id)
                .env("MATRIX_TOKEN", &user.access_token)
                .env("API_KEY", KEY);
        });
        let http = Http::new(&format!("http://127.0.0.1:{}", port.number()));
        let deadline = Instant::now() + START_LIMIT;
        while exchange(http.builder(Method::GET, "/health"), None)
            .await
            .is_err()
        {
            let tail = log_tail(&log);
            assert!(Instant::now() < deadline, "{RIVAL} does not start: {tail}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Some(Self {
            http,
            _process: process,
            _directory: directory,
        })
    }

    fn request(&self, room: &str, text: &str) -> (RequestBuilder, Value) {
        let body = json!({ "room_id": room, "body": text, "key": KEY });
        (self.http.builder(Method::POST, "/"), body)
    }
}

/// The Python that it is installed for.
async fn install() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("benches/end_to_end/gateway/install.sh");
    let installed = tokio::process::Command::new(script).status().await;
    let is_there = installed.is_ok_and(|status| status.success());
    is_there.then(|| root.join("target/matrix-webhook/venv/bin/python"))
}
