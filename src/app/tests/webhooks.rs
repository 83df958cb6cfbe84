//! Webhooks, set by callers who go away or come twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{App, channel, config_with, event};
use crate::config::Config;
use crate::domain::channel::Channel;
use crate::domain::event::What;
use crate::domain::id::{EventId, SendKey, UserId};
use crate::domain::service::ServiceCaller;
use crate::domain::webhook::{PauseReason, Webhook};
use crate::service::webhooks::NewWebhook;
use crate::store::webhooks::Settled;
use crate::store::{self, Append};

const LIMIT: Duration = Duration::from_secs(20);

fn config() -> Config {
    config_with(&[("DAARION_WEBHOOKS__ALLOW", "127.0.0.1")])
}

fn new(url: &str, key: Option<&str>) -> NewWebhook {
    NewWebhook {
        room: None,
        url: url.to_owned(),
        events: Vec::new(),
        description: None,
        agent: None,
        include_agents: false,
        key: key.map(|key| SendKey::parse(key).expect("a key")),
    }
}

async fn app() -> App {
    let store = store::in_memory().expect("a store");
    App::assemble(&config(), store).await.expect("an app")
}

#[tokio::test]
async fn same_request_twice_at_once_makes_one_webhook_with_one_secret() {
    let app = app().await;
    let (webhooks, shared) = (&app.services.webhooks, ServiceCaller::shared());
    let subscribe = || webhooks.subscribe(&shared, new("http://127.0.0.1:9/", Some("key")));
    let (one, other) = tokio::join!(subscribe(), subscribe());
    let (one, other) = (one.expect("made"), other.expect("the same"));
    assert_eq!(one.id, other.id);
    assert!(one.secret.is_some());
    assert_eq!(one.secret, other.secret, "the answer may have been lost");
    let all = webhooks.list(&shared, None, 9).await.expect("listed");
    assert_eq!(all.items.len(), 1);
    let another = new("http://127.0.0.1:10/", Some("key"));
    let another = webhooks.subscribe(&shared, another).await;
    assert!(another.is_err(), "the key is of another webhook");
}

/// Takes everything, and counts it.
async fn receiver() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = counter.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 16_384];
                let _ = stream.read(&mut bytes).await;
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    (url, count)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so().await {
        assert!(Instant::now() < deadline, "no {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A channel whose content is told to nobody, so that nobody is asked for it.
fn silent_channel() -> Channel {
    Channel {
        confidential: true,
        ..channel()
    }
}

#[tokio::test]
async fn pause_is_in_force_though_its_caller_has_gone() {
    let mut app = app().await;
    let ingest = app.core.ingest.clone();
    let made = event("$made", What::ChannelCreated(silent_channel()));
    ingest.echo(vec![made]).await.expect("is kept");
    app.consumer.catch_up().await.expect("the index is there");
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(app.consumer.run(stop));
    app.deliveries.start().await.expect("started");

    let (webhooks, shared) = (&app.services.webhooks, ServiceCaller::shared());
    let (url, told) = receiver().await;
    let (witness_url, witness) = receiver().await;
    let id = webhooks.subscribe(&shared, new(&url, None)).await;
    let id = id.expect("made").id.to_string();
    let other = webhooks.subscribe(&shared, new(&witness_url, None)).await;
    other.expect("made");
    let mut number = 0;
    let mut say = async || {
        number += 1;
        let deleted = What::MessageDeleted {
            target: EventId::trusted("$target"),
            by: UserId::trusted("@alice:s"),
            at: 1,
        };
        let said = event(&format!("$e{number}"), deleted);
        ingest.echo(vec![said]).await.expect("is kept");
        number
    };
    say().await;
    until("delivery", async || told.load(Ordering::SeqCst) == 1).await;

    let pausing = webhooks.pause(&shared, &id);
    assert!(pausing.now_or_never().is_none(), "its caller has gone");
    until("pause", async || {
        let view = webhooks.get(&shared, &id).await.expect("there");
        view.webhook.paused.map(|it| it.reason) == Some(PauseReason::Asked)
    })
    .await;
    // What is paused is told nothing, whatever others are told.
    until("silence", async || {
        let before = told.load(Ordering::SeqCst);
        let said = say().await;
        until("the witness", async || {
            witness.load(Ordering::SeqCst) >= said
        })
        .await;
        told.load(Ordering::SeqCst) == before
    })
    .await;
    let before = told.load(Ordering::SeqCst);
    let said = say().await;
    until("the witness", async || {
        witness.load(Ordering::SeqCst) >= said
    })
    .await;
    assert_eq!(told.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn status_names_who_holds_the_journal() {
    let app = app().await;
    let (journal, store) = (&app.core.store.journal, &app.core.store.webhooks);
    let old = Append {
        events: vec![event("$made", What::ChannelCreated(silent_channel()))],
        arrived_at: 1_000,
        ..Append::default()
    };
    journal.append(old).await.expect("is kept");
    let report = async || app.services.status.report().await.expect("a report");
    assert_eq!(report().await.journal_held_by, None, "nobody reads it");
    let webhook = Webhook {
        url: "https://hooks.example.org/a-secret-path".into(),
        service: Some("billing".into()),
        ..crate::domain::webhook::tests::sample()
    };
    store.add(webhook.clone()).await.expect("added");
    let name = format!("webhook to hooks.example.org of billing ({})", webhook.id);
    let held = report().await;
    assert_eq!(held.journal_held_by.as_ref(), Some(&name));
    assert!(held.readers.iter().any(|(reader, _)| *reader == name));
    let young = event("$deleted", What::ChannelCreated(silent_channel()));
    app.core.ingest.echo(vec![young]).await.expect("is kept");
    let head = journal.head();
    let read = Settled {
        position: head,
        ..Settled::default()
    };
    store.settle(webhook.id, read).await.expect("written");
    assert_eq!(report().await.journal_held_by, None, "it is trimmed next");
}
