//! Webhooks: what waits, what was tried, what was given up, and where each has come to.

use uuid::Uuid;

use super::Ground;
use super::samples::{Shorthand, channel_id, created, event_id, said};
use crate::domain::entity::Entity;
use crate::domain::event::{Event, Source, What};
use crate::domain::id::{Millis, Seq};
use crate::domain::webhook::{Pause, PauseReason, Rotation, Secrets, Webhook, WebhookId};
use crate::store::webhooks::{
    Attempt, DeadLetter, DeadPlace, DeadQuery, Fate, Lane, Pending, Settled, WebhookChange,
};
use crate::store::{Store, StoreError};

pub fn id(number: u128) -> WebhookId {
    WebhookId(Uuid::from_u128(number))
}

pub fn webhook(number: u128) -> Webhook {
    Webhook {
        id: id(number),
        channel: Some(channel_id(1)),
        url: "https://example.org/hook".into(),
        events: vec!["m.room.message".into()],
        agent: Entity::parse("agent:sofia"),
        include_agents: true,
        description: "рахунки".into(),
        secrets: Secrets {
            current: "whsec_bmV3".into(),
            previous: vec![("whsec_b2xk".into(), 900), ("whsec_b2xkZXI".into(), 800)],
        },
        paused: None,
        service: Some("billing".into()),
        created_by: Some(Uuid::from_u128(77)),
        created_at: 100 - u64::try_from(number).expect("a small number"),
        position: 10,
    }
}

fn pending(channel: u128, seq: Seq, due_at: Millis) -> Pending {
    Pending {
        channel: channel_id(channel),
        seq,
        tries: 0,
        due_at,
        since: 5,
        event: None,
    }
}

fn event(channel: u128, seq: Seq, arrived_at: Millis) -> Event {
    let What::MessageCreated(message) = said(channel, &format!("m{seq}"), arrived_at).what else {
        panic!("it was said");
    };
    Event {
        seq,
        arrived_at,
        channel: channel_id(channel),
        event: Some(message.event.clone()),
        source: Source::Push,
        what: What::MessageCreated(message),
    }
}

/// As it was given up; [`concealed`] is what is kept of it.
pub fn dead(number: u128, seq: Seq, arrived_at: Millis) -> DeadLetter {
    DeadLetter {
        webhook: id(number),
        event: event(1, seq, arrived_at),
        tries: 4,
        died_at: 99,
        reason: "500".into(),
    }
}

/// Without what was said.
fn concealed(mut event: Event) -> Event {
    assert!(event.what.conceal(), "there is something");
    event
}

pub fn attempt(seq: Seq) -> Attempt {
    Attempt {
        at: 50,
        name: "messaging.message.created".into(),
        seq,
        delivery_id: format!("evt_{seq}"),
        event: Some(event_id("a")),
        channel: Some(channel_id(1)),
        number: 2,
        latency_ms: 7,
        status: Some(500),
        error: Some("no answer".into()),
        answer: "тиша".into(),
        fate: Fate::Retried,
        next_at: Some(60),
    }
}

async fn settle(store: &Store, number: u128, settled: Settled) -> bool {
    let settling = store.webhooks.settle(id(number), settled);
    settling.await.expect("written")
}

async fn waiting(store: &Store, channel: u128) -> Vec<Seq> {
    let rows = store.webhooks.pending(id(1), channel_id(channel), 99);
    let rows = rows.await.expect("read");
    rows.iter().map(|row| row.seq).collect()
}

/// What waits, what of it was replayed, and what was given up.
async fn counts(store: &Store, number: u128) -> (u64, u64, u64) {
    let counts = store.webhooks.counts(id(number)).await.expect("read");
    (counts.pending, counts.replayed, counts.dead)
}

async fn dead_seqs(store: &Store, query: DeadQuery) -> Vec<(u128, Seq)> {
    let found = store.webhooks.dead_letters(query).await.expect("read");
    let place = |dead: &DeadLetter| (dead.webhook.0.as_u128(), dead.event.seq);
    found.iter().map(place).collect()
}

pub async fn webhooks_are_kept(mut ground: impl Ground) {
    let store = ground.open().await;
    for number in [1, 2] {
        let added = store.webhooks.add(webhook(number)).await;
        added.expect("added");
    }
    let taken = store.webhooks.add(webhook(1)).await;
    assert!(matches!(taken, Err(StoreError::Exists(_))), "{taken:?}");
    let store = ground.kill(store).await;
    let all = store.webhooks.webhooks().await.expect("read");
    assert_eq!(all, [webhook(2), webhook(1)]);
    let subscriptions = store.subscriptions.list().await.expect("read");
    let readers: Vec<_> = subscriptions.iter().map(|it| it.reader.as_str()).collect();
    assert_eq!(readers, ["webhook", "webhook"]);
    assert!(store.webhooks.remove_webhook(id(1)).await.expect("written"));
    assert!(!store.webhooks.remove_webhook(id(1)).await.expect("written"));
    let store = ground.kill(store).await;
    assert_eq!(store.webhooks.webhook(id(1)).await.expect("read"), None);
    assert_eq!(store.subscriptions.list().await.expect("read").len(), 1);
}

pub async fn a_webhook_is_changed_and_keeps_the_rest(mut ground: impl Ground) {
    let store = ground.open().await;
    store.webhooks.add(webhook(1)).await.expect("added");
    let pause = Pause {
        reason: PauseReason::Asked,
        at: 7,
    };
    let change = WebhookChange {
        url: Some("https://example.org/other".into()),
        paused: Some(Some(pause)),
        ..WebhookChange::default()
    };
    let expected = Webhook {
        url: "https://example.org/other".into(),
        paused: Some(pause),
        ..webhook(1)
    };
    let changed = store.webhooks.change(id(1), change).await.expect("written");
    assert_eq!(changed, Some(expected.clone()));
    let store = ground.kill(store).await;
    let found = store.webhooks.webhook(id(1)).await.expect("read");
    assert_eq!(found, Some(expected));
    assert_eq!(slowest(&store).await, None);
    let nothing = WebhookChange::default();
    let unknown = store.webhooks.change(id(9), nothing).await.expect("read");
    assert_eq!(unknown, None);
}

pub async fn a_batch_settles_whole(mut ground: impl Ground) {
    let store = ground.open().await;
    store.webhooks.add(webhook(1)).await.expect("added");
    let first = Settled {
        position: 20,
        pending: vec![pending(2, 17, 80), pending(1, 12, 40), pending(1, 15, 0)],
        attempts: vec![attempt(12)],
        ..Settled::default()
    };
    assert!(settle(&store, 1, first).await);
    let lanes = store.webhooks.lanes(id(1)).await.expect("read");
    let lane = |channel, due_at| Lane {
        channel: channel_id(channel),
        due_at,
    };
    assert_eq!(lanes, [lane(1, 40), lane(2, 80)]);
    assert_eq!(counts(&store, 1).await, (3, 0, 0));
    let second = Settled {
        // Never back.
        position: 3,
        done: vec![(channel_id(2), 17)],
        dead: vec![dead(1, 12, 5)],
        attempts: vec![attempt(13)],
        pause: Some(Pause {
            reason: PauseReason::Gone,
            at: 9,
        }),
        ..Settled::default()
    };
    assert!(settle(&store, 1, second).await);
    let store = ground.kill(store).await;
    let found = store.webhooks.webhook(id(1)).await.expect("read");
    let found = found.expect("there");
    assert_eq!(found.position, 20);
    assert_eq!(found.paused.map(|it| it.reason), Some(PauseReason::Gone));
    assert_eq!(waiting(&store, 1).await, [15]);
    assert_eq!(waiting(&store, 2).await, [0; 0]);
    assert_eq!(counts(&store, 1).await, (1, 0, 1));
    let query = DeadQuery {
        webhooks: vec![id(1)],
        limit: 9,
        ..DeadQuery::default()
    };
    let letters = store.webhooks.dead_letters(query).await.expect("read");
    let kept = DeadLetter {
        event: concealed(event(1, 12, 5)),
        ..dead(1, 12, 5)
    };
    assert_eq!(letters, [kept]);
    let tries = store.webhooks.attempts(id(1), None, 9).await.expect("read");
    assert_eq!(tries, [(1, attempt(13)), (0, attempt(12))]);
    assert!(!settle(&store, 9, Settled::default()).await, "no such one");
}

pub async fn the_latest_attempts_are_kept(ground: impl Ground) {
    let store = ground.open().await;
    for number in [1, 2] {
        store.webhooks.add(webhook(number)).await.expect("added");
        for round in 0..5 {
            let attempts = (round * 50..round * 50 + 50).map(attempt).collect();
            let settled = Settled {
                attempts,
                ..Settled::default()
            };
            assert!(settle(&store, number, settled).await);
        }
    }
    let tries = store.webhooks.attempts(id(1), None, 999).await;
    let seqs: Vec<_> = tries.expect("read").iter().map(|(_, it)| it.seq).collect();
    assert_eq!(seqs, (50..250).rev().collect::<Vec<_>>());
    let tries = store.webhooks.attempts(id(1), Some(100), 2).await;
    let numbers: Vec<_> = tries.expect("read").iter().map(|(it, _)| *it).collect();
    assert_eq!(numbers, [99, 98]);
}

pub async fn resuming_makes_what_waits_due(ground: impl Ground) {
    let store = ground.open().await;
    store.webhooks.add(webhook(1)).await.expect("added");
    let settled = Settled {
        pending: vec![pending(1, 12, 500), pending(1, 13, 0), pending(2, 14, 600)],
        ..Settled::default()
    };
    settle(&store, 1, settled).await;
    let resume = WebhookChange {
        paused: Some(None),
        ..WebhookChange::default()
    };
    store.webhooks.change(id(1), resume).await.expect("written");
    let lanes = store.webhooks.lanes(id(1)).await.expect("read");
    let due: Vec<_> = lanes.iter().map(|lane| lane.due_at).collect();
    assert_eq!(due, [0, 0]);
    assert_eq!(counts(&store, 1).await, (3, 0, 0));
}

pub async fn dead_letters_are_replayed_and_purged(mut ground: impl Ground) {
    let store = ground.open().await;
    for number in [1, 2] {
        store.webhooks.add(webhook(number)).await.expect("added");
        let settled = Settled {
            dead: (11..15).map(|seq| dead(number, seq, 10 * seq)).collect(),
            ..Settled::default()
        };
        settle(&store, number, settled).await;
    }
    let query = DeadQuery {
        webhooks: vec![id(2), id(1)],
        limit: 99,
        ..DeadQuery::default()
    };
    let between = DeadQuery {
        from: Some(120),
        until: Some(140),
        ..query.clone()
    };
    assert_eq!(
        dead_seqs(&store, between).await,
        [(1, 12), (1, 13), (2, 12), (2, 13)]
    );
    let page = DeadQuery {
        after: Some(DeadPlace {
            webhook: id(1),
            seq: 13,
        }),
        limit: 2,
        ..query.clone()
    };
    assert_eq!(dead_seqs(&store, page).await, [(1, 14), (2, 11)]);

    let place = |seq| DeadPlace {
        webhook: id(1),
        seq,
    };
    let places = vec![place(12), place(13), place(99)];
    let replayed = store.webhooks.replay(places, 700).await;
    assert_eq!(replayed.expect("written"), 2);
    let purged = store.webhooks.purge(vec![place(14), place(99)]).await;
    assert_eq!(purged.expect("written"), 1);
    let store = ground.kill(store).await;
    let rows = store.webhooks.pending(id(1), channel_id(1), 9).await;
    let expected = Pending {
        since: 700,
        event: Some(concealed(event(1, 12, 120))),
        ..pending(1, 12, 700)
    };
    assert_eq!(rows.expect("read")[0], expected);
    assert_eq!(waiting(&store, 1).await, [12, 13]);
    assert_eq!(counts(&store, 1).await, (2, 2, 1));
    assert_eq!(counts(&store, 2).await, (0, 0, 4));
    let mine = DeadQuery {
        webhooks: vec![id(1)],
        ..query
    };
    assert_eq!(dead_seqs(&store, mine).await, [(1, 11)]);
}

pub async fn what_waits_holds_the_journal(ground: impl Ground) {
    let store = ground.open().await;
    store.put(vec![created(1)]).await;
    store.webhooks.add(webhook(1)).await.expect("added");
    let replayed = Pending {
        event: Some(event(1, 3, 30)),
        ..pending(1, 3, 0)
    };
    let settled = Settled {
        position: 30,
        pending: vec![replayed, pending(2, 25, 0), pending(1, 22, 0)],
        ..Settled::default()
    };
    settle(&store, 1, settled).await;
    // What was replayed has its event with it.
    assert_eq!(slowest(&store).await, Some(21));
    let old = store.webhooks.waiting_since(id(1), 6, 9);
    let old: Vec<_> = old.await.expect("read").iter().map(|row| row.seq).collect();
    assert_eq!(old, [22, 25]);
    let none = store.webhooks.waiting_since(id(1), 5, 9).await;
    assert_eq!(none.expect("read"), []);
    let settled = Settled {
        done: vec![(channel_id(1), 22), (channel_id(2), 25)],
        ..Settled::default()
    };
    settle(&store, 1, settled).await;
    assert_eq!(slowest(&store).await, Some(30));
}

async fn slowest(store: &Store) -> Option<Seq> {
    let slowest = store.subscriptions.slowest().await.expect("read");
    slowest.map(|it| it.after)
}

pub async fn what_is_counted_along_is_what_is_there(ground: impl Ground) {
    let store = ground.open().await;
    store.webhooks.add(webhook(1)).await.expect("added");
    assert_eq!(counts(&store, 9).await, (0, 0, 0), "there is no such one");
    let first = Settled {
        pending: vec![pending(1, 12, 0), pending(1, 13, 0), pending(2, 14, 0)],
        // One that waits no more, and was not waiting.
        done: vec![(channel_id(1), 11)],
        dead: vec![dead(1, 9, 5), dead(1, 10, 5)],
        ..Settled::default()
    };
    settle(&store, 1, first).await;
    assert_eq!(counts(&store, 1).await, (3, 0, 2));
    let places = [9, 10].map(|seq| DeadPlace {
        webhook: id(1),
        seq,
    });
    let replayed = store.webhooks.replay(places.to_vec(), 700).await;
    assert_eq!(replayed.expect("written"), 2);
    assert_eq!(counts(&store, 1).await, (5, 2, 0));
    let replayed = Pending {
        event: Some(event(1, 9, 5)),
        ..pending(1, 9, 800)
    };
    let second = Settled {
        // It is tried again, and the same is given up once more.
        pending: vec![replayed, pending(1, 12, 900)],
        dead: vec![dead(1, 10, 5), dead(1, 13, 5)],
        done: vec![(channel_id(2), 14)],
        ..Settled::default()
    };
    settle(&store, 1, second).await;
    let store = ground.reopen(store).await;
    assert_eq!(counts(&store, 1).await, (2, 1, 2));
    assert_eq!(waiting(&store, 1).await, [9, 12]);
}

pub async fn secrets_are_rotated_where_they_are_kept(mut ground: impl Ground) {
    let store = ground.open().await;
    store.webhooks.add(webhook(1)).await.expect("added");
    let rotate = |secret: &str, overlap_until| WebhookChange {
        rotation: Some(Rotation {
            secret: secret.into(),
            at: 850,
            overlap_until,
        }),
        ..WebhookChange::default()
    };
    // Two at once: none is lost.
    let (one, other) = tokio::join!(
        store.webhooks.change(id(1), rotate("one", Some(2_000))),
        store.webhooks.change(id(1), rotate("other", Some(1_000))),
    );
    let last = [one, other].map(|it| it.expect("written").expect("there"));
    let store = ground.kill(store).await;
    let kept = store.webhooks.webhook(id(1)).await.expect("read");
    let kept = kept.expect("there").secrets;
    assert!(last.iter().any(|it| it.secrets == kept), "{kept:?}");
    let mut signing: Vec<_> = kept.live(860).collect();
    signing.sort_unstable();
    assert_eq!(signing, ["one", "other", "whsec_b2xk", "whsec_bmV3"]);
    let alone = store.webhooks.change(id(1), rotate("alone", None)).await;
    let alone = alone.expect("written").expect("there").secrets;
    assert_eq!(alone.live(860).collect::<Vec<_>>(), ["alone"]);
}

pub async fn a_webhook_without_a_name_is_of_its_tokens_service(ground: impl Ground) {
    let store = ground.open().await;
    let token = super::service_tokens::token(7, 10);
    let service = token.name.clone();
    let nameless = |number, token| Webhook {
        service: None,
        created_by: Some(token),
        ..webhook(number)
    };
    let (ours, nobodys) = (nameless(1, token.id), nameless(2, Uuid::from_u128(99)));
    store.service_tokens.add_token(token).await.expect("added");
    for webhook in [ours, nobodys] {
        store.webhooks.add(webhook).await.expect("added");
    }
    let services = store.webhooks.webhooks().await.expect("read");
    let services: Vec<_> = services.into_iter().map(|it| it.service).collect();
    assert_eq!(services, [None, Some(service)]);
}
