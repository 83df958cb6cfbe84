//! Ways in beside the Matrix password: the homeserver's OpenID tokens, its own sign-in page (by a
//! CAS server, which stands for any that a homeserver may ask), and outside issuers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Query};
use poem::{EndpointExt, Response, Route, Server, get, handler};
use reqwest::Method;
use reqwest::header::{LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::browser::Browser;
use crate::daarion::{Caller, DaarionOptions, World, WorldOptions, shared_world};
use crate::homeserver::{path, unique};
use crate::sign_in::{ME, REFRESH, address, bearer};
use crate::support::{Person, answered, refused, text};

const MATRIX: &str = "/api/auth/matrix";
const SSO: &str = "/api/auth/sso";
const SHARED: &str = "a-secret-that-two-have-of-32-characters";

// Keys that sign nothing but these tests.
const FIRST: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHeBED6aADWRbP5OeRA8FtMtJs9Jq05df\
    FCxbiCsoyDWhRANCAARyBxOiyx+gtaeLY1Gq86XVYc32mm90uYTObX09xFrNQu1tgjsUY5OCWa5Ccc3m\
    UUhrecna8xMOjVSekWsP8AxY";
const SECOND: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZs+6UDyuABuWmCRDH+xx6671oQBM+IMy\
    enUxUZsXxGmhRANCAATnogairfv9qU2cA/YuTbTLvUWntHwjtTdSEsjIamkXzxAS3pa34XDD6gLBCY4/\
    jca963Sk1FbS9MGN6+YQoMDt";

/// What stands outside: a CAS server that signs anybody in as the user of the moment, and the keys
/// of an issuer.
#[derive(Clone, Default)]
struct Outside {
    user: Arc<Mutex<String>>,
    keys: Arc<Mutex<Value>>,
}

#[handler]
fn log_in(query: Query<HashMap<String, String>>) -> Response {
    let mut service = url::Url::parse(&query["service"]).expect("a URL");
    service.query_pairs_mut().append_pair("ticket", "ST-1");
    let found = Response::builder().status(StatusCode::FOUND);
    found.header("location", service.as_str()).finish()
}

#[handler]
fn validate(outside: Data<&Outside>) -> String {
    let user = outside.user.lock().expect("no holder panics");
    format!(
        "<cas:serviceResponse xmlns:cas=\"http://www.yale.edu/tp/cas\">\
         <cas:authenticationSuccess><cas:user>{user}</cas:user></cas:authenticationSuccess>\
         </cas:serviceResponse>"
    )
}

#[handler]
fn keys(outside: Data<&Outside>) -> String {
    outside.keys.lock().expect("no holder panics").to_string()
}

impl Outside {
    /// It answers from now on; its address.
    async fn open(&self) -> String {
        let routes = Route::new()
            .at("/cas/login", get(log_in))
            .at("/cas/proxyValidate", get(validate))
            .at("/keys", get(keys))
            .data(self.clone());
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let acceptor = acceptor.expect("a port");
        let bound = acceptor.local_addr()[0].to_string();
        tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(routes).await });
        bound.replace("socket://", "http://")
    }

    fn publish(&self, key: &EncodingKey, id: &str) {
        let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).expect("a public key");
        jwk.common.key_id = Some(id.to_owned());
        *self.keys.lock().expect("no holder panics") = json!({ "keys": [jwk] });
    }
}

/// A homeserver with a page of its own, and a city that believes two issuers.
struct Place {
    world: World,
    outside: Outside,
}

async fn place() -> &'static Place {
    static PLACE: OnceCell<Place> = OnceCell::const_new();

    PLACE
        .get_or_init(|| async {
            let outside = Outside::default();
            outside.publish(&ec(FIRST), "1");
            // It outlives the test that came first.
            let (tell, told) = std::sync::mpsc::channel();
            let served = outside.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                runtime.block_on(async {
                    tell.send(served.open().await).expect("somebody waits");
                    std::future::pending::<()>().await;
                });
            });
            let base = told.recv().expect("an address");
            let issuers = format!(
                "[[auth.issuers]]\nissuer = \"https://id.example.org\"\n\
                 jwks_url = \"{base}/keys\"\n\
                 [[auth.issuers]]\nissuer = \"https://intranet.example.org\"\n\
                 audience = \"city\"\nshared_key = \"{SHARED}\"\nuser_claim = \"login\"\n"
            );
            let daarion = DaarionOptions {
                extra_toml: issuers,
                settings: vec![("auth.account_check".into(), "\"1s\"".into())],
                ..DaarionOptions::default()
            };
            let settings = json!({
                "cas_config": { "enabled": true, "server_url": format!("{base}/cas") },
                "sso": { "client_whitelist": ["http://127.0.0.1:"] },
            });
            let world = World::start_with(WorldOptions {
                daarion,
                homeserver_settings: Some(settings),
                ..WorldOptions::default()
            })
            .await;
            Place { world, outside }
        })
        .await
}

fn ec(secret: &str) -> EncodingKey {
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, secret);
    EncodingKey::from_ec_der(&der.expect("base64"))
}

async fn openid(person: &Person) -> Value {
    let id = person.user_id();
    let path = path(&[
        "_matrix",
        "client",
        "v3",
        "user",
        id,
        "openid",
        "request_token",
    ]);
    let asked = person.matrix.request(Method::POST, &path, Some(json!({})));
    answered(200, asked.await)
}

#[tokio::test]
async fn an_openid_token_of_the_homeserver_opens_the_city() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let anyone = world.daarion.anonymous();
    let token = openid(&alice).await;
    let grant = answered(200, anyone.post(MATRIX, token.clone()).await);
    assert_eq!(grant["entity_id"], *alice.id());
    let me = answered(200, bearer(world, &grant).get(ME).await);
    assert_eq!(me["matrix_user_id"], *alice.user_id());
    let mut page = Browser::behind_proxy(world, &address());
    let mut body = token.clone();
    body["cookie"] = json!(true);
    let grant = answered(200, page.post(MATRIX, body.clone()).await);
    assert_eq!(grant["refresh_token"], Value::Null);
    answered(200, page.press(REFRESH).await);
    let mut foreign = page.other_tab().with("origin", "https://evil.example");
    refused(403, "M_FORBIDDEN", foreign.post(MATRIX, body).await);

    // The homeserver's word for somebody who is no person here.
    let agent = Person::new(world, "sofia").await;
    let body = json!({
        "id": format!("agent:{}", unique("sofia")), "matrix_user_id": agent.user_id(),
    });
    let service = world.daarion.service();
    answered(201, service.post("/internal/agents", body).await);
    let refusal = anyone.post(MATRIX, openid(&agent).await).await;
    let words = refused(403, "M_FORBIDDEN", refusal);
    assert!(words.contains("not a person"), "{words}");
    // What is no OpenID token is none, also when it is one of the same person.
    let mut other = Browser::behind_proxy(world, &address());
    for bad in [unique("token"), alice.matrix.access_token.clone()] {
        let mut body = token.clone();
        body["access_token"] = json!(bad);
        refused(401, "M_FORBIDDEN", other.post(MATRIX, body).await);
    }
    for (field, value) in [
        ("access_token", json!("")),
        ("access_token", json!("a b")),
        ("matrix_server_name", json!("elsewhere.net")),
        ("token_type", json!("Basic")),
    ] {
        let mut body = token.clone();
        body[field] = value;
        let words = refused(400, "M_INVALID_PARAM", anyone.post(MATRIX, body).await);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
    let secret = text(&token["access_token"]);
    assert!(!world.daarion.log().contains(secret), "no token is logged");
}

#[tokio::test]
async fn wrong_openid_tokens_are_counted() {
    let world = shared_world().await;
    let mut guesser = Browser::behind_proxy(world, &address());
    let mut tried = 0;
    loop {
        let body = json!({
            "access_token": unique("token"), "matrix_server_name": "test.localhost",
        });
        let (status, answer) = guesser.post(MATRIX, body).await;
        if status == 429 {
            refused(429, "M_LIMIT_EXCEEDED", (status, answer));
            break;
        }
        refused(401, "M_FORBIDDEN", (status, answer));
        tried += 1;
        assert!(tried < 50, "the address may guess for ever");
    }
    assert!(guesser.retry_after() >= 1);
}

#[tokio::test]
async fn a_homeserver_without_a_page_says_so() {
    let world = shared_world().await;
    let anyone = world.daarion.anonymous();
    let methods = answered(200, anyone.get("/api/auth/methods").await);
    assert_eq!(methods, json!({ "password": true, "sso": false }));
    refused(404, "M_NOT_FOUND", anyone.get(SSO).await);
}

/// Follows the homeserver's page to its end, as somebody whom the CAS server knows; where it sends
/// the browser back to.
async fn at_the_page(first: &str) -> String {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([])
        .build()
        .expect("a client");
    let mut address = first.to_owned();
    for _ in 0..5 {
        let answer = client.get(&address).send().await.expect("an answer");
        let status = answer.status();
        let next = answer.headers().get(LOCATION).cloned();
        let Some(next) = next else {
            let body = answer.text().await.unwrap_or_default();
            panic!("{address} leads nowhere: {status} {body}");
        };
        next.to_str().expect("text").clone_into(&mut address);
        if address.contains("loginToken=") {
            return address;
        }
    }
    panic!("{address} is not the end");
}

/// The path and query of an address of daarion's.
fn below(world: &World, address: &str) -> String {
    let own = world.daarion.public("");
    let rest = address.strip_prefix(&own);
    rest.unwrap_or_else(|| panic!("{address} is not daarion's"))
        .to_owned()
}

#[tokio::test]
async fn somebody_signs_in_at_the_homeservers_own_page() {
    let Place { world, outside } = place().await;
    let alice = Person::new(world, "alice").await;
    let user = alice.matrix.localpart().to_owned();
    *outside.user.lock().expect("no holder panics") = user;
    let anyone = world.daarion.anonymous();
    let methods = answered(200, anyone.get("/api/auth/methods").await);
    assert_eq!(methods["sso"], true);

    let mut browser = Browser::on_loopback(world);
    answered(
        303,
        browser
            .get(&format!("{SSO}?redirect=/city?room=general"))
            .await,
    );
    let (name, attributes) = browser.last_cookie();
    assert_eq!(name, "daarion_sso");
    let expected = ["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax"];
    assert_eq!(attributes, expected);
    let page = browser.answer[LOCATION].to_str().expect("text").to_owned();
    assert!(page.starts_with(world.homeserver.base_url()), "{page}");
    let back = below(world, &at_the_page(&page).await);
    assert!(back.starts_with("/api/auth/sso/callback?"), "{back}");

    // A link that brings somebody else's token signs nobody in.
    let mut victim = Browser::on_loopback(world);
    let words = refused(400, "M_INVALID_PARAM", victim.get(&back).await);
    assert!(words.starts_with("state: "), "{words}");
    answered(303, victim.get(SSO).await);
    let words = refused(400, "M_INVALID_PARAM", victim.get(&back).await);
    assert!(words.starts_with("state: "), "{words}");
    assert!(!victim.cookies.contains_key("daarion_refresh"));

    answered(303, browser.get(&back).await);
    assert_eq!(browser.answer[LOCATION], "/city?room=general");
    assert_eq!(browser.answer["cache-control"], "no-store");
    assert_eq!(browser.answer.get_all(SET_COOKIE).iter().count(), 2);
    let kept: Vec<_> = browser.cookies.keys().cloned().collect();
    assert_eq!(kept, ["daarion_refresh"], "the one of the way is gone");
    let grant = answered(200, browser.press(REFRESH).await);
    assert_eq!(grant["entity_id"], *alice.id());
    // Nothing is left at the homeserver but her own device.
    let devices = "/_matrix/client/v3/devices";
    let devices = alice.matrix.request(Method::GET, devices, None).await;
    let devices = answered(200, devices);
    assert_eq!(
        devices["devices"].as_array().map(Vec::len),
        Some(1),
        "{devices}"
    );
    let words = refused(400, "M_INVALID_PARAM", browser.get(&back).await);
    assert!(words.starts_with("state: "), "{words}");
    let (_, token) = back.split_once("loginToken=").expect("a token");
    let token = token.split('&').next().expect("a token");
    assert!(!world.daarion.log().contains(token), "no token is logged");
}

#[tokio::test]
async fn a_token_of_the_page_is_good_once_and_for_people_alone() {
    let Place { world, .. } = place().await;
    // A browser that is on its way, with whatever token.
    let on_its_way = async || {
        let mut browser = Browser::on_loopback(world);
        answered(303, browser.get(SSO).await);
        let page = browser.answer[LOCATION].to_str().expect("text").to_owned();
        let page = url::Url::parse(&page).expect("a URL");
        let (_, back) = page.query_pairs().next().expect("where to");
        (browser, below(world, &back))
    };
    let (mut browser, back) = on_its_way().await;
    let unknown = browser.get(&format!("{back}&loginToken=unknown")).await;
    refused(401, "M_FORBIDDEN", unknown);
    for (query, field) in [
        (back.as_str(), "loginToken: "),
        (&format!("{back}&loginToken="), "loginToken: "),
        ("/api/auth/sso/callback?loginToken=a", "state: "),
        ("/api/auth/sso/callback?loginToken=a&state=", "state: "),
    ] {
        let words = refused(400, "M_INVALID_PARAM", browser.get(query).await);
        assert!(words.starts_with(field), "{query}: {words}");
    }
    for redirect in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "city",
        "",
    ] {
        let path = format!("{SSO}?redirect={redirect}");
        let words = refused(400, "M_INVALID_PARAM", browser.get(&path).await);
        assert!(words.starts_with("redirect: "), "{redirect}: {words}");
    }
    // By a name that is not the city's own, nobody is sent on a way back.
    for host in ["evil.example", "localhost.evil.example"] {
        let mut browser = Browser::on_loopback(world).with("host", host);
        let words = refused(403, "M_FORBIDDEN", browser.get(SSO).await);
        assert!(words.contains("listen.public_url"), "{words}");
    }
}

fn claims(issuer: &str, audience: &str, more: Value) -> Value {
    let now = chrono::Utc::now().timestamp();
    let mut claims = json!({ "iss": issuer, "aud": audience, "iat": now, "exp": now + 300 });
    crate::support::merge(&mut claims, more);
    claims
}

fn vouched(world: &World, key: &EncodingKey, header: &Header, claims: &Value) -> Caller {
    let token = jsonwebtoken::encode(header, claims, key).expect("signed");
    let anyone = world.daarion.anonymous();
    anyone.with_header("authorization", &format!("Bearer {token}"))
}

/// Somebody for whom the issuer with the shared key vouches.
fn intranet(world: &World, more: Value) -> Caller {
    let key = EncodingKey::from_secret(SHARED.as_bytes());
    let claims = claims("https://intranet.example.org", "city", more);
    vouched(world, &key, &Header::new(Algorithm::HS256), &claims)
}

/// Neither what they have shown before nor what the issuer gives them from now on lets them in.
#[tokio::test]
async fn outside_issuers_vouch_for_nobody_whose_account_is_shut() {
    let Place { world, .. } = place().await;
    let [alice, bob] = [
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    ];
    let token = |person: &Person, nonce: u8| {
        let login = json!({ "login": person.matrix.localpart(), "nonce": nonce });
        intranet(world, login)
    };
    let shown = [token(&alice, 1), token(&bob, 1)];
    for caller in &shown {
        answered(200, caller.get(ME).await);
    }
    let channel = alice.channel(json!({})).await;
    let stream = crate::stream::Stream::open(&shown[0], &channel).await;
    let openid = [openid(&alice).await, openid(&bob).await];
    world.homeserver.close_account(alice.user_id()).await;
    world.homeserver.lock_account(bob.user_id(), true).await;
    let frame = stream.closed().await.expect("it says why");
    assert_eq!(frame.code, CloseCode::Policy, "{frame:?}");
    for caller in &shown {
        crate::support::eventually("the end of what opens", async || {
            let (status, _) = caller.get(ME).await;
            (status == 403).then_some(())
        })
        .await;
    }
    for person in [&alice, &bob] {
        refused(403, "M_FORBIDDEN", token(person, 2).get(ME).await);
    }
    // The homeserver's own word for them, which it goes on giving.
    for token in openid {
        let anyone = world.daarion.anonymous();
        refused(401, "M_FORBIDDEN", anyone.post(MATRIX, token).await);
    }
    world.homeserver.lock_account(bob.user_id(), false).await;
    answered(200, token(&bob, 3).get(ME).await);
}

#[tokio::test]
async fn outside_issuers_vouch_for_people() {
    let Place { world, outside } = place().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let published = |secret: &str, id: &str, sub: &str| {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(id.to_owned());
        let claims = claims("https://id.example.org", "daarion", json!({ "sub": sub }));
        vouched(world, &ec(secret), &header, &claims)
    };
    let me = published(FIRST, "1", alice.user_id());
    let found = answered(200, me.get(ME).await);
    assert_eq!(
        (&found["entity_id"], &found["session_id"]),
        (&json!(alice.id()), &Value::Null)
    );
    answered(200, me.get(&crate::support::path_of(&channel)).await);
    let messages = crate::support::messages_of(&channel);
    let said = json!({ "text": "З іншого входу" });
    let said = answered(201, me.post(&messages, said).await);
    assert_eq!(said["sender_id"], *alice.id());
    let mut stream = crate::stream::Stream::open(&me, &channel).await;
    alice.say(&channel, "Чути?").await;
    stream.next_of("message.created").await;
    stream.close().await;

    let intranet = |more: Value| intranet(world, more);
    let login = json!({ "login": alice.matrix.localpart() });
    answered(200, intranet(login.clone()).get(ME).await);
    for (more, status, code) in [
        (json!({ "login": unique("nobody") }), 403, "M_FORBIDDEN"),
        (
            json!({ "login": "@alice:elsewhere.net" }),
            403,
            "M_FORBIDDEN",
        ),
        (
            json!({ "sub": alice.matrix.localpart() }),
            401,
            "M_UNKNOWN_TOKEN",
        ),
        (
            json!({ "login": "alice", "aud": "daarion" }),
            401,
            "M_UNKNOWN_TOKEN",
        ),
        (
            json!({ "login": "alice", "exp": 1_000 }),
            401,
            "M_UNKNOWN_TOKEN",
        ),
        (
            json!({ "login": "alice", "iss": "https://id.example.org" }),
            401,
            "M_UNKNOWN_TOKEN",
        ),
        (
            json!({ "login": "alice", "iss": "https://unknown.example.org" }),
            401,
            "M_UNKNOWN_TOKEN",
        ),
    ] {
        refused(status, code, intranet(more).get(ME).await);
    }
    // One issuer's key is not another's, and a public one is no secret.
    let key = EncodingKey::from_secret(SHARED.as_bytes());
    let claims = claims(
        "https://id.example.org",
        "daarion",
        json!({ "sub": alice.user_id() }),
    );
    let forged = vouched(world, &key, &Header::new(Algorithm::HS256), &claims);
    refused(401, "M_UNKNOWN_TOKEN", forged.get(ME).await);
    refused(
        401,
        "M_UNKNOWN_TOKEN",
        published(SECOND, "1", alice.user_id()).get(ME).await,
    );

    // The issuer replaces its key: what that signs counts once its keys are read again.
    outside.publish(&ec(SECOND), "2");
    crate::support::eventually("the new key", async || {
        let (status, _) = published(SECOND, "2", alice.user_id()).get(ME).await;
        (status == 200).then_some(())
    })
    .await;
    refused(
        401,
        "M_UNKNOWN_TOKEN",
        published(FIRST, "1", alice.user_id()).get(ME).await,
    );
}
