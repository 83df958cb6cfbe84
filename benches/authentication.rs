//! What it costs to know who is calling, and what they may do in a channel, on one core: part of every
//! request. `cargo bench --bench authentication`.

#[path = "../tests/service/world.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod world;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daarion::clock::Clock;
use daarion::directory::Directory;
use daarion::domain::access::{Caller, Right};
use daarion::domain::channel::{CityNaming, Visibility};
use daarion::domain::entity::{Entity, Naming};
use daarion::domain::event::Source;
use daarion::domain::id::UserId;
use daarion::domain::key::{KeyRights, KeyScope};
use daarion::domain::session::Visitor;
use daarion::homeserver::Homeserver as _;
use daarion::homeserver::fake::Fake;
use daarion::service::auth::keys::NewKey;
use daarion::service::auth::{Auth, AuthRules, outside};
use daarion::store::{self, Creation};

use world::World;

const NOW: u64 = 1_764_000_000_000;
/// How many people are signed in.
const PEOPLE: u32 = 1_000;
const ROUNDS: u32 = 200;

fn main() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let clock = Clock::manual(NOW);
    let directory = tempfile::tempdir().expect("a directory");
    let store = store::open(directory.path()).expect("a store");
    let auth = auth(&clock, store.clone()).await;
    let mut tokens = Vec::new();
    for number in 0..PEOPLE {
        let user = format!("person{number}");
        let grant = auth.people.login(&user, "password", visitor()).await;
        tokens.push(grant.expect("signed in").access_token);
    }
    let alice = Entity::parse("user:person0").expect("an entity");
    let new = NewKey {
        name: "bench".into(),
        rights: KeyRights::parse(&["*".into()], None, None).expect("rights"),
        lifetime: None,
    };
    let (key, _) = auth.keys.create(&alice, new).await.expect("a key");

    let anew = time(&auth, &tokens).await;
    told("an access token, for the first time", anew, PEOPLE);
    let mut again = Duration::ZERO;
    for round in 1..=20 {
        // A second later the session is looked for again, and no signature.
        clock.set(NOW + 1_000 * round);
        again += time(&auth, &tokens).await;
    }
    told("an access token, after a second", again, 20 * PEOPLE);
    let mut soon = Duration::ZERO;
    for _ in 0..ROUNDS {
        soon += time(&auth, &tokens).await;
    }
    told("an access token, within a second", soon, ROUNDS * PEOPLE);
    let begun = Instant::now();
    for _ in 0..ROUNDS * PEOPLE {
        let found = auth.keys.authenticate(black_box(&key)).expect("it counts");
        found.require(KeyScope::MessagesRead).expect("its scope");
    }
    told("an API key", begun.elapsed(), ROUNDS * PEOPLE);
    store.closer.close().await;
    permission().await;
}

/// What members of a private channel are asked for a list of its messages, and for a message.
async fn permission() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store::open(directory.path()).expect("a store");
    let world = World::on(store).await;
    let private = Creation {
        visibility: Visibility::Private,
        ..world.creation("square", false)
    };
    let channel = world.creator.create(private).await.expect("is created");
    let mut callers = Vec::new();
    for number in 0..PEOPLE {
        let user = world.person(&format!("person{number}"));
        let invited = world.fake.invite(&channel.room, &user, None).await;
        invited.expect("the connector is in it");
        let joined = world.fake.join(&channel.room, Some(&user)).await;
        joined.expect("is invited");
        callers.push(Caller::new(world.core.directory.entity(&user), false));
    }
    let adopted = world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("the members are known");
    let core = &world.core;
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        for caller in &callers {
            let found = core.visible(black_box(caller), channel.id).await;
            black_box(found.expect("a member"));
        }
    }
    told("permission to read", begun.elapsed(), ROUNDS * PEOPLE);
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        for caller in &callers {
            let found = core.require(Right::Send, black_box(caller), &channel).await;
            black_box(found.expect("a member"));
        }
    }
    told("permission to send", begun.elapsed(), ROUNDS * PEOPLE);
    core.store.closer.close().await;
}

/// All of them, once each.
async fn time(auth: &Auth, tokens: &[String]) -> Duration {
    let begun = Instant::now();
    for token in tokens {
        let who = auth.authenticate(black_box(token), visitor).await;
        black_box(who.expect("signed in"));
    }
    begun.elapsed()
}

fn told(what: &str, all: Duration, times: u32) {
    let each = all / times;
    println!("{what}: {:.2} µs", each.as_secs_f64() * 1e6);
}

fn visitor() -> Visitor {
    Visitor::new(
        "192.0.2.1".parse().ok(),
        Some("Mozilla/5.0 (X11; Linux x86_64)"),
    )
}

async fn auth(clock: &Clock, store: store::Store) -> Auth {
    let naming = Naming {
        server_name: "example.org".into(),
        sender_localpart: "daarion".into(),
        agent_prefix: "agent_".into(),
    };
    let city = CityNaming {
        city: "City".into(),
        room_prefix: "city_".into(),
        matrix_name: "{room}".into(),
        server_name: "example.org".into(),
    };
    let directory = Arc::new(Directory::new(naming, city));
    let fake = Arc::new(Fake::new(directory.clone(), clock.clone()));
    for number in 0..PEOPLE {
        let user = UserId::trusted(format!("@person{number}:example.org"));
        fake.set_password(&user, "password");
    }
    let rules = AuthRules {
        operators: Default::default(),
        issuer: "example.org".into(),
        issuers: Vec::new(),
        homeserver_page: None,
        access_token_lifetime: Duration::from_secs(900),
        refresh_token_lifetime: Duration::from_secs(30 * 86_400),
    };
    let nothing = outside::nothing();
    let made = Auth::new(
        store,
        fake.clone(),
        fake,
        directory,
        clock.clone(),
        rules,
        &nothing,
    );
    made.await.expect("built")
}
