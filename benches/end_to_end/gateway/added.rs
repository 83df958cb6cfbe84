//! What the gateway adds to a sending: the time through it, less that of the very call which it
//! makes, in turn.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{internal, service};
use crate::daarion::Daarion;
use crate::homeserver::path;
use crate::ingest::port;
use crate::process;
use crate::report::{Report, Times, share, us};
use crate::story::{SERVER, Story};
use crate::stub::Stub;
use crate::wire::{Answer, Connection, with_body};

pub async fn measure(report: &mut Report, daarion: &Daarion, stub: &Stub, sends: usize) {
    let (mut gateway, headers) = (internal(daarion).await, service(daarion));
    let opened = Connection::open(port(&stub.url())).await;
    let mut homeserver = opened.expect("the stub listens");
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    let mut cpu = Duration::ZERO;
    // The first ones open connections and fill caches.
    let warm_up = sends / 10;
    for number in 0..warm_up + sends {
        if number == warm_up {
            (through, direct) = (Vec::new(), Vec::new());
            cpu = process::cpu(daarion.pid());
        }
        let asked = through_gateway(number, &headers);
        let meant = directly(number, daarion.as_token());
        let is_odd = number % 2 == 1;
        for is_direct in [is_odd, !is_odd] {
            let begun = Instant::now();
            let answer = match is_direct {
                true => homeserver.exchange(&meant).await,
                false => gateway.exchange(&asked).await,
            };
            let took = begun.elapsed();
            check(&answer.expect("it is sent"), &stub.sent());
            match is_direct {
                true => direct.push(took),
                false => through.push(took),
            }
        }
    }
    let cpu = process::cpu(daarion.pid()).saturating_sub(cpu);
    let (through, direct) = (Times::new(through), Times::new(direct));
    for (name, times) in [("Through the gateway", &through), ("Directly", &direct)] {
        let figure = format!("{} / {}", us(times.median()), us(times.quantile(99)));
        report.figure(&format!("{name}, one caller: p50 / p99"), figure);
    }
    let added = |percent| {
        let (through, direct) = (through.quantile(percent), direct.quantile(percent));
        through.saturating_sub(direct)
    };
    for (percent, target, limit) in [
        (50, "≤ 0.5 ms", Duration::from_micros(500)),
        (99, "≤ 3 ms", Duration::from_millis(3)),
    ] {
        let met = added(percent) <= limit;
        report.against(
            &format!("Added at p{percent}"),
            us(added(percent)),
            target,
            met,
        );
    }
    let each = share(cpu, sends as u64);
    report.figure("daarion's processor time, a message", us(each));
}

/// Each answer is that of its own request.
fn check(answer: &Answer<'_>, event: &str) {
    let said = String::from_utf8_lossy(answer.body);
    assert_eq!(answer.status, 200, "{said}");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["event_id"], event);
}

fn through_gateway(number: usize, headers: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "room_id": room(number), "sender_matrix_id": sender(), "msgtype": "m.text",
        "body": text(number),
    });
    let path = "/internal/matrix/send";
    with_body("POST", path, headers, &body.to_string())
}

/// What daarion asks of the homeserver for it.
fn directly(number: usize, as_token: &str) -> Vec<u8> {
    let transaction = format!("directly-{number}");
    let room = room(number);
    let path = path(&["rooms", &room, "send", "m.room.message", &transaction]);
    let now = chrono::Utc::now().timestamp_millis().to_string();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("user_id", &sender())
        .append_pair("ts", &now)
        .finish();
    let body = serde_json::json!({
        "msgtype": "m.text", "body": text(number), "m.mentions": {},
    });
    let path = format!("/_matrix/client/v3{path}?{query}");
    let headers = format!("authorization: Bearer {as_token}\r\n");
    with_body("PUT", &path, &headers, &body.to_string())
}

fn room(number: usize) -> String {
    Story::room(number as u64 % super::CHANNELS)
}

fn sender() -> String {
    format!("@person1:{SERVER}")
}

fn text(number: usize) -> String {
    format!("Добрий день, this is message {number}")
}
