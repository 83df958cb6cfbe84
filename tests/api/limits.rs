//! How often people and their programs may ask: who floods is refused, and nobody else.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, DaarionOptions, World, WorldOptions};
use crate::sign_in::{ME, bearer, signed_in};
use crate::support::{Person, answered, messages_of, refused, text};

/// Requests a second; twice as many may come at once.
const RATE: u32 = 5;

async fn narrow_world() -> World {
    let rate = RATE.to_string();
    let options = ["person", "key", "channel"]
        .into_iter()
        .fold(DaarionOptions::default(), |options, who| {
            options.set(&format!("limits.{who}_per_second"), &rate)
        });
    let options = WorldOptions {
        daarion: options,
        ..WorldOptions::default()
    };
    World::start_with(options).await
}

/// The refusals of so many requests at once.
async fn flood(caller: &Caller, path: &str, requests: usize) -> Vec<(StatusCode, Value)> {
    let asked = (0..requests).map(|_| caller.get(path));
    let mut answers = futures_util::future::join_all(asked).await;
    answers.retain(|(status, _)| *status == StatusCode::TOO_MANY_REQUESTS);
    answers
}

#[tokio::test]
async fn a_flood_of_one_person_or_key_refuses_nobody_else() {
    let world = narrow_world().await;
    let alice = Person::named(&world, "alice").await;
    let bob = Person::named(&world, "bob").await;
    let mut refusals = flood(&alice.api, ME, 60).await;
    let refusal = refusals.pop().expect("it was too much");
    let words = refused(429, "M_LIMIT_EXCEEDED", refusal);
    assert!(words.starts_with("user:alice asks more than 5"), "{words}");
    is_told_the_allowance(&alice.api).await;
    answered(200, bob.api.get(ME).await);

    let me = bearer(&world, &signed_in(&world, &bob).await);
    let wanted = json!({ "name": "Скрипт", "scopes": ["*"] });
    let made = answered(201, me.post("/api/keys", wanted).await);
    let shown = format!("Bearer {}", text(&made["key"]));
    let program = world.daarion.anonymous();
    let program = program.with_header("authorization", &shown);
    assert!(!flood(&program, ME, 60).await.is_empty());
    is_told_the_allowance(&program).await;
    answered(200, bob.api.get(ME).await);
}

async fn is_told_the_allowance(caller: &Caller) {
    let answer = caller.builder(Method::GET, ME).send().await;
    let answer = answer.expect("an answer");
    let header = |name: &str| answer.headers().get(name).and_then(|it| it.to_str().ok());
    assert_eq!(header("ratelimit-limit"), Some("5"));
    assert!(header("ratelimit-remaining").is_some() && header("ratelimit-reset").is_some());
}

#[tokio::test]
async fn a_flooded_channel_takes_what_the_quiet_say() {
    let world = narrow_world().await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mut flooders = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let flooder = Person::named(&world, name).await;
        answered(
            201,
            flooder
                .api
                .post(&messages_of(&channel), json!({ "text": "є" }))
                .await,
        );
        flooders.push(flooder);
    }
    let path = messages_of(&channel);
    let posts = flooders.iter().flat_map(|flooder| {
        let post = || flooder.api.post(&path, json!({ "text": "потік" }));
        (0..20).map(move |_| post())
    });
    let answers = futures_util::future::join_all(posts).await;
    let is_refused = |(status, _): &&(StatusCode, Value)| *status == 429;
    assert!(answers.iter().filter(is_refused).count() > 0);
    alice.say(&channel, "Чути мене?").await;
}
