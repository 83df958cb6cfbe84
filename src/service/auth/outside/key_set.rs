//! The keys that an issuer publishes (JWK set, RFC 7517), read again now and then, and at once for
//! a key that is not among them: issuers replace theirs without telling anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::{Error, Result};

/// Reads an address outside, with bounds on time and size.
pub type Fetch = Arc<dyn Fn(Url) -> BoxFuture<'static, Result<Vec<u8>>> + Send + Sync>;

/// Reads nothing: for who believes no issuer.
#[must_use]
pub fn nothing() -> Fetch {
    Arc::new(|url| {
        let error = Error::IssuerUnavailable(format!("{url}: nobody asks there"));
        Box::pin(async move { Err(error) })
    })
}

/// How long keys are used before they are read again, in milliseconds.
const FRESH: Millis = 10 * 60_000;
/// How long they are used while their issuer does not answer, in milliseconds.
const STALE: Millis = 24 * 3_600_000;
/// The shortest pause between two attempts to read them, in milliseconds: whoever shows tokens of
/// unknown keys makes us ask no more often.
const PAUSE: Millis = 10_000;
/// How many keys of one issuer are looked at.
const MOST: usize = 100;

/// A key that verifies.
pub struct PublicKey {
    /// Its name; `None` when it has none.
    pub id: Option<String>,
    /// By which algorithms it may have signed, which follows from its kind.
    pub algorithms: Vec<Algorithm>,
    pub key: DecodingKey,
}

/// The published keys of one issuer.
pub struct KeySet {
    url: Url,
    fetch: Fetch,
    clock: Clock,
    known: RwLock<Option<Known>>,
    /// When they were last asked for.
    asked_at: AtomicU64,
    /// One at a time asks.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Known {
    keys: Arc<[PublicKey]>,
    read_at: Millis,
}

impl KeySet {
    pub fn new(url: Url, fetch: Fetch, clock: Clock) -> Self {
        Self {
            url,
            fetch,
            clock,
            known: RwLock::default(),
            asked_at: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The keys, the one of this name among them when the issuer has it.
    pub async fn keys(self: &Arc<Self>, named: Option<&str>) -> Result<Arc<[PublicKey]>> {
        let age = |known: &Known| self.clock.now().saturating_sub(known.read_at);
        if let Some(known) = self.known().filter(|known| age(known) < STALE)
            && known.may_have(named)
        {
            // Nobody waits for what is only to be looked at again.
            if age(&known) >= FRESH && self.may_ask() {
                let set = self.clone();
                tokio::spawn(async move { set.read().await });
            }
            return Ok(known.keys);
        }
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have read what is looked for.
        let known = self.known().filter(|known| age(known) < STALE);
        if let Some(known) = known.filter(|known| known.may_have(named) || !self.may_ask()) {
            return Ok(known.keys);
        }
        self.read().await
    }

    fn known(&self) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn may_ask(&self) -> bool {
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        asked_at == 0 || self.clock.now().saturating_sub(asked_at) >= PAUSE
    }

    /// Asks for the keys; when that fails, those that are known go on.
    async fn read(&self) -> Result<Arc<[PublicKey]>> {
        if !self.may_ask() {
            let message = format!("{} did not answer a moment ago", self.url);
            return Err(Error::IssuerUnavailable(message));
        }
        self.asked_at.store(self.clock.now(), Ordering::Relaxed);
        let keys = (self.fetch)(self.url.clone()).await;
        match keys.and_then(|body| parse(&self.url, &body)) {
            Ok(keys) => {
                let read_at = self.clock.now();
                let known = Known {
                    keys: keys.into(),
                    read_at,
                };
                let keys = known.keys.clone();
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
                Ok(keys)
            }
            Err(error) => {
                tracing::warn!(%error, url = %self.url, "an issuer's keys cannot be read");
                Err(error)
            }
        }
    }
}

impl Known {
    /// Whether a key of this name is known, or may be one of those without a name.
    fn may_have(&self, named: Option<&str>) -> bool {
        let fits = |key: &PublicKey| key.id.is_none() || key.id.as_deref() == named;
        named.is_none() || self.keys.iter().any(fits)
    }
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

/// Keys that we cannot use are passed over: an issuer may have others for other purposes.
fn parse(url: &Url, body: &[u8]) -> Result<Vec<PublicKey>> {
    let published: Published = serde_json::from_slice(body).map_err(|error| {
        Error::IssuerUnavailable(format!("{url} has no keys (JWK set) to read: {error}"))
    })?;
    let keys = published.keys.into_iter().take(MOST);
    Ok(keys.filter_map(read_key).collect())
}

fn read_key(published: Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(published).ok()?;
    let is_for_signing = |of: &PublicKeyUse| *of == PublicKeyUse::Signature;
    if !jwk
        .common
        .public_key_use
        .as_ref()
        .is_none_or(is_for_signing)
    {
        return None;
    }
    let mut algorithms = algorithms(&jwk.algorithm)?;
    if let Some(only) = jwk.common.key_algorithm {
        let only: Algorithm = only.to_string().parse().ok()?;
        algorithms.retain(|algorithm| *algorithm == only);
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then_some(PublicKey {
        id: jwk.common.key_id,
        algorithms,
        key,
    })
}

/// The algorithms of a kind of key. A symmetric one that is published is no secret any more.
fn algorithms(of: &AlgorithmParameters) -> Option<Vec<Algorithm>> {
    match of {
        AlgorithmParameters::RSA(_) => Some(vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ]),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => Some(vec![Algorithm::ES256]),
            EllipticCurve::P384 => Some(vec![Algorithm::ES384]),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(key) => {
            let is_known = key.curve == EllipticCurve::Ed25519;
            is_known.then(|| vec![Algorithm::EdDSA])
        }
        _ => None,
    }
}
