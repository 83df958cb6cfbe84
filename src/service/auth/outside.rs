//! Outside issuers whose word counts (`auth.issuers`): their tokens say who somebody is, and are
//! shown to us as they are. There is no session; a token counts until it expires.
//!
//! Which algorithm a signature may have follows from the kind of the key, never from the token
//! alone: a public key is no secret that a token could be signed with. `key_set` keeps the keys
//! that an issuer publishes.

mod key_set;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::key_set::{Fetch, nothing};
use self::key_set::{KeySet, PublicKey};
use super::millis;
use super::people::{People, SignedIn};
use super::tokens;
use super::verified::Entry;
use crate::clock::Clock;
use crate::config::{IssuerConfig, IssuerKey};
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::session::Pass;
use crate::domain::{Error, Result};
use crate::homeserver::Homeserver;

/// For how long a token that was verified is believed without looking again, in milliseconds. An
/// issuer that takes a key back is heeded no sooner than its keys are read again.
const FRESH: Millis = 60_000;
/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
/// How many people are remembered to exist.
const REMEMBERED: usize = 10_000;

/// The issuers.
pub struct Outside {
    issuers: HashMap<String, Issuer>,
    homeserver: Arc<dyn Homeserver>,
    clock: Clock,
    /// People whom the homeserver knows.
    existing: Mutex<HashSet<Entity>>,
}

struct Issuer {
    config: IssuerConfig,
    keys: Keys,
}

enum Keys {
    /// A key that we share with the issuer, for HS256.
    Shared(Arc<[PublicKey]>),
    Published(Arc<KeySet>),
}

/// What says whose a token is, before anything of it is believed.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

impl Outside {
    pub(super) fn new(
        issuers: Vec<IssuerConfig>,
        fetch: &Fetch,
        homeserver: Arc<dyn Homeserver>,
        clock: Clock,
    ) -> Self {
        let issuer = |config: IssuerConfig| {
            let keys = match &config.key {
                IssuerKey::SharedKey(secret) => Keys::Shared(Arc::new([PublicKey {
                    id: None,
                    algorithms: vec![Algorithm::HS256],
                    key: DecodingKey::from_secret(secret.expose().as_bytes()),
                }])),
                IssuerKey::JwksUrl(url) => {
                    let set = KeySet::new(url.clone(), fetch.clone(), clock.clone());
                    Keys::Published(Arc::new(set))
                }
            };
            (config.issuer.clone(), Issuer { config, keys })
        };
        Self {
            issuers: issuers.into_iter().map(issuer).collect(),
            homeserver,
            clock,
            existing: Mutex::default(),
        }
    }

    /// Whose token it is.
    pub(super) async fn check(&self, people: &People, token: &str) -> Result<Entry> {
        let unknown = || Error::Unauthenticated("the access token is not known".to_owned());
        if self.issuers.is_empty() || token.len() > LONGEST {
            return Err(unknown());
        }
        let claimed = insecure_decode_claims::<Claimed>(token).map_err(|_| unknown())?;
        let issuer = self.issuers.get(&claimed.iss).ok_or_else(unknown)?;
        let claims = issuer.verify(token).await?;
        let now = self.clock.now();
        let until = issuer.good_until(&claims, now)?;
        let entity = issuer.person(people, &claims)?;
        self.must_exist(people, &entity).await?;
        Ok(Entry {
            who: SignedIn {
                caller: people.caller(entity),
                by: Pass::Issued {
                    token: tokens::digest(token.as_bytes()),
                    until,
                },
            },
            access: None,
            checked_at: now,
            fresh_for: FRESH,
            expires_at: until,
        })
    }

    /// Nobody is let in whom the homeserver does not know.
    async fn must_exist(&self, people: &People, entity: &Entity) -> Result<()> {
        if self.existing().contains(entity) {
            return Ok(());
        }
        let user = people.user(entity);
        if !self.homeserver.user_exists(&user).await? {
            let message = format!("the homeserver has no user {user} that {entity} could be");
            return Err(Error::forbidden(message));
        }
        if self.homeserver.shut(&user).await?.is_some() {
            return Err(Error::forbidden(format!("the account {user} is locked")));
        }
        let mut existing = self.existing();
        if existing.len() >= REMEMBERED {
            existing.clear();
        }
        existing.insert(entity.clone());
        Ok(())
    }

    /// Those who came in since the start.
    pub(super) fn known(&self) -> HashSet<Entity> {
        self.existing().clone()
    }

    /// Asks for somebody anew the next time.
    pub(super) fn forget(&self, entity: &Entity) {
        self.existing().remove(entity);
    }

    fn existing(&self) -> std::sync::MutexGuard<'_, HashSet<Entity>> {
        self.existing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issuer {
    /// What a token says, when one of the issuer's keys has signed it.
    async fn verify(&self, token: &str) -> Result<Map<String, Value>> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused("cannot be read"))?;
        // What must be understood is nothing that we do (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(refused("asks for what is not known here (crit)"));
        }
        let named = header.kid.as_deref();
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        // Our clock decides, which tests can turn.
        validation.validate_exp = false;
        let mut why = refused("is signed by no key of its issuer");
        for key in self.keys(named).await?.iter() {
            // A key without a name may be anybody's.
            let may_be = named.is_none() || key.id.is_none() || key.id.as_deref() == named;
            if !may_be || !key.algorithms.contains(&header.alg) {
                continue;
            }
            match jsonwebtoken::decode::<Map<String, Value>>(token, &key.key, &validation) {
                Ok(read) => return Ok(read.claims),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature => {}
                    ErrorKind::InvalidAudience => why = refused("is for somebody else (aud)"),
                    ErrorKind::MissingRequiredClaim(name) => {
                        why = refused(&format!("does not say {name}"));
                    }
                    _ => why = refused("cannot be read"),
                },
            }
        }
        Err(why)
    }

    async fn keys(&self, named: Option<&str>) -> Result<Arc<[PublicKey]>> {
        match &self.keys {
            Keys::Shared(keys) => Ok(keys.clone()),
            Keys::Published(set) => set.keys(named).await,
        }
    }

    /// Until when a token counts, by our clock.
    fn good_until(&self, claims: &Map<String, Value>, now: Millis) -> Result<Millis> {
        let skew = millis(self.config.clock_skew);
        let at = |name: &str| {
            claims
                .get(name)
                .map(|at| millis_of(at).ok_or(name.to_owned()))
        };
        let wrong = |name: String| refused(&format!("has no time as {name}"));
        let expires = at("exp").transpose().map_err(wrong)?;
        let until = expires.ok_or_else(|| refused("does not say exp"))?;
        let until = until.saturating_add(skew);
        if now >= until {
            return Err(refused("has expired"));
        }
        for name in ["nbf", "iat"] {
            let from = at(name).transpose().map_err(wrong)?;
            if from.is_some_and(|from| now.saturating_add(skew) < from) {
                return Err(refused(&format!("is of a time to come ({name})")));
            }
        }
        Ok(until)
    }

    /// The person that a token names.
    fn person(&self, people: &People, claims: &Map<String, Value>) -> Result<Entity> {
        let name = &self.config.user_claim;
        let given = claims.get(name).and_then(Value::as_str);
        let given = given.ok_or_else(|| refused(&format!("does not say {name}")))?;
        let user = people.local_user(given).map_err(|_| {
            let message = format!("{name} of the access token is no person of this homeserver");
            Error::forbidden(message)
        })?;
        people.person(&user)
    }
}

/// A time in seconds, perhaps with a fraction (RFC 7519, section 2, NumericDate).
fn millis_of(value: &Value) -> Option<Millis> {
    if let Some(seconds) = value.as_u64() {
        return seconds.checked_mul(1_000);
    }
    let seconds = value.as_f64().filter(|it| it.is_finite() && *it >= 0.0)?;
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .map(millis)
}

fn refused(why: &str) -> Error {
    Error::Unauthenticated(format!("the access token {why}"))
}

#[cfg(test)]
#[path = "outside/tests.rs"]
mod tests;
