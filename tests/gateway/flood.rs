//! One service floods: the homeserver is asked no more at once than it may be, and nobody else
//! waits for the flood.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use ::daarion::service::gateway::turns::REQUESTS;

use crate::caller::Gateway;
use crate::stub::{Said, Stub};
use crate::support::eventually;

const ROOM: &str = "!room:test.localhost";
/// How long the homeserver takes for each.
const EACH: Duration = Duration::from_millis(700);
/// Ten times what is let through at once.
const FLOOD: usize = 10 * REQUESTS.total;

// The harness lets every token ask as often as it likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_of_one_service_keeps_no_other_waiting() {
    let said = Said::json(200, &json!({ "event_id": "$said" })).after(EACH);
    let stub = Stub::answering(move |asked| match asked.is_about_encryption() {
        true => Said::missing(),
        false => said.clone(),
    })
    .await;
    let daarion = stub.daarion().await;
    let (flood, _) = Gateway::narrow(&daarion, json!({})).await;
    let (quiet, _) = Gateway::narrow(&daarion, json!({})).await;
    let (flood, served) = (Arc::new(flood), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let waves = (0..FLOOD).map(|number| {
        let (flood, served) = (flood.clone(), served.clone());
        tokio::spawn(async move {
            flood.say(ROOM, &number.to_string()).await;
            served.fetch_add(1, Ordering::SeqCst);
        })
    });
    let waves: Vec<_> = waves.collect();
    eventually("the flood", async || {
        (stub.in_flight() == REQUESTS.total).then_some(())
    })
    .await;
    for _ in 0..2 {
        let before = served.load(Ordering::SeqCst);
        quiet.say(ROOM, "a word").await;
        // Those who were there before, those beside it, and no more.
        let meanwhile = served.load(Ordering::SeqCst) - before;
        assert!(meanwhile <= 3 * REQUESTS.total, "{meanwhile}");
    }
    let served_before = served.load(Ordering::SeqCst);
    assert!(served_before < FLOOD, "the flood was over: {served_before}");
    for wave in waves {
        wave.await.expect("the flood is served, too");
    }
    assert_eq!(stub.most_in_flight(), REQUESTS.total, "the bound");
    let took = begun.elapsed();
    assert!(took >= 10 * EACH, "{took:?}");
}
