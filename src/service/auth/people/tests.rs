//! What only a clock that can be turned shows; the rest is proved over HTTP against a real
//! homeserver.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::channel::CityNaming;
use crate::domain::entity::Naming;
use crate::domain::session::GRACE;
use crate::homeserver::Homeserver;
use crate::homeserver::fake::{Call, Fake};
use crate::service::auth::Auth;

const NOW: Millis = 1_000_000;
const DAY: Millis = 24 * 3_600 * 1_000;
const PASSWORD: &str = "alice-password";

struct House {
    auth: Auth,
    fake: Arc<Fake>,
    clock: Clock,
}

async fn house() -> House {
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
        access_token_lifetime: Duration::from_secs(900),
        refresh_token_lifetime: Duration::from_millis(30 * DAY),
    };
    let store = crate::store::in_memory().expect("a store");
    let auth = Auth::new(store, homeserver, directory, clock.clone(), rules);
    House {
        auth: auth.await.expect("built"),
        fake,
        clock,
    }
}

impl House {
    async fn login(&self) -> Grant {
        let grant = self.auth.people.login("alice", PASSWORD, None).await;
        grant.expect("signed in")
    }

    async fn refresh(&self, grant: &Grant) -> Result<Grant> {
        self.auth.people.refresh(&grant.refresh_token).await
    }

    async fn is_in(&self, grant: &Grant) -> bool {
        let found = self.auth.people.authenticate(&grant.access_token).await;
        found.is_ok()
    }
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
    let refused = words(house.auth.people.authenticate(&first.access_token).await);
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
    let refused = words(people.login("agent_sofia", PASSWORD, None).await);
    assert!(refused.contains("agent:sofia"), "{refused}");
    for bad in [
        "",
        "@alice:elsewhere.net",
        "@alice",
        "a b",
        "alice:elsewhere.net",
    ] {
        let refused = words(people.login(bad, PASSWORD, None).await);
        assert!(refused.starts_with("user: "), "{bad}: {refused}");
    }
    for good in ["alice", "user:alice", "@alice:example.org"] {
        let grant = people.login(good, PASSWORD, None).await.expect("signed in");
        assert_eq!(grant.caller.entity.to_string(), "user:alice");
        assert!(!grant.caller.operator);
    }
    let olena = UserId::parse("@olena:example.org").expect("a user");
    house.fake.set_password(&olena, PASSWORD);
    let grant = people
        .login("olena", PASSWORD, None)
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
        let refused = house.auth.people.login("alice", PASSWORD, None).await;
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
        match house.auth.people.login("Alice", "wrong", None).await {
            Err(Error::WrongCredentials(_)) => tried += 1,
            other => break other.map(drop),
        }
    };
    assert!(matches!(refused, Err(Error::TooMany { .. })), "{refused:?}");
    assert_eq!(house.fake.calls(Call::CheckPassword), tried);
    let refused = house
        .auth
        .people
        .login("@alice:example.org", PASSWORD, None)
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
    let begun = operators.login("root", password, None).await;
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
    let id = tokens::text(id.expect("a session").as_bytes());
    assert_eq!(operators.session(&id).await.expect("read"), None);
}
