//! How fast pushed transactions are parsed and mapped, on one core: the part of ingest that
//! is ours alone. `cargo bench --bench mapping`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daarion::directory::Directory;
use daarion::domain::channel::{Channel, ChannelKind, ChannelStatus, CityNaming, Visibility};
use daarion::domain::entity::Naming;
use daarion::domain::event::Source;
use daarion::domain::id::{ChannelId, RoomId};
use daarion::homeserver::Mapped;
use daarion::matrix::mapping;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const NOW: u64 = 1_764_000_000_000;
/// As many events as the homeserver puts into one transaction at most.
const EVENTS: usize = 100;
const ROOMS: usize = 100;
const DURATION: Duration = Duration::from_secs(2);

fn main() {
    let directory = directory();
    for (name, body) in [
        (
            "messages of channels",
            body(|number| message(&room(number % ROOMS), number)),
        ),
        (
            "a lively mixture",
            body(|number| mixture(&room(number % ROOMS), number)),
        ),
        (
            "messages of foreign rooms",
            body(|number| message("!foreign:example.org", number)),
        ),
    ] {
        let begun = Instant::now();
        let mut events = 0;
        while begun.elapsed() < DURATION {
            events += black_box(map(&body, &directory));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let each = seconds * 1e6 / events as f64;
        println!(
            "{name}: {:.0} events/s, {each:.2} µs each ({} bytes each)",
            events as f64 / seconds,
            body.len() / EVENTS
        );
    }
}

/// What the application service does with a body, apart from waiting for the journal.
fn map(body: &[u8], directory: &Directory) -> usize {
    #[derive(serde::Deserialize)]
    struct Transaction<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    let transaction: Transaction = serde_json::from_slice(body).expect("a transaction");
    let mapped: Vec<Mapped> = transaction
        .events
        .iter()
        .map(|raw| mapping::map(raw, directory, NOW, Source::Push))
        .collect();
    black_box(mapped).len()
}

fn body(event: impl Fn(usize) -> Value) -> Vec<u8> {
    let events: Vec<Value> = (0..EVENTS).map(event).collect();
    json!({ "events": events, "ephemeral": [] })
        .to_string()
        .into_bytes()
}

/// With all that Synapse adds to what it pushes.
fn event(room: &str, number: usize, kind: &str, content: Value) -> Value {
    json!({
        "age": 41,
        "content": content,
        "event_id": format!("$0Ld0xv3MZCMTEpU7hJvJ2mTqjzN4ovkkBCnBnKpO{number:04}"),
        "origin_server_ts": NOW - 1_000,
        "room_id": room,
        "sender": format!("@user{}:example.org", number % 20),
        "type": kind,
        "unsigned": { "age": 41, "membership": "join" },
        "user_id": format!("@user{}:example.org", number % 20),
    })
}

fn message(room: &str, number: usize) -> Value {
    let text = "Сьогодні о шостій збираємося біля фонтану, принесіть \"ліхтарі\". ".repeat(2);
    let content = json!({
        "msgtype": "m.text",
        "body": format!("{number} {text}"),
        "format": "org.matrix.custom.html",
        "formatted_body": format!("<p>{number} <strong>{text}</strong></p>"),
        "m.mentions": { "user_ids": ["@user7:example.org"] },
    });
    event(room, number, "m.room.message", content)
}

fn mixture(room: &str, number: usize) -> Value {
    let relation = |kind: &str| json!({ "rel_type": kind, "event_id": "$first", "key": "👍" });
    match number % 10 {
        0 => event(
            room,
            number,
            "m.reaction",
            json!({ "m.relates_to": relation("m.annotation") }),
        ),
        1 => {
            let content = json!({
                "msgtype": "m.text",
                "body": "* виправлено",
                "m.new_content": { "msgtype": "m.text", "body": "виправлено" },
                "m.relates_to": relation("m.replace"),
            });
            event(room, number, "m.room.message", content)
        }
        2 => {
            let content = json!({ "membership": "join", "displayname": "Аліса" });
            let mut event = event(room, number, "m.room.member", content);
            event["state_key"] = json!("@user3:example.org");
            event
        }
        3 => {
            let content = json!({
                "msgtype": "m.image",
                "body": "місто.png",
                "url": "mxc://example.org/abcdefgh",
                "info": { "mimetype": "image/png", "size": 102_400, "w": 640, "h": 480 },
            });
            event(room, number, "m.room.message", content)
        }
        4 => event(room, number, "m.room.power_levels", json!({ "users": {} })),
        _ => message(room, number),
    }
}

fn room(number: usize) -> String {
    format!("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH{number:04}")
}

fn directory() -> Arc<Directory> {
    let naming = Naming {
        server_name: "example.org".into(),
        sender_localpart: "daarion".into(),
        agent_prefix: "agent_".into(),
    };
    let city = CityNaming {
        city: "DAARION City".into(),
        room_prefix: "city_".into(),
        matrix_name: "{city} — {room}".into(),
        server_name: "example.org".into(),
    };
    let directory = Directory::new(naming, city);
    for number in 0..ROOMS {
        directory.put_channel(Channel {
            id: ChannelId(uuid::Uuid::from_u128(number as u128)),
            kind: ChannelKind::City,
            slug: format!("room{number}"),
            name: format!("Room {number}"),
            description: String::new(),
            microdao: "microdao:daarion".into(),
            visibility: Visibility::Public,
            confidential: false,
            status: ChannelStatus::Active,
            is_default: false,
            accepts_knocks: false,
            slow_mode_seconds: 0,
            room: RoomId::trusted(room(number)),
            former: Vec::new(),
            alias: None,
            created_by: None,
            created_at: 1,
        });
    }
    Arc::new(directory)
}
