//! One receiver that hangs, and many that do not.

use serde_json::json;

use crate::receiver::{Receiver, Reply};
use crate::support::{Hook, LIMIT, Room, quick, world_with};

const GOOD: usize = 99;
const MESSAGES: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receiver_that_hangs_delays_nobody() {
    // It hangs for longer than all that is waited for here.
    let world = world_with(quick().set("webhooks.timeout", "\"10m\"")).await;
    let hanging = Receiver::answering(|_| Reply::Hang).await;
    let good = Receiver::start().await;
    let room = Room::new(&world).await;
    let stuck = Hook::to_messages(&world, &room, &hanging.url()).await;
    for number in 0..GOOD {
        let url = format!("http://127.0.0.1:{}/{number}", good.port());
        Hook::to_messages(&world, &room, &url).await;
    }
    room.say("0").await;
    hanging.until("the first", |seen| seen.len() == 1).await;
    for number in 1..MESSAGES {
        room.say(&number.to_string()).await;
    }
    let all = GOOD * MESSAGES;
    let seen = good
        .until_within(3 * LIMIT, "all of the good ones", |seen| seen.len() >= all)
        .await;
    for number in 0..GOOD {
        let path = format!("/{number}");
        let texts = seen.iter().filter(|it| it.path == path);
        let texts: Vec<_> = texts.map(|it| it.text().to_owned()).collect();
        let expected: Vec<_> = (0..MESSAGES).map(|it| it.to_string()).collect();
        assert_eq!(texts, expected, "{path}");
    }
    assert_eq!(hanging.seen().len(), 1, "the others wait behind it");
    // Whoever pauses it need not wait for it.
    let paused = stuck.post("pause", json!({})).await;
    assert_eq!(paused["status"], "paused");
}
