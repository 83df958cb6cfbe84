//! The made-up community: its channels, its people and what they say, each event a function of
//! its number, so that the stub can tell the history of what was pushed.

use std::fmt::Write as _;

use serde_json::{Value, json};

pub const SERVER: &str = "bench.localhost";
const PEOPLE: u64 = 1_000;
pub const MEMBERS_OF_A_CHANNEL: u64 = 20;
const SENTENCES: [&str; 6] = [
    "Good morning! The market on the square opens at nine.",
    "Добрий день усім, хто сьогодні грає на гітарі в парку?",
    "ok",
    "I have put the notes of the last meeting into the library; please read them before \
     Thursday, there are three questions that we have to answer together.",
    "Зустріч переносимо на п'ятницю, бо зала зайнята. Дякую за розуміння!",
    "See https://example.org/map?place=42 for the way, it is shorter than the old one.",
];

#[derive(Clone, Copy)]
pub struct Story {
    pub channels: u64,
    /// When it began, in milliseconds since the epoch.
    pub begun: u64,
}

impl Story {
    /// The channel's id, which is also what its Matrix room is called after.
    pub fn channel(channel: u64) -> String {
        format!("00000000-0000-4000-8000-{channel:012x}")
    }

    pub fn room(channel: u64) -> String {
        format!("!room{channel:04}:{SERVER}")
    }

    pub fn rooms(self) -> impl Iterator<Item = String> {
        (0..self.channels).map(Self::room)
    }

    /// Writes an event as Synapse pushes it.
    pub fn write_event(self, number: u64, into: &mut String) {
        let (room, sender) = (Self::room(number % self.channels), person(number));
        let text = mix(number) % SENTENCES.len() as u64;
        let text = SENTENCES[usize::try_from(text).unwrap_or(0)];
        let at = self.begun + number;
        let _ = write!(
            into,
            r#"{{"content":{{"body":"{text} ({number})","m.mentions":{{}},"msgtype":"m.text"}},"event_id":"{}","origin_server_ts":{at},"room_id":"{room}","sender":"{sender}","type":"m.room.message","unsigned":{{"age":57}},"user_id":"{sender}","age":57}}"#,
            event_id(number)
        );
    }

    /// A transaction with the events `first..first + count`.
    pub fn transaction(self, first: u64, count: u64) -> String {
        let mut body = String::with_capacity(64 * 1024);
        body.push_str(r#"{"events":["#);
        self.write_list(first..first + count, &mut body);
        body.push_str("]}");
        body
    }

    /// The newest events of a room, newest first, when `pushed` events have been pushed.
    pub fn history(self, room: &str, pushed: u64, limit: u64) -> String {
        let channel = (0..self.channels).find(|channel| Self::room(*channel) == room);
        let channel = channel.unwrap_or(0);
        let count = (pushed + self.channels - 1 - channel) / self.channels;
        let oldest = count.saturating_sub(limit);
        let numbers = (oldest..count).rev();
        let mut body = String::from(r#"{"start":"now","chunk":["#);
        self.write_list(numbers.map(|it| it * self.channels + channel), &mut body);
        body.push_str("]}");
        body
    }

    /// A room's state: that it is a public channel, and who is in it.
    pub fn state(self, room: &str) -> Value {
        let channel = (0..self.channels).find(|channel| Self::room(*channel) == room);
        let channel = channel.unwrap_or(0);
        let connector = format!("@daarion:{SERVER}");
        let mut events = Vec::new();
        let mut push = |kind: &str, key: &str, sender: &str, content: Value| {
            let number = (1 << 40) + (channel << 16) + events.len() as u64;
            events.push(json!({
                "type": kind, "state_key": key, "sender": sender, "content": content,
                "room_id": room, "event_id": event_id(number), "origin_server_ts": self.begun,
            }));
        };
        push(
            "m.room.create",
            "",
            &connector,
            json!({ "room_version": "11" }),
        );
        push(
            "m.room.name",
            "",
            &connector,
            json!({ "name": format!("Channel {channel}") }),
        );
        push(
            "m.room.join_rules",
            "",
            &connector,
            json!({ "join_rule": "public" }),
        );
        let settings = json!({
            "version": 1, "id": Self::channel(channel), "kind": "channel",
            "slug": format!("channel-{channel}"), "microdao": "microdao:bench",
            "visibility": "public", "confidential": false, "status": "active",
            "is_default": false, "created_by": null, "created_at": self.begun,
        });
        push("city.daarion.channel", "", &connector, settings);
        let join = || json!({ "membership": "join" });
        push("m.room.member", &connector, &connector, join());
        for member in 0..MEMBERS_OF_A_CHANNEL {
            let user = person(channel * MEMBERS_OF_A_CHANNEL + member);
            push("m.room.member", &user, &user, join());
        }
        events.into()
    }

    fn write_list(self, numbers: impl Iterator<Item = u64>, into: &mut String) {
        for (index, number) in numbers.enumerate() {
            if index > 0 {
                into.push(',');
            }
            self.write_event(number, into);
        }
    }
}

fn person(number: u64) -> String {
    format!("@person{}:{SERVER}", number % PEOPLE)
}

/// As random as a hash, which is what ids of events are.
fn event_id(number: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut id = String::with_capacity(44);
    id.push('$');
    let mut state = number;
    for index in 0..43 {
        if index % 10 == 0 {
            state = mix(state + 1);
        }
        id.push(ALPHABET[(state >> (index % 10 * 6) & 63) as usize] as char);
    }
    id
}

/// One step of SplitMix64.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
