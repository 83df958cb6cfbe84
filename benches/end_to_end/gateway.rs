//! The gateway: what it adds to a request, how many it answers, and how fast it tells receivers
//! what happens.
//!
//! Most of it is measured beside the stub homeserver, which answers at once, so that no noise of a
//! real one hides daarion; [`beside`] then tells the same beside the real Synapse, and beside
//! another gateway.

mod added;
mod beside;
mod deliveries;
mod details;
mod hanging;
mod receiver;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::daarion::{Daarion, DaarionOptions};
use crate::ingest::{self, Pusher};
use crate::report::Report;
use crate::story::{SERVER, Story};
use crate::stub::Stub;
use crate::wire::Connection;
use crate::{index, unlimited};

const CHANNELS: u64 = 100;

/// How much is measured.
pub struct Scale {
    /// Messages of one caller, each way.
    pub sends: usize,
    /// The same beside Synapse.
    pub sends_beside: usize,
    /// Messages through the other gateway.
    pub rival_sends: usize,
    /// Rooms that are asked for.
    pub details: u64,
    /// Events that one receiver is told.
    pub events: u64,
    /// With the receiver that hangs and without it, and how long one such round takes.
    pub rounds: usize,
    pub round: Duration,
}

pub const FULL: Scale = Scale {
    sends: 5_000,
    sends_beside: 300,
    rival_sends: 50,
    details: 200_000,
    events: 40_000,
    rounds: 16,
    round: Duration::from_secs(3),
};

pub const QUICK: Scale = Scale {
    sends: 1_000,
    sends_beside: 50,
    rival_sends: 50,
    details: 40_000,
    events: 6_000,
    rounds: 4,
    round: Duration::from_secs(3),
};

pub async fn measure(report: &mut Report, scale: &Scale) {
    let now = chrono::Utc::now().timestamp_millis().unsigned_abs();
    let story = Story {
        channels: CHANNELS,
        begun: now - 2 * scale.events,
    };
    let stub = Stub::start(story);
    let options = DaarionOptions {
        server_name: SERVER.to_owned(),
        homeserver_url: stub.url(),
        ..DaarionOptions::default()
    };
    let daarion = Daarion::prepare(&with_receivers(options));
    ingest::start(&daarion).await;
    index::wait_for_channels(&daarion, CHANNELS).await;

    report.heading("Gateway: sending, beside a homeserver that answers at once");
    added::measure(report, &daarion, &stub, scale.sends).await;
    report.heading("Gateway: a room's details, remembered");
    details::measure(report, &daarion, CHANNELS, scale.details).await;
    let mut pusher = Pusher {
        daarion: &daarion,
        story,
        next: 0,
    };
    report.heading("Webhooks: events pushed by the homeserver, told to receivers");
    deliveries::measure(report, &mut pusher, &stub, scale.events).await;
    hanging::measure(report, &mut pusher, &stub, scale).await;
    daarion.terminate().await;

    beside::measure(report, scale).await;
}

/// With receivers on this machine, which have to be allowed. One that hangs is given up so soon
/// that this happens in each round.
fn with_receivers(options: DaarionOptions) -> DaarionOptions {
    unlimited(options)
        .set("webhooks.allow", "[\"127.0.0.1\"]")
        .set("webhooks.timeout", "\"2s\"")
}

/// The header lines of a service.
fn service(daarion: &Daarion) -> String {
    format!("x-internal-service-token: {}\r\n", daarion.secret())
}

/// A connection to the internal listener.
async fn internal(daarion: &Daarion) -> Connection<TcpStream> {
    let opened = Connection::open(ingest::port(&daarion.internal(""))).await;
    opened.expect("daarion listens")
}

/// A webhook.
struct Hook<'a> {
    daarion: &'a Daarion,
    id: String,
    secret: String,
}

impl<'a> Hook<'a> {
    /// To everything that happens in all channels.
    async fn subscribe(daarion: &'a Daarion, url: &str) -> Self {
        let path = "/internal/matrix/webhook/subscribe";
        let body = json!({ "webhook_url": url });
        let (status, made) = daarion.service().post(path, body).await;
        assert_eq!(status, 200, "{made}");
        let field = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Self {
            daarion,
            id: field("subscription_id"),
            secret: field("secret"),
        }
    }

    async fn remove(self) {
        let path = format!("/internal/matrix/webhook/subscribe/{}", self.id);
        let request = self.daarion.service().builder(Method::DELETE, &path);
        let removed = crate::homeserver::http::exchange(request, None::<&Value>).await;
        let (status, answer) = removed.expect("daarion answers");
        assert!(status.is_success(), "{status} {answer}");
    }
}
