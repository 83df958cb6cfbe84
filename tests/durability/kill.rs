//! daarion is killed again and again while a city talks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, World};
use crate::homeserver::MatrixUser;
use crate::homeserver::child::POLL_INTERVAL;
use crate::support::{
    Listener, Numbers, Room, city_room, command, event_ids, seed, text, until_whole,
};

const ROOMS: usize = 10;
const SENDERS: usize = 20;
/// In how many of the rooms each sender talks.
const ROOMS_EACH: usize = 3;
/// How many messages there are between two kills, on average.
const MESSAGES_A_KILL: u64 = 50;

/// Who says something, and how it reaches the homeserver.
enum Sender {
    /// With any Matrix client.
    Matrix(MatrixUser),
    /// Through daarion, as a person.
    Person(Caller),
    /// Through daarion, as an agent.
    Agent(Caller, String),
}

/// What was acknowledged: the sender's own number of a message, and the event that it became.
type Acknowledged = Vec<(usize, String)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_there_exactly_once_however_often_daarion_is_killed() {
    let kills = std::env::var("DAARION_KILLS").map_or(20, |kills| {
        kills.parse().expect("DAARION_KILLS is a number")
    });
    let each = usize::try_from(kills * MESSAGES_A_KILL).expect("small") / SENDERS;
    let mut numbers = Numbers::new(seed());
    let world = Arc::new(World::start().await);
    let owner = world.register("owner").await;
    let owner_calls = world.daarion.api_as("user:owner");
    let mut rooms = Vec::new();
    for number in 0..ROOMS {
        rooms.push(city_room(&owner_calls, &format!("room-{number}")).await);
    }
    let senders = senders(&world, &rooms).await;
    let mut listeners = Vec::new();
    for room in &rooms {
        listeners.push(Listener::start(owner_calls.clone(), &room.channel).await);
    }

    let said = Arc::new(AtomicU64::new(0));
    let mut talks = Vec::new();
    for (number, sender) in senders.into_iter().enumerate() {
        let rooms = rooms_of(number, &rooms);
        let said = said.clone();
        talks.push(tokio::spawn(talk(number, sender, rooms, each, said)));
    }
    kill_again_and_again(&world, &mut numbers, kills, &said, each * SENDERS).await;
    let mut acknowledged = HashMap::new();
    for (number, talk) in talks.into_iter().enumerate() {
        acknowledged.insert(number, talk.await.expect("a sender does not panic"));
    }

    // What was said last tells when everything before it must have come.
    let mut last = HashMap::new();
    for room in &rooms {
        last.insert(
            &room.channel,
            owner.send_text(&room.matrix, "that is all").await,
        );
    }
    let mut on_homeserver = HashSet::new();
    for (room, listener) in rooms.iter().zip(&listeners) {
        let truth = until_whole(&owner_calls, room, &owner).await;
        expect_own_order(&truth);
        let events = event_ids(&truth);
        for event in &events {
            listener.until(event).await;
        }
        let mut heard = listener.until(&last[&room.channel]).await;
        heard.sort_unstable();
        let mut expected = events.clone();
        expected.sort_unstable();
        assert_eq!(heard, expected, "the listener of {}", room.slug);
        on_homeserver.extend(events);
    }
    for (sender, acknowledged) in &acknowledged {
        assert_eq!(acknowledged.len(), each);
        for (number, event) in acknowledged {
            assert!(
                on_homeserver.contains(event),
                "message {number} of {sender}"
            );
        }
    }
    let healed = command(&world.daarion, &["heal"]).await;
    assert_eq!(healed["missing"], 0, "{healed}");
    println!("{} messages", on_homeserver.len());
}

/// Half of them plain Matrix users, most of the others people of the API, two of them agents.
async fn senders(world: &World, rooms: &[Room]) -> Vec<Sender> {
    let owner = world.daarion.api_as("user:owner");
    let service = world.daarion.service();
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let sender = match number {
            0..10 => {
                let user = world.register(&format!("matrix-{number}")).await;
                for room in rooms_of(number, rooms) {
                    user.join(&room.matrix).await;
                }
                Sender::Matrix(user)
            }
            10..18 => {
                let user = world.register(&format!("person-{number}")).await;
                let entity = format!("user:{}", user.localpart());
                Sender::Person(world.daarion.api_as(&entity))
            }
            _ => {
                let id = format!("agent:bot-{number}");
                let (status, agent) = service.post("/internal/agents", json!({ "id": id })).await;
                assert_eq!(status, StatusCode::CREATED, "{agent}");
                for room in rooms_of(number, rooms) {
                    let path = format!("/api/messaging/channels/{}/members", room.channel);
                    let (status, answer) = owner.post(&path, json!({ "member_id": id })).await;
                    assert_eq!(status, StatusCode::CREATED, "{answer}");
                }
                Sender::Agent(service.clone(), id)
            }
        };
        senders.push(sender);
    }
    senders
}

fn rooms_of(sender: usize, rooms: &[Room]) -> Vec<Room> {
    let number = |step: usize| (sender + step * 3) % rooms.len();
    let rooms = (0..ROOMS_EACH).map(|step| rooms[number(step)].clone());
    rooms.collect()
}

/// Says `count` things, each until it is acknowledged. An attempt of which nobody knows
/// whether it arrived is another message: it must be there once, too, or not at all.
async fn talk(
    number: usize,
    sender: Sender,
    rooms: Vec<Room>,
    count: usize,
    said: Arc<AtomicU64>,
) -> Acknowledged {
    let mut acknowledged = Vec::new();
    for message in 0..count {
        let room = &rooms[message % rooms.len()];
        let mut attempt = 0;
        let event = loop {
            let text = format!("{number} {message} {attempt}");
            if let Some(event) = say(&sender, room, &text).await {
                break event;
            }
            attempt += 1;
            tokio::time::sleep(POLL_INTERVAL).await;
        };
        acknowledged.push((message, event));
        said.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// The Matrix id of what was said; `None` when nobody knows.
async fn say(sender: &Sender, room: &Room, words: &str) -> Option<String> {
    let answer = match sender {
        Sender::Matrix(user) => return Some(user.send_text(&room.matrix, words).await),
        Sender::Person(caller) => {
            let path = format!("/api/messaging/channels/{}/messages", room.channel);
            let body = json!({ "text": words });
            caller.try_request(Method::POST, &path, Some(body)).await
        }
        Sender::Agent(caller, id) => {
            let path = format!("/internal/agents/{id}/post-to-channel");
            let body = json!({ "channel_id": room.channel, "text": words });
            caller.try_request(Method::POST, &path, Some(body)).await
        }
    };
    match answer {
        Ok((StatusCode::CREATED, message)) => Some(text(&message, "matrix_event_id")),
        Ok((StatusCode::SERVICE_UNAVAILABLE, _)) | Err(_) => None,
        Ok((status, body)) => panic!("{words}: {status} {body}"),
    }
}

/// Kills daarion at moments that are spread over all that is said: in the middle of what it
/// does, while it starts, and while nobody answers the homeserver.
async fn kill_again_and_again(
    world: &World,
    numbers: &mut Numbers,
    kills: u64,
    said: &AtomicU64,
    all: usize,
) {
    for kill in 0..kills {
        let step = all as u64 / (kills + 1);
        let moment = step * kill + numbers.below(step);
        while said.load(Ordering::Relaxed) < moment {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(numbers.below(30))).await;
        world.daarion.kill();
        tokio::time::sleep(Duration::from_millis(numbers.below(200))).await;
        if numbers.below(4) == 0 {
            // Once more, before it has got to its feet.
            world.daarion.spawn();
            tokio::time::sleep(Duration::from_millis(numbers.below(100))).await;
            world.daarion.kill();
        }
        world.daarion.launch().await;
    }
}

/// What one sender said stands in the order in which it was said.
fn expect_own_order(messages: &[Value]) {
    let mut latest: HashMap<&str, u64> = HashMap::new();
    for message in messages {
        let words = message["content"]["body"].as_str().expect("a body");
        let mut words = words.split(' ');
        let (Some(sender), Some(number)) = (words.next(), words.next()) else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        let before = latest.insert(sender, number).unwrap_or(0);
        assert!(before <= number, "sender {sender}: {number} after {before}");
    }
}
