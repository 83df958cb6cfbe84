//! What the measurements put into the store, and small instruments.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use daarion::domain::channel::{Channel, ChannelKind, ChannelStatus, Visibility};
use daarion::domain::entity::Entity;
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::{ChannelId, EventId, MessageId, RoomAlias, RoomId, UserId};
use daarion::domain::member::{Member, Membership};
use daarion::domain::message::Message;
use daarion::store::Append;

pub const CHANNELS: u64 = 100;
pub const MEMBERS: u64 = 50;

/// The preview of most messages; 120 bytes, more than people write in a chat on average.
const TEXT: &str = "Про це ще поговоримо: the garden needs two people on Saturday, \
                    bring gloves, and please tell the others.";

pub fn channel_id(number: u64) -> ChannelId {
    // Random-looking, as real ones are, and the same in every run.
    let event = EventId::trusted(format!("$channel-{number}"));
    ChannelId(MessageId::of(&event).0)
}

fn user(number: u64) -> UserId {
    UserId::trusted(format!("@person{number}:example.org"))
}

pub fn created(number: u64) -> NewEvent {
    let channel = Channel {
        id: channel_id(number),
        kind: ChannelKind::City,
        slug: format!("room-{number}"),
        name: format!("Room {number}"),
        description: "A room of the city".into(),
        microdao: "microdao:daarion".into(),
        visibility: Visibility::Public,
        confidential: false,
        status: ChannelStatus::Active,
        is_default: false,
        accepts_knocks: false,
        slow_mode_seconds: 0,
        room: RoomId::trusted(format!("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH{number}")),
        former: Vec::new(),
        alias: RoomAlias::new(&format!("city_room-{number}"), "example.org"),
        created_by: None,
        created_at: 1_700_000_000_000,
    };
    event(
        number,
        format!("$create{number}"),
        What::ChannelCreated(channel),
    )
}

pub fn joined(channel: u64, number: u64) -> NewEvent {
    let member = Member {
        user: user(number),
        entity: Entity::parse(&format!("user:person{number}")).expect("an entity"),
        membership: Membership::Joined,
        display_name: Some(format!("Person {number}")),
        by: user(number),
        since: 1_700_000_000_000,
        reason: None,
    };
    let id = format!("$join{channel}-{number}");
    event(channel, id, What::MemberChanged(member))
}

/// Message `number` of the run `run`: its channel, sender and id follow from the number. Ids
/// are as long as those of rooms since version 4, and as random.
pub fn said(run: u64, number: u64) -> NewEvent {
    let random = MessageId::of(&EventId::trusted(format!("{run}-{number}")));
    let id = EventId::trusted(format!("${}abcdefghijk", random.0.simple()));
    let channel = number % CHANNELS;
    let entity = Entity::parse(&format!("user:person{}", number % MEMBERS));
    let sender = (user(number % MEMBERS), entity.expect("an entity"));
    let at = 1_700_000_000_000 + run * 1_000_000_000 + number * 10;
    let message = Message {
        preview: TEXT.into(),
        ..Message::blank(channel_id(channel), id.clone(), sender, at)
    };
    event(
        channel,
        id.as_str().to_owned(),
        What::MessageCreated(message),
    )
}

fn event(channel: u64, id: String, what: What) -> NewEvent {
    NewEvent {
        channel: channel_id(channel),
        event: Some(EventId::trusted(id)),
        source: Source::Push,
        what,
    }
}

pub fn append(events: Vec<NewEvent>, transaction: Option<String>) -> Append {
    Append {
        origin: None,
        transaction,
        events,
        skipped: Vec::new(),
        arrived_at: 1_700_000_000_000,
        with_index: false,
    }
}

/// What the disk itself needs for a small durable write.
pub fn sync_time(directory: &Path) -> Duration {
    let mut file = File::create(directory.join("sync")).expect("a file");
    let begun = Instant::now();
    for _ in 0..50 {
        file.write_all(&[7; 4_096]).expect("written");
        file.sync_data().expect("synced");
    }
    begun.elapsed() / 50
}

/// Memory of this process: (all of it, without what is mapped from files), in MB.
pub fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kilobytes.unwrap_or_default() / 1_024.0
    };
    (field("VmRSS:"), field("RssAnon:"))
}

/// CPU time that this process has used.
pub fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    // Fields 14 and 15, in ticks of 10 ms; two went with the process's name.
    Duration::from_millis((fields[11] + fields[12]) * 10)
}
