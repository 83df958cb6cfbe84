//! Reading the index over HTTP: what a request costs the daarion process, and how many fit
//! into a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::daarion::Daarion;
use crate::ingest::port;
use crate::process;
use crate::report::{Report, rate, share, us};
use crate::story::Story;
use crate::wire::{Connection, get};

/// Connections that stay open, each with one request at a time.
pub const CONNECTIONS: usize = 8;

pub async fn measure(report: &mut Report, daarion: &Daarion, channels: u64, requests: u64) {
    let headers = format!(
        "x-internal-service-token: {}\r\nx-user-id: user:person1\r\n",
        daarion.secret()
    );
    let list = |channel| {
        format!(
            "/api/messaging/channels/{}/messages",
            Story::channel(channel)
        )
    };
    let lists: Vec<_> = (0..channels)
        .map(|channel| get(&format!("{}?limit=50", list(channel)), &headers))
        .collect();
    let (mut points, mut older) = (Vec::new(), Vec::new());
    let mut size = 0;
    let mut connection = Connection::open(port(&daarion.public(""))).await;
    for channel in 0..channels {
        let connection = connection.as_mut().expect("daarion listens");
        let path = format!("{}?limit=50", list(channel));
        let page = connection.get_json(&path, &headers).await;
        let page = page.expect("a channel has a list");
        let items = page["items"].as_array().expect("a list has items");
        assert_eq!(items.len(), 50);
        size = page.to_string().len();
        let next = page["next"].as_str().expect("there are more");
        older.push(get(&format!("{path}&cursor={next}"), &headers));
        points.extend(items.iter().filter_map(|item| {
            let id = item["id"].as_str()?;
            Some(get(&format!("{}/{id}", list(channel)), &headers))
        }));
    }

    let port = port(&daarion.public(""));
    let floor = load(daarion, port, &[get("/readyz", "")], requests / 4).await;
    let listed = load(daarion, port, &lists, requests).await;
    let turned = load(daarion, port, &older, requests).await;
    let pointed = load(daarion, port, &points, requests).await;
    let limit = Duration::from_micros(100);
    report.against(
        &format!("List 50 of a channel with authentication ({size} bytes): processor time"),
        us(listed.cpu),
        "≤ 100 µs",
        listed.cpu <= limit,
    );
    report.figure("The same: requests a second", rate(requests, listed.time));
    report.figure(
        "The second page of the same lists: processor time",
        us(turned.cpu),
    );
    report.figure("Get one message: processor time", us(pointed.cpu));
    report.figure("The same: requests a second", rate(requests, pointed.time));
    report.figure("For comparison, `/readyz`: processor time", us(floor.cpu));
}

/// What some requests took.
pub struct Load {
    pub time: Duration,
    /// Processor time of daarion, for one request.
    pub cpu: Duration,
}

/// Sends so many requests over some connections to a port of daarion's.
pub async fn load(daarion: &Daarion, port: u16, requests: &[Vec<u8>], count: u64) -> Load {
    // Once before, so that connections are open and pages are in memory.
    round(port, requests, count / 10).await;
    let cpu = process::cpu(daarion.pid());
    let begun = Instant::now();
    round(port, requests, count).await;
    Load {
        time: begun.elapsed(),
        cpu: share(process::cpu(daarion.pid()).saturating_sub(cpu), count),
    }
}

pub async fn round(port: u16, requests: &[Vec<u8>], count: u64) {
    let next = AtomicUsize::new(0);
    let callers = (0..CONNECTIONS).map(|_| async {
        let mut connection = Connection::open(port).await.expect("daarion listens");
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number as u64 >= count {
                return;
            }
            let request = &requests[number % requests.len()];
            let answer = connection.exchange(request).await;
            assert_eq!(answer.expect("daarion answers").status, 200);
        }
    });
    futures_util::future::join_all(callers).await;
}
