//! Scheduled messages.

use futures_util::future::join_all;
use uuid::Uuid;

use super::Ground;
use super::samples::channel_id;
use crate::domain::entity::Entity;
use crate::domain::id::{MessageId, Millis};
use crate::domain::scheduled::{ScheduleState, Scheduled, ScheduledContent, ScheduledFile};
use crate::store::Store;
use crate::store::scheduled::{Due, PastUse};

async fn due(store: &Store, now: Millis) -> Vec<Scheduled> {
    let due = store.scheduled.due(now, 9, 9).await.expect("read");
    assert!(!due.has_more);
    due.items
}

fn sent_before(sent_before: Millis) -> PastUse {
    PastUse {
        sent_before,
        ..PastUse::default()
    }
}

fn scheduled(id: u128, by: &str, send_at: Millis) -> Scheduled {
    Scheduled {
        id: Uuid::from_u128(id),
        channel: channel_id(1),
        by: Entity::parse(by).expect("an entity"),
        content: ScheduledContent {
            text: "потім".to_owned(),
            markdown: true,
            reply_to: Some(MessageId(Uuid::from_u128(9))),
            thread: None,
            mentions: vec!["user:bob".to_owned()],
            file: Some(ScheduledFile {
                url: "mxc://s/i".to_owned(),
                ..ScheduledFile::default()
            }),
        },
        send_at,
        next_try: send_at,
        created_at: 1,
        state: ScheduleState::Waiting,
        may_be_said: true,
        revision: 0,
    }
}

pub async fn scheduled_messages_outlive_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    let (first, second) = (scheduled(1, "user:a", 30), scheduled(2, "user:a", 20));
    for one in [&first, &second] {
        assert!(store.scheduled.add(one.clone(), 2).await.expect("added"));
    }
    let store = ground.kill(store).await;
    assert!(store.scheduled.add(first.clone(), 2).await.expect("there"));
    let more = store.scheduled.add(scheduled(3, "user:a", 10), 2).await;
    assert!(!more.expect("refused"));
    let other = store.scheduled.add(scheduled(4, "user:b", 40), 2).await;
    assert!(other.expect("added"));
    let of = store.scheduled.of(&first.by).await.expect("read");
    assert_eq!(of, [second.clone(), first.clone()]);
    assert_eq!(store.scheduled.next(0).await.expect("read"), Some(20));
    assert_eq!(store.scheduled.next(20).await.expect("read"), Some(30));
    assert_eq!(due(&store, 30).await, [second, first]);
}

pub async fn of_two_who_change_one_the_first_counts(mut ground: impl Ground) {
    let store = ground.open().await;
    let one = scheduled(1, "user:a", 30);
    store.scheduled.add(one.clone(), 9).await.expect("added");
    let changed = Scheduled {
        send_at: 50,
        next_try: 50,
        revision: 1,
        state: ScheduleState::Sending { since: 3 },
        ..one.clone()
    };
    let change = store.scheduled.change(changed.clone(), 0);
    assert!(change.await.expect("changed"));
    let stale = store.scheduled.change(one.clone(), 0).await;
    assert!(!stale.expect("refused"));
    assert!(!store.scheduled.remove(one.id, 0).await.expect("refused"));
    let store = ground.kill(store).await;
    assert_eq!(due(&store, 30).await, []);
    assert_eq!(due(&store, 50).await, std::slice::from_ref(&changed));
    let sent = Scheduled {
        state: ScheduleState::Sent {
            message: MessageId(Uuid::nil()),
            at: 60,
        },
        revision: 2,
        ..changed
    };
    let change = store.scheduled.change(sent.clone(), 1);
    assert!(change.await.expect("changed"));
    assert_eq!(store.scheduled.next(0).await.expect("read"), None);
    let dropping = async |before| {
        let past = sent_before(before);
        let dropping = store.scheduled.drop_past_use(past).await;
        dropping.expect("dropped").len()
    };
    assert_eq!(dropping(60).await, 0);
    assert_eq!(store.scheduled.get(one.id).await.expect("read"), Some(sent));
    assert_eq!(dropping(61).await, 1);
    assert_eq!(store.scheduled.get(one.id).await.expect("read"), None);
    assert_eq!(store.scheduled.of(&one.by).await.expect("read"), []);
}

pub async fn what_is_put_off_is_in_nobodys_way(ground: impl Ground) {
    let store = ground.open().await;
    for id in 1..=6 {
        let one = scheduled(id, "user:a", 10);
        store.scheduled.add(one, 9).await.expect("added");
    }
    let other = scheduled(7, "user:b", 20);
    store.scheduled.add(other.clone(), 9).await.expect("added");
    let looked = store.scheduled.due(20, 9, 2).await.expect("read");
    assert_eq!(looked.items.len(), 3, "of each so many");
    assert!(looked.has_more && looked.items.contains(&other));
    for before in looked.items {
        let later = Scheduled {
            next_try: 90,
            revision: 1,
            ..before
        };
        assert!(store.scheduled.change(later, 0).await.expect("changed"));
    }
    let looked = store.scheduled.due(20, 2, 9).await.expect("read");
    assert_eq!((looked.items.len(), looked.has_more), (2, true));
    assert_eq!(store.scheduled.next(20).await.expect("read"), Some(90));
    let nothing = store.scheduled.due(9, 9, 9).await.expect("read");
    assert_eq!(nothing, Due::default());
}

pub async fn what_is_past_use_is_forgotten(ground: impl Ground) {
    let store = ground.open().await;
    let failed = |at| ScheduleState::Failed {
        reason: "no".to_owned(),
        at,
    };
    let states = [ScheduleState::Waiting, failed(5), failed(50)];
    for (id, state) in (1..).zip(states) {
        let one = Scheduled {
            state,
            ..scheduled(id, "user:a", 10)
        };
        store.scheduled.add(one, 9).await.expect("added");
    }
    let past = PastUse {
        failed_before: 50,
        ..PastUse::default()
    };
    let dropping = store.scheduled.drop_past_use(past).await;
    assert_eq!(dropping.expect("dropped").len(), 1);
    let past = PastUse {
        channels: vec![channel_id(1)],
        ..PastUse::default()
    };
    let dropping = store.scheduled.drop_past_use(past).await;
    let place = (channel_id(1), Entity::parse("user:a").expect("an id"));
    assert_eq!(dropping.expect("dropped"), [place.clone(), place]);
    assert_eq!(store.scheduled.next(0).await.expect("read"), None);
}

pub async fn of_very_many_some_are_forgotten_at_a_time(ground: impl Ground) {
    let store = ground.open().await;
    let adding = (1..=501).map(|id| store.scheduled.add(scheduled(id, "user:a", 10), 999));
    for added in join_all(adding).await {
        assert!(added.expect("added"));
    }
    let past = PastUse {
        channels: vec![channel_id(1)],
        ..PastUse::default()
    };
    let mut steps = Vec::new();
    while steps.last() != Some(&0) {
        let dropping = store.scheduled.drop_past_use(past.clone()).await;
        steps.push(dropping.expect("dropped").len());
    }
    assert_eq!(steps.iter().sum::<usize>(), 501);
    assert!(steps.len() > 2, "{steps:?}");
}
