//! Tokens of outside issuers, on a clock that can be turned and with keys that change; that they are
//! read over HTTP is proved elsewhere.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::config::Secret;
use crate::service::auth::people::tests::{House, NOW, house_with};

const ISSUER: &str = "https://id.example.org";
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
const EDWARDS: &str = "\
    MC4CAQAwBQYDK2VwBCIEIFyG4mkREpTYfGXeq23bWE1Ldybey6C+UW4dTUozzgJ0";
const RSA: &str = "\
    MIIEowIBAAKCAQEAkpok+Yq3b2ExqcgkucdxuidOG+m3iHokwL8V7v43SGi3jj0eaN+M5ZGul09ZQigi\
    ljbrtbpeCST8WAWNoCT7Oo9cGwymeu6U2LTI+YIDDRCXLRchV9YJPIjIfJkLcaS5+EA8HlDe0+5PO8JG\
    qD36KAqC9x7Ic3NTGFmDyVStlrXXYwVZoux5kWskc7f7LSEC0u+2UvRDgABJaHjzCYjurgY3OJL3DRzQ\
    3Hj9ZlTYwy6zofgRDD18PS9jvkcwTedQioq3EoqMOVikjNcIWFEx5stdbZKNfrKtyqY2HBljfUZFvdzk\
    0psOmQcZ5fr+lCGymEbvRndu/oy9tGRYBJO9YwIDAQABAoIBACyhV7NOeyShyrw8zY1vPdylnZ5aywB1\
    6t1w7uz4oHzfQE5BphHYSK0U6jlvMyW0UT84zg5fg8Q16cqkOibwSzlbLnefpMkU++RzOSHYZjRight8\
    iK6UXvB6Vcq0zuqUcvc0GvlBtmx/hsiTDu6mG5N4C8HOsciP6dKmYbv3lvcjw8OjyWVx6evReP1jYRge\
    qyN9ATeksRdatXNVeZam/JBLfE4vXA5U//cmUx/a8EOzHstmNhw1A9IUVPk2ka3PBaNY92WJmjcgjMJ/\
    BGsQIkjI/w6ObqAcCb5ePpob5nvNkqu5GWzc4NuZaZGSfhHdvLKF60Ny/8fdsl3Qp4JTzfECgYEAx0Dr\
    QE2WjKbSgDsYv7LhFv+DNeWhDiq5jEQ4T++neiy30Zc6uRegQbZKnMYesBHhf/ftpgmew56Lheg0e00k\
    IRXcOFIYnSYtTK1iOA2WWO8qC2UgDAC6dZoGswp7qB8floFNmeqyHOnSCF8DJiecnPb/5G0zeWLCgorz\
    V2nW3rMCgYEAvFqJ+RX1czQww2PGVDdH3eOnQlXbq6/Naq6RAyCl7CBARMYkaFtdagvKTda5R1GVOrb0\
    g+Jn6AKcncUXLhkjlG6SmoMFw6uyH2v6p/ZysZbzVSGLix1oLeToJjmIoURFIG3KDQCu1EGrx6BpVbVv\
    ZirlacTAZibpYCqqoRBu/pECgYEAlDc4R5bvfCTDxNsw57g6M49RnQ/5I76oUyyT7vJIVFtbSS8DYZev\
    f/IHwmKlhTdn1Hcqci4JyV3wT2WRVH7ndyz5qXN4F73ESJtYynVg9zrAvcU1d3g7Oyud/CS6Iy8zohMB\
    FJM+dr9/mvaCMymYGDKr2tFYTt0l71FI/icezH0CgYB+w4R2QkQWC7sB1UWmaioQ+OUZrQURsFjUgrYP\
    38ord60pXB0mqs7czyCRcIDzscF4aad4l0iNCizztbCbEsoyXJSILsQTY5uWsCpbHm8kfE46LkBnGRyD\
    PrrK9w+wUW0gnSNNyvbe3W/KA3jA+UIHBbmujH9cgLWyRiTeD1xUMQKBgEk200Ye7eoMkIOtKYHF4GeH\
    TLsAdIRjdrnPeWd0xjdOnqil7k1zYBHM5/9yLoq/fEzAaNrANvpxpliFgSgD8k1fILpRpQXXDTzLxTpc\
    uV7NVrIq7OhSz7gOxIXdydVYNKrRGzb2xJ5PX10ypuN1JRfQkRQDG4X2tcEjx90mk06o";

/// What is published, and how often it was read.
#[derive(Default)]
struct Published {
    keys: Mutex<Option<Value>>,
    reads: AtomicUsize,
}

impl Published {
    fn set(&self, keys: Value) {
        *self.keys.lock().expect("no holder panics") = Some(json!({ "keys": keys }));
    }

    fn take_down(&self) {
        *self.keys.lock().expect("no holder panics") = None;
    }

    fn reads(&self) -> usize {
        self.reads.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn fetch(self: &Arc<Self>) -> Fetch {
        let published = self.clone();
        Arc::new(move |url| {
            published
                .reads
                .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let keys = published.keys.lock().expect("no holder panics").clone();
            let away = || Error::IssuerUnavailable(format!("{url}: it is away"));
            let body = keys.map(|keys| keys.to_string().into_bytes());
            let body = body.ok_or_else(away);
            Box::pin(async move { body })
        })
    }
}

fn config(key: IssuerKey) -> IssuerConfig {
    IssuerConfig {
        issuer: ISSUER.to_owned(),
        audience: "daarion".to_owned(),
        key,
        user_claim: "sub".to_owned(),
        clock_skew: Duration::from_secs(60),
    }
}

async fn shared() -> House {
    let key = IssuerKey::SharedKey(Secret::new(SHARED));
    house_with(vec![config(key)], nothing()).await
}

async fn published(by: &Arc<Published>) -> House {
    let url = url::Url::parse("https://id.example.org/jwks.json").expect("a URL");
    house_with(vec![config(IssuerKey::JwksUrl(url))], by.fetch()).await
}

fn ec(secret: &str) -> EncodingKey {
    EncodingKey::from_ec_der(&STANDARD.decode(secret).expect("base64"))
}

/// A key as it is published.
fn public(key: &EncodingKey, algorithm: Algorithm, id: Option<&str>) -> Value {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).expect("a public key");
    jwk.common.key_id = id.map(str::to_owned);
    jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
    serde_json::to_value(jwk).expect("JSON")
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "daarion", "sub": "alice",
        "iat": NOW / 1_000, "exp": NOW / 1_000 + 300,
    })
}

fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

fn sign(key: &EncodingKey, algorithm: Algorithm, id: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = id.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, key).expect("signed")
}

fn by_secret(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SHARED.as_bytes());
    sign(&key, Algorithm::HS256, None, claims)
}

impl House {
    async fn told(&self, token: &str) -> Result<SignedIn> {
        self.auth.authenticate(token, Default::default).await
    }

    async fn why(&self, token: &str) -> String {
        match self.told(token).await {
            Ok(who) => panic!("{who:?} was let in"),
            Err(error) => error.to_string(),
        }
    }
}

#[tokio::test]
async fn a_shared_key_vouches_for_people() {
    let house = shared().await;
    for name in ["alice", "user:alice", "@alice:example.org"] {
        let who = house.told(&by_secret(&but("sub", json!(name)))).await;
        let who = who.expect("let in");
        assert_eq!(who.caller.entity.to_string(), "user:alice");
        let until = NOW + 300_000 + 60_000;
        assert!(
            matches!(who.by, Pass::Issued { until: it, .. } if it == until),
            "{who:?}"
        );
    }
    let several = json!(["other", "daarion"]);
    house
        .told(&by_secret(&but("aud", several)))
        .await
        .expect("for us too");
    // Nobody else is one whom an issuer could speak for.
    for (name, words) in [
        ("@alice:elsewhere.net", "no person of this homeserver"),
        ("agent:sofia", "no person of this homeserver"),
        ("", "no person of this homeserver"),
        ("agent_sofia", "agent:sofia is not a person"),
        ("daarion", "agent:daarion is not a person"),
        ("nobody", "no user @nobody:example.org"),
    ] {
        let token = by_secret(&but("sub", json!(name)));
        let refused = house.told(&token).await.map(drop);
        assert!(
            matches!(refused, Err(Error::Forbidden(_))),
            "{name}: {refused:?}"
        );
        let why = house.why(&token).await;
        assert!(why.contains(words), "{name}: {why}");
    }
}

#[tokio::test]
async fn what_is_not_for_us_or_not_of_now_is_refused() {
    let house = shared().await;
    let now = NOW / 1_000;
    for (claims, words) in [
        (but("aud", json!("other")), "aud"),
        (without("aud"), "aud"),
        (without("exp"), "exp"),
        (but("exp", json!("tomorrow")), "exp"),
        (but("exp", json!(now - 60)), "expired"),
        (but("nbf", json!(now + 61)), "nbf"),
        (but("nbf", json!(-1)), "nbf"),
        (but("iat", json!(now + 61)), "iat"),
        (but("iss", json!("https://other.example.org")), "not known"),
        (but("iss", json!([ISSUER])), "not known"),
        (without("iss"), "not known"),
        (without("sub"), "sub"),
        (but("sub", json!(7)), "sub"),
    ] {
        let token = by_secret(&claims);
        let refused = house.told(&token).await.map(drop);
        let is_so = matches!(refused, Err(Error::Unauthenticated(_)));
        assert!(is_so, "{claims}: {refused:?}");
        let why = house.why(&token).await;
        assert!(why.contains(words), "{claims}: {why}");
    }
    // A minute is what clocks may differ by.
    for claims in [
        but("exp", json!(now - 59)),
        but("nbf", json!(now + 60)),
        but("exp", json!(now as f64 + 0.5)),
    ] {
        house.told(&by_secret(&claims)).await.expect("let in");
    }
    let token = by_secret(&claims());
    house.told(&token).await.expect("let in");
    house.clock.set(NOW + 359_999);
    house.told(&token).await.expect("still");
    house.clock.set(NOW + 360_000);
    assert!(house.why(&token).await.contains("expired"));
}

#[tokio::test]
async fn the_kind_of_the_key_decides_the_algorithm() {
    let house = shared().await;
    let secret = EncodingKey::from_secret(SHARED.as_bytes());
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = sign(&secret, algorithm, None, &claims());
        assert!(house.why(&token).await.contains("no key"));
    }
    let other = EncodingKey::from_secret(b"another-secret-of-more-than-32-characters");
    let token = sign(&other, Algorithm::HS256, None, &claims());
    assert!(house.why(&token).await.contains("no key"));
    let body =
        |json: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
    let none = format!("{}.{}.", body(&json!({"alg": "none"})), body(&claims()));
    house.why(&none).await;
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["exp".to_owned()]);
    let token = jsonwebtoken::encode(&header, &claims(), &secret).expect("signed");
    assert!(house.why(&token).await.contains("crit"));

    // A public key is no secret: what is signed with it as if it were one is refused.
    let by = Arc::new(Published::default());
    let rsa = EncodingKey::from_rsa_der(&STANDARD.decode(RSA).expect("base64"));
    let jwk = public(&rsa, Algorithm::RS256, Some("rsa"));
    let modulus = jwk["n"].as_str().expect("a modulus").to_owned();
    let symmetric = json!({
        "kty": "oct", "k": body(&json!("secret")), "kid": "oct", "alg": "HS256",
    });
    by.set(json!([jwk, symmetric]));
    let house = published(&by).await;
    house
        .told(&sign(&rsa, Algorithm::RS256, Some("rsa"), &claims()))
        .await
        .expect("let in");
    // The key says that it is for this one only.
    let token = sign(&rsa, Algorithm::RS512, Some("rsa"), &claims());
    assert!(house.why(&token).await.contains("no key"));
    for (key, id) in [
        (EncodingKey::from_secret(modulus.as_bytes()), "rsa"),
        (EncodingKey::from_secret(jwk.to_string().as_bytes()), "rsa"),
        (
            EncodingKey::from_secret(json!("secret").to_string().as_bytes()),
            "oct",
        ),
    ] {
        let token = sign(&key, Algorithm::HS256, Some(id), &claims());
        assert!(house.why(&token).await.contains("no key"), "{id}");
    }
}

#[tokio::test]
async fn keys_of_every_kind_verify() {
    let edwards = EncodingKey::from_ed_der(&STANDARD.decode(EDWARDS).expect("base64"));
    let rsa = EncodingKey::from_rsa_der(&STANDARD.decode(RSA).expect("base64"));
    let by = Arc::new(Published::default());
    let mut any = public(&rsa, Algorithm::RS256, None);
    any.as_object_mut().expect("an object").remove("alg");
    let mut sealing = public(&ec(SECOND), Algorithm::ES256, Some("enc"));
    sealing["use"] = json!("enc");
    by.set(json!([
        "noise",
        { "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" },
        public(&ec(FIRST), Algorithm::ES256, Some("ec")),
        public(&edwards, Algorithm::EdDSA, Some("ed")),
        any,
        sealing,
    ]));
    let house = published(&by).await;
    for (key, algorithm, id) in [
        (&ec(FIRST), Algorithm::ES256, Some("ec")),
        (&ec(FIRST), Algorithm::ES256, None),
        (&edwards, Algorithm::EdDSA, Some("ed")),
        // Without a name of its own it may be anybody's.
        (&rsa, Algorithm::PS256, Some("unnamed")),
        (&rsa, Algorithm::RS512, None),
    ] {
        let token = sign(key, algorithm, id, &claims());
        let who = house.told(&token).await;
        who.unwrap_or_else(|error| panic!("{algorithm:?} {id:?}: {error}"));
    }
    let token = sign(&ec(SECOND), Algorithm::ES256, Some("enc"), &claims());
    assert!(
        house.why(&token).await.contains("no key"),
        "not for signing"
    );
    assert_eq!(by.reads(), 1);
}

#[tokio::test]
async fn keys_are_read_again_when_they_change() {
    let by = Arc::new(Published::default());
    let house = published(&by).await;
    let token = |secret, id, sub: &str| {
        let claims = json!({
            "iss": ISSUER, "aud": "daarion", "sub": sub, "exp": NOW + 1_000_000,
        });
        sign(&ec(secret), Algorithm::ES256, Some(id), &claims)
    };
    // Nobody answers: that is not the caller's fault, and is not asked for each time.
    for _ in 0..3 {
        let refused = house.told(&token(FIRST, "1", "alice")).await.map(drop);
        let is_so = matches!(refused, Err(Error::IssuerUnavailable(_)));
        assert!(is_so, "{refused:?}");
    }
    assert_eq!(by.reads(), 1);
    by.set(json!([public(&ec(FIRST), Algorithm::ES256, Some("1"))]));
    house.clock.set(NOW + 10_000);
    // A signature is another each time.
    let first = token(FIRST, "1", "alice");
    house.told(&first).await.expect("let in");

    // Another key is looked for at once, and one that nobody has not more often than that.
    by.set(json!([public(&ec(SECOND), Algorithm::ES256, Some("2"))]));
    house.clock.set(NOW + 20_000);
    house
        .told(&token(SECOND, "2", "alice"))
        .await
        .expect("let in");
    assert_eq!(by.reads(), 3);
    for _ in 0..3 {
        let why = house.why(&token(FIRST, "3", "alice")).await;
        assert!(why.contains("no key"), "{why}");
    }
    assert_eq!(by.reads(), 3);
    // The key that was taken back counts for a minute at most after that.
    house.told(&first).await.expect("verified before");
    house.clock.set(NOW + 70_000);
    house.why(&first).await;

    // While the issuer is away, what is known goes on; not for ever.
    by.take_down();
    house.clock.set(NOW + 3_600_000);
    house
        .told(&token(SECOND, "2", "alice"))
        .await
        .expect("let in");
    house.clock.set(NOW + 25 * 3_600_000);
    let refused = house.told(&token(SECOND, "2", "alice")).await.map(drop);
    assert!(
        matches!(refused, Err(Error::IssuerUnavailable(_))),
        "{refused:?}"
    );
}
