//! What only a clock that can be turned shows; the rest is proved over HTTP against a real
//! homeserver.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::IssuerConfig;
use crate::domain::channel::CityNaming;
use crate::domain::entity::Naming;
use crate::domain::session::GRACE;
use crate::homeserver::Homeserver;
use crate::homeserver::fake::{Call, Fake};
use crate::service::auth::outside::Fetch;
use crate::service::auth::{Auth, outside};
use crate::store::sessions::KeyUse;

pub const NOW: Millis = 1_000_000;
const DAY: Millis = 24 * 3_600 * 1_000;
const PASSWORD: &str = "alice-password";

pub struct House {
    pub auth: Auth,
    pub fake: Arc<Fake>,
    pub clock: Clock,
}

async fn house() -> House {
    house_with(Vec::new(), outside::nothing()).await
}

/// A house that believes these issuers.
pub async fn house_with(issuers: Vec<IssuerConfig>, fetch: Fetch) -> House {
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
    let clock = Clock::manual(NOW);
    let directory = Arc::new(Directory::new(naming, city));
    let fake = Arc::new(Fake::new(directory.clone(), clock.clone()));
    let alice = UserId::parse("@alice:example.org").expect("a user");
    fake.set_password(&alice, PASSWORD);
    let homeserver: Arc<dyn Homeserver> = fake.clone();
    let rules = AuthRules {
        operators: [Entity::parse("user:olena").expect("an entity")].into(),
        issuer: "example.org".into(),
        issuers,
        homeserver_page: None,
        access_token_lifetime: Duration::from_secs(900),
        refresh_token_lifetime: Duration::from_millis(30 * DAY),
    };
    let store = crate::store::in_memory().expect("a store");
    let identity = fake.clone();
    let auth = Auth::new(
        store,
        homeserver,
        identity,
        directory,
        clock.clone(),
        rules,
        &fetch,
    );
    House {
        auth: auth.await.expect("built"),
        fake,
        clock,
    }
}

impl House {
    async fn login(&self) -> Grant {
        let grant = self.auth.people.login("alice", PASSWORD, visitor()).await;
        grant.expect("signed in")
    }

    async fn refresh(&self, grant: &Grant) -> Result<Grant> {
        self.auth
            .people
            .refresh(&grant.refresh_token, visitor())
            .await
    }

    async fn authenticate(&self, grant: &Grant) -> Result<SignedIn> {
        self.auth.authenticate(&grant.access_token, visitor).await
    }

    async fn is_in(&self, grant: &Grant) -> bool {
        self.authenticate(grant).await.is_ok()
    }
}

/// Somebody whose address nobody knows.
fn visitor() -> Visitor {
    Visitor::default()
}

fn words<T>(refused: Result<T>) -> String {
    match refused {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_get_the_same_successor() {
    let house = house().await;
    let first = house.login().await;
    let one = house.refresh(&first).await.expect("refreshed");
    house.clock.set(NOW + GRACE);
    let other = house.refresh(&first).await.expect("refreshed");
    assert_eq!(one.refresh_token, other.refresh_token);
    assert!(house.is_in(&one).await && house.is_in(&other).await);
    house.refresh(&one).await.expect("it is still good");
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_can_be_made_again_however_late() {
    let house = house().await;
    let first = house.login().await;
    let lost = house.refresh(&first).await.expect("refreshed");
    house.clock.set(NOW + DAY);
    let again = house.refresh(&first).await.expect("refreshed");
    assert_eq!(lost.refresh_token, again.refresh_token);
    // The old access token proves nothing of the new refresh token.
    let old = house.login().await;
    let lost = house.refresh(&old).await.expect("refreshed");
    assert!(house.is_in(&old).await);
    house.clock.set(NOW + DAY + GRACE + 1);
    let again = house.refresh(&old).await.expect("refreshed");
    assert_eq!(lost.refresh_token, again.refresh_token);
    assert!(house.is_in(&again).await);
    words(house.refresh(&old).await);
    assert!(!house.is_in(&again).await, "now it is a thief's");
}

#[tokio::test]
async fn a_replaced_token_ends_the_session_after_the_grace() {
    let house = house().await;
    let first = house.login().await;
    let other = house.login().await;
    let second = house.refresh(&first).await.expect("refreshed");
    assert!(house.is_in(&second).await);
    house.clock.set(NOW + GRACE + 1);
    let refused = words(house.refresh(&first).await);
    assert!(refused.contains("used before"), "{refused}");
    assert!(!house.is_in(&second).await);
    let refused = words(house.refresh(&second).await);
    assert!(refused.contains("has ended"), "{refused}");
    assert!(
        house.is_in(&other).await,
        "another session has nothing to do with it"
    );
}

#[tokio::test]
async fn tokens_expire_and_refreshing_prolongs() {
    let house = house().await;
    let first = house.login().await;
    assert!(house.is_in(&first).await);
    house.clock.set(NOW + 900_000);
    let refused = words(house.authenticate(&first).await);
    assert!(refused.contains("expired"), "{refused}");
    let day_29 = NOW + 29 * DAY;
    house.clock.set(day_29);
    let second = house.refresh(&first).await.expect("refreshed");
    house.clock.set(day_29 + 29 * DAY);
    assert_eq!(house.auth.drop_expired().await.expect("dropped"), 0);
    let third = house.refresh(&second).await.expect("refreshed");
    house.clock.set(day_29 + 59 * DAY);
    let refused = words(house.refresh(&third).await);
    assert!(refused.contains("expired"), "{refused}");
    assert_eq!(house.auth.drop_expired().await.expect("dropped"), 1);
}

#[tokio::test]
async fn only_people_of_this_homeserver_sign_in() {
    let house = house().await;
    let people = &house.auth.people;
    let agent = UserId::parse("@agent_sofia:example.org").expect("a user");
    house.fake.set_password(&agent, PASSWORD);
    let refused = words(people.login("agent_sofia", PASSWORD, visitor()).await);
    assert!(refused.contains("agent:sofia"), "{refused}");
    for bad in [
        "",
        "@alice:elsewhere.net",
        "@alice",
        "a b",
        "alice:elsewhere.net",
    ] {
        let refused = words(people.login(bad, PASSWORD, visitor()).await);
        assert!(refused.starts_with("user: "), "{bad}: {refused}");
    }
    for good in ["alice", "user:alice", "@alice:example.org"] {
        let grant = people
            .login(good, PASSWORD, visitor())
            .await
            .expect("signed in");
        assert_eq!(grant.caller.entity.to_string(), "user:alice");
        assert!(!grant.caller.operator);
    }
    let olena = UserId::parse("@olena:example.org").expect("a user");
    house.fake.set_password(&olena, PASSWORD);
    let grant = people
        .login("olena", PASSWORD, visitor())
        .await
        .expect("signed in");
    assert!(grant.caller.operator);
}

#[tokio::test]
async fn a_homeserver_that_is_away_is_no_wrong_password() {
    let house = house().await;
    for _ in 0..30 {
        house
            .fake
            .fail_next(Call::CheckPassword, Error::unavailable("away"));
        let refused = house.auth.people.login("alice", PASSWORD, visitor()).await;
        assert!(matches!(refused, Err(Error::HomeserverUnavailable { .. })));
    }
    house.login().await;
    assert_eq!(house.fake.calls(Call::CheckPassword), 31);
}

#[tokio::test]
async fn guessing_is_slowed_down_before_the_homeserver_is_asked() {
    let house = house().await;
    let mut tried = 0;
    let refused = loop {
        match house.auth.people.login("Alice", "wrong", visitor()).await {
            Err(Error::WrongCredentials(_)) => tried += 1,
            other => break other.map(drop),
        }
    };
    assert!(matches!(refused, Err(Error::TooMany { .. })), "{refused:?}");
    assert_eq!(house.fake.calls(Call::CheckPassword), tried);
    let refused = house
        .auth
        .people
        .login("@alice:example.org", PASSWORD, visitor())
        .await;
    assert!(
        matches!(refused, Err(Error::TooMany { .. })),
        "another spelling"
    );
    house.clock.set(NOW + 2_000);
    house.login().await;
}

#[tokio::test]
async fn an_operators_session_lasts_a_day_of_work() {
    let house = house().await;
    let operators = &house.auth.operators;
    let password = "correct horse battery";
    operators.create("root", password).await.expect("made");
    let begun = operators.login("root", password, visitor()).await;
    let (cookie, session) = begun.expect("signed in");
    let found = operators.session(&cookie).await.expect("read");
    assert_eq!(found.as_ref(), Some(&session));
    house.clock.set(session.expires_at - 1);
    assert!(operators.session(&cookie).await.expect("read").is_some());
    house.clock.set(session.expires_at);
    assert_eq!(operators.session(&cookie).await.expect("read"), None);
    for bad in ["", "x", "кіт", &cookie[1..]] {
        assert_eq!(operators.session(bad).await.expect("read"), None);
    }
    // A person's session is no operator's.
    let grant = house.login().await;
    let id = house.auth.people.session_of(&grant.access_token);
    let id = tokens::text(&id.expect("a session").0);
    assert_eq!(operators.session(&id).await.expect("read"), None);
}

#[tokio::test]
async fn what_ends_counts_no_more_at_once_though_it_was_verified_a_moment_ago() {
    let house = house().await;
    let grants = [house.login().await, house.login().await];
    let session = |grant: &Grant| {
        let session = house.auth.people.session_of(&grant.access_token);
        session.expect("a session")
    };
    for _ in 0..3 {
        assert!(house.is_in(&grants[0]).await && house.is_in(&grants[1]).await);
    }
    let mut ends = house.auth.people.ends();
    house
        .auth
        .people
        .logout(session(&grants[0]))
        .await
        .expect("out");
    assert!(!house.is_in(&grants[0]).await && house.is_in(&grants[1]).await);
    let ended = ends.recv().await.expect("told");
    assert_eq!(ended, Pass::Session(session(&grants[0])));
    assert!(house.auth.has_ended(ended).await);

    // What the store was told by somebody else is seen within a second.
    let sessions = &house.auth.store.sessions;
    sessions.end(session(&grants[1])).await.expect("ended");
    assert!(house.is_in(&grants[1]).await);
    house.clock.set(NOW + 1_000);
    assert!(!house.is_in(&grants[1]).await);
}

#[tokio::test]
async fn people_see_their_sessions_and_end_them() {
    let house = house().await;
    let people = &house.auth.people;
    let from = |address: &str, agent| Visitor::new(address.parse().ok(), Some(agent));
    let login = async |visitor| {
        let grant = people.login("alice", PASSWORD, visitor).await;
        grant.expect("signed in")
    };
    let phone = login(from("192.0.2.1", "Телефон")).await;
    house.clock.set(NOW + 10);
    let desk = login(from("192.0.2.2", "Desk/1")).await;
    house.clock.set(NOW + 20);
    let lost = login(visitor()).await;
    let me = house.authenticate(&desk).await.expect("signed in");
    let seen = async || {
        let all = people.sessions(&me).await.expect("listed");
        let view = |view: SessionView| {
            let seen = view.session.seen;
            (seen.at, seen.visitor.user_agent, view.is_current)
        };
        all.into_iter().map(view).collect::<Vec<_>>()
    };
    let agent = |name: &str| Some(name.to_owned());
    let begun = [
        (NOW + 20, None, false),
        (NOW + 10, agent("Desk/1"), true),
        (NOW, agent("Телефон"), false),
    ];
    // The desk has come with another program just now, which counts from now on.
    let mut expected = begun;
    expected[1] = (NOW + 20, None, true);
    assert_eq!(seen().await, expected);

    // Whoever comes later is seen, before and after it is written down.
    house.clock.set(NOW + 100_000);
    let moved = from("192.0.2.9", "Телефон/2");
    let token = &phone.access_token;
    let found = house.auth.authenticate(token, || moved.clone()).await;
    found.expect("signed in");
    let expected = (NOW + 100_000, agent("Телефон/2"), false);
    assert_eq!(seen().await[2], expected);
    house.auth.save_uses().await.expect("saved");
    assert_eq!(seen().await[2], expected);

    let all = people.sessions(&me).await.expect("listed");
    let id = all[0].session.key.handle();
    people.end_session(&me, id).await.expect("ended");
    assert!(!house.is_in(&lost).await);
    let refused = people.end_session(&me, id).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    assert_eq!(people.end_other_sessions(&me).await, Ok(1));
    assert!(!house.is_in(&phone).await && house.is_in(&desk).await);
    assert_eq!(people.end_other_sessions(&me).await, Ok(0));
}

#[tokio::test]
async fn nobody_ends_the_sessions_of_others() {
    let house = house().await;
    let alice = house.login().await;
    let bob = UserId::parse("@bob:example.org").expect("a user");
    house.fake.set_password(&bob, PASSWORD);
    let people = &house.auth.people;
    let grant = people.login("bob", PASSWORD, visitor()).await;
    let bob = house.authenticate(&grant.expect("signed in")).await;
    let bob = bob.expect("signed in");
    let me = house.authenticate(&alice).await.expect("signed in");
    let own = people.sessions(&me).await.expect("listed");
    let id = own[0].session.key.handle();
    let refused = people.end_session(&bob, id).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    assert_eq!(people.end_other_sessions(&bob).await, Ok(0));
    assert!(house.is_in(&alice).await);
}

#[tokio::test]
async fn the_oldest_session_that_makes_room_is_told_to_end() {
    let house = house().await;
    let first = house.login().await;
    assert!(house.is_in(&first).await);
    let mut ends = house.auth.people.ends();
    for number in 1..=EACH as u64 {
        house.clock.set(NOW + number);
        house.login().await;
    }
    assert!(!house.is_in(&first).await);
    let session = house.auth.people.session_of(&first.access_token);
    let session = session.expect("a session");
    assert_eq!(ends.recv().await.expect("told"), Pass::Session(session));
}

#[tokio::test]
async fn keys_are_replaced_and_nobody_is_signed_out() {
    let house = house().await;
    let auth = &house.auth;
    let first = house.login().await;
    let other = house.login().await;
    let lost = house.refresh(&other).await.expect("refreshed");
    auth.operators
        .create("root", "correct horse battery")
        .await
        .expect("made");
    let begun = auth
        .operators
        .login("root", "correct horse battery", visitor());
    let (cookie, session) = begun.await.expect("signed in");

    house.clock.set(NOW + 1_000);
    auth.rotate_keys().await.expect("rotated");
    let uses: Vec<_> = auth.signing_keys().await.expect("listed");
    let uses: Vec<_> = uses.iter().map(|key| (key.of, key.forgotten_at)).collect();
    let expected = [
        (KeyUse::Access, None),
        (KeyUse::Access, Some(NOW + 1_000 + 900_000)),
        (KeyUse::Refresh, None),
        (KeyUse::Refresh, Some(NOW + 1_000 + 30 * DAY)),
    ];
    assert_eq!(uses, expected);
    assert!(house.is_in(&first).await);
    // Whose answer was lost just before gets the same one, by the key of then.
    let again = house.refresh(&other).await.expect("refreshed");
    assert!(house.is_in(&again).await && house.is_in(&lost).await);
    house.refresh(&again).await.expect("refreshed");
    assert!(auth.operators.is_proved(&cookie, &session.csrf_token));
    let second = house.refresh(&first).await.expect("refreshed");
    assert!(house.is_in(&second).await);

    house.clock.set(NOW + 1_000 + 900_000);
    assert_eq!(auth.drop_retired_keys().await, Ok(1));
    let third = house.refresh(&second).await.expect("refreshed");
    house.clock.set(NOW + 1_000 + 30 * DAY - 1);
    assert_eq!(auth.drop_retired_keys().await, Ok(0));
    let fourth = house.refresh(&third).await.expect("refreshed");
    house.clock.set(NOW + 1_000 + 30 * DAY);
    assert_eq!(auth.drop_retired_keys().await, Ok(1));
    let fifth = house.refresh(&fourth).await.expect("refreshed");
    assert!(house.is_in(&fifth).await);
}

#[tokio::test]
async fn an_openid_token_of_the_homeserver_begins_a_session() {
    let house = house().await;
    let people = &house.auth.people;
    let alice = UserId::parse("@alice:example.org").expect("a user");
    house.fake.give_openid_token(&alice, "opaque");
    let login = async |token, server| people.login_by_openid(token, server, visitor()).await;
    let grant = login("opaque", "example.org").await.expect("signed in");
    assert_eq!(grant.caller.entity.to_string(), "user:alice");
    assert!(house.is_in(&grant).await);
    for (token, server, field) in [
        ("", "example.org", "access_token: "),
        ("a b", "example.org", "access_token: "),
        ("opaque", "elsewhere.net", "matrix_server_name: "),
        ("opaque", "", "matrix_server_name: "),
    ] {
        let refused = words(login(token, server).await);
        assert!(refused.starts_with(field), "{refused}");
    }
    let refused = login("unknown", "example.org").await.map(drop);
    assert!(
        matches!(refused, Err(Error::WrongCredentials(_))),
        "{refused:?}"
    );
    // What the homeserver says of somebody who is no person here does not let them in.
    for stranger in [
        "@agent_sofia:example.org",
        "@alice:elsewhere.net",
        "@daarion:example.org",
    ] {
        let user = UserId::parse(stranger).expect("a user");
        house.fake.give_openid_token(&user, stranger);
        let refused = login(stranger, "example.org").await.map(drop);
        assert!(
            matches!(refused, Err(Error::Forbidden(_))),
            "{stranger}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn wrong_tokens_are_counted_like_wrong_passwords() {
    let house = house().await;
    let people = &house.auth.people;
    let from = || Visitor::new("192.0.2.1".parse().ok(), None);
    let mut tried = 0;
    let refused = loop {
        match people.login_by_openid("wrong", "example.org", from()).await {
            Err(Error::WrongCredentials(_)) => tried += 1,
            other => break other.map(drop),
        }
    };
    assert!(matches!(refused, Err(Error::TooMany { .. })), "{refused:?}");
    assert_eq!(house.fake.calls(Call::OpenId), tried);
    let refused = people.login_by_page("wrong", from()).await.map(drop);
    assert!(matches!(refused, Err(Error::TooMany { .. })), "{refused:?}");
    let refused = people.login("alice", PASSWORD, from()).await.map(drop);
    assert!(matches!(refused, Err(Error::TooMany { .. })), "{refused:?}");
}

#[tokio::test]
async fn whoever_comes_back_from_the_homeservers_page_ends_up_where_they_wanted() {
    let house = house().await;
    let sso = &house.auth.sso;
    let callback = url::Url::parse("https://city.example.org/api/auth/sso/callback");
    let callback = callback.expect("a URL");
    let begun = sso.begin(&callback, Some("/city/rooms/general?a=1")).await;
    let begun = begun.expect("begun");
    let address = url::Url::parse(&begun.address).expect("a URL");
    assert_eq!(address.host_str(), Some("matrix.example.org"));
    assert_eq!(address.path(), "/_matrix/client/v3/login/sso/redirect");
    let back = address
        .query_pairs()
        .next()
        .expect("where to")
        .1
        .into_owned();
    let back = url::Url::parse(&back).expect("a URL");
    assert!(back.as_str().starts_with(callback.as_str()), "{back}");
    let state = back.query_pairs().next().expect("a state").1.into_owned();

    let path = |state: &str, secret| sso.path_of(state, secret).map_err(|it| it.to_string());
    let secret = Some(begun.secret.as_str());
    assert_eq!(path(&state, secret), Ok("/city/rooms/general?a=1".into()));
    // A browser that was not sent, or that was sent by another link, is not signed in.
    let other = sso.begin(&callback, None).await.expect("begun");
    let mut spoilt = state.clone();
    spoilt.replace_range(50..51, if &state[50..51] == "A" { "B" } else { "A" });
    for (state, secret) in [
        (state.as_str(), None),
        (&state, Some(other.secret.as_str())),
        (&state, Some("")),
        (&spoilt, secret),
        ("", secret),
        ("кіт", secret),
    ] {
        let refused = path(state, secret).expect_err("refused");
        assert!(refused.starts_with("state: "), "{refused}");
    }
    house.auth.rotate_keys().await.expect("rotated");
    assert!(path(&state, secret).is_ok());
    house.clock.set(NOW + 600_000);
    let refused = path(&state, secret).expect_err("too late");
    assert!(refused.contains("too old"), "{refused}");

    let alice = UserId::parse("@alice:example.org").expect("a user");
    house.fake.give_login_token(&alice, "once");
    let people = &house.auth.people;
    let grant = people.login_by_page("once", visitor()).await;
    assert!(house.is_in(&grant.expect("signed in")).await);
    let again = people.login_by_page("once", visitor()).await.map(drop);
    assert!(
        matches!(again, Err(Error::WrongCredentials(_))),
        "{again:?}"
    );
}
