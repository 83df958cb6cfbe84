//! What reads cost on the caller's task.

use std::time::Instant;

use daarion::domain::id::{EventId, MessageId};
use daarion::domain::page::Order;
use daarion::store::Store;
use daarion::store::index::{MemberQuery, MessageQuery};

use super::samples::{CHANNELS, channel_id, said};
use super::{Size, heading, row};

pub async fn measure(store: &Store, size: Size) {
    heading("reads, one caller");
    let times = size.rounds * 10;
    let newest = |n: u64| MessageQuery {
        channel: channel_id(n % CHANNELS),
        after: None,
        at: None,
        order: Order::Descending,
        limit: 50,
    };
    let begun = Instant::now();
    for n in 0..times {
        let page = store.index.messages(newest(n)).await.expect("read");
        assert_eq!(page.expect("a page").count, 50);
    }
    report("the newest 50 messages of a channel", begun, times);
    let somewhere = |n: u64| event(n.wrapping_mul(7_919) % size.messages);
    let begun = Instant::now();
    for n in 0..times {
        let number = n.wrapping_mul(7_919) % size.messages;
        let query = MessageQuery {
            after: Some(MessageId::of(&event(number))),
            ..newest(number)
        };
        store
            .index
            .messages(query)
            .await
            .expect("read")
            .expect("a page");
    }
    report("50 messages behind one somewhere", begun, times);
    let begun = Instant::now();
    for n in 0..times {
        let message = store.index.message(MessageId::of(&somewhere(n))).await;
        assert!(message.expect("read").is_some());
    }
    report("one message by its id, somewhere", begun, times);
    let ids: Vec<EventId> = (0..100).map(somewhere).collect();
    let begun = Instant::now();
    for _ in 0..times / 100 {
        store.journal.knows(&ids).await.expect("read");
    }
    report("whether an event is known", begun, times);
    let begun = Instant::now();
    for n in 0..times {
        let query = MemberQuery {
            channel: channel_id(n % CHANNELS),
            membership: None,
            after: None,
            limit: 50,
        };
        store.index.members(query).await.expect("read");
    }
    report("50 members of a channel", begun, times);
    let begun = Instant::now();
    let head = store.journal.head();
    let mut position = head.saturating_sub(times);
    while position < head {
        position += store.journal.read(position, 500).await.expect("read").len() as u64;
    }
    report(
        "an event of the journal, 500 at once",
        begun,
        times.min(head),
    );
    let begun = Instant::now();
    for _ in 0..times {
        store.index.counts().await.expect("read");
    }
    report("counts", begun, times);
}

fn event(number: u64) -> EventId {
    said(0, number).event.expect("a message has an event id")
}

fn report(name: &str, begun: Instant, times: u64) {
    let each = begun.elapsed().as_nanos() as f64 / times as f64 / 1_000.0;
    row(name, format!("{each:.1} µs"));
}
