//! Polls end with whoever waits for them, and with daarion.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::daarion::{Daarion, DaarionOptions, World};
use crate::support::{LIMIT, answered, query, text};

/// A homeserver that never has any news.
struct Silent {
    address: String,
    /// How many polls are open.
    open: watch::Receiver<usize>,
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (open, seen) = watch::channel(0);
        let open = Arc::new(open);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, open.clone()));
            }
        });
        Self {
            address,
            open: seen,
        }
    }

    async fn wait_for(&mut self, open: usize) {
        let reached = self.open.wait_for(|count| *count == open);
        let reached = tokio::time::timeout(LIMIT, reached).await;
        reached.expect("in time").expect("the homeserver runs");
    }
}

async fn serve(mut stream: TcpStream, open: Arc<watch::Sender<usize>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(size @ 1..) = stream.read(&mut buffer).await {
        let request = String::from_utf8_lossy(&buffer[..size]).into_owned();
        if request.starts_with("GET /_matrix/client/v3/sync") {
            open.send_modify(|count| *count += 1);
            let _ = stream.read(&mut buffer).await;
            open.send_modify(|count| *count -= 1);
            return;
        }
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                      content-length: 2\r\n\r\n{}";
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn as_alice() -> String {
    let pairs = [
        ("user_id", "user:alice"),
        ("timeout", "60000"),
        ("since", "s1"),
    ];
    format!("/internal/matrix/sync?{}", query(&pairs))
}

#[tokio::test]
async fn a_poll_ends_with_its_caller_and_with_daarion() {
    let mut silent = Silent::start().await;
    let daarion = Daarion::start(&DaarionOptions {
        homeserver_url: format!("http://{}", silent.address),
        ..DaarionOptions::default()
    })
    .await;
    let service = daarion.service();
    let path = as_alice();
    let gone = tokio::spawn({
        let (service, path) = (service.clone(), path.clone());
        async move { service.try_request(reqwest::Method::GET, &path, None).await }
    });
    silent.wait_for(1).await;
    gone.abort();
    silent.wait_for(0).await;

    let waiting = tokio::spawn(async move { service.get(&path).await });
    silent.wait_for(1).await;
    let begun = Instant::now();
    assert!(daarion.terminate().await.success());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let answer = answered(200, waiting.await.expect("no panic"));
    assert_eq!(answer["next_batch"], "s1", "nothing was missed");
}

#[tokio::test]
async fn our_own_stream_ends_at_once_and_goes_on_after_a_restart() {
    let world = World::start().await;
    let service = world.daarion.service();
    let first = answered(200, service.get("/internal/matrix/sync").await);
    let since = text(&first["next_batch"]).to_owned();
    let path = format!(
        "/internal/matrix/sync?{}",
        query(&[("since", &since), ("timeout", "60000")])
    );
    let waiting = tokio::spawn({
        let (service, path) = (world.daarion.service(), path.clone());
        async move { service.get(&path).await }
    });
    // A request that came later is answered, so the poll is open.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    assert!(world.daarion.terminate().await.success());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let answer = answered(200, waiting.await.expect("no panic"));
    assert_eq!(answer["next_batch"], since);

    world.daarion.launch().await;
    let (alice, room) = crate::support::channel(&world, "alice").await;
    alice.send_text(&room, "після").await;
    let says = crate::support::says("після");
    crate::support::poll_until(&world, since, &room, says).await;
}
