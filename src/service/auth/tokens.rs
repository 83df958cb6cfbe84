//! What holders of sessions show: access tokens, refresh tokens, the ids of operators'
//! sessions, and the proofs that belong to them.
//!
//! A refresh token is the session's id, a secret and a seal. The next one's secret follows
//! from it and a key of ours, so that whoever refreshes twice at the same moment gets the same
//! successor, though the store has digests alone. The seal tells an old token of ours from
//! noise: only the former may end a session.
//!
//! There may be several keys: the newest makes what is shown from now on, and what the ones before
//! it have made is read while they are there.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::session::Digest;
use crate::domain::{Error, Result};

/// For whom access tokens are: us.
const AUDIENCE: &str = "daarion";
/// What refresh tokens begin with, so that a leaked one is known for what it is.
const REFRESH: &str = "dr_";
/// How long a seal is, in bytes.
pub const SEAL: usize = 16;

/// The digest of a secret.
pub fn digest(secret: &[u8]) -> Digest {
    Digest(Sha256::digest(secret).into())
}

/// Bytes as text for headers, cookies and addresses.
pub fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads such a text back.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What an access token says.
#[derive(Serialize, Deserialize, Debug)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: Uuid,
    /// Its own id, so that no two are the same.
    jti: Uuid,
    iat: u64,
    exp: u64,
    /// The mark of the refresh token that it was issued along with; older tokens have none.
    #[serde(default)]
    rtm: String,
}

/// Somebody's access token, checked but for its session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    pub entity: Entity,
    pub session: Uuid,
    /// In milliseconds.
    pub expires_at: Millis,
    /// The mark of the refresh token that it was issued along with.
    pub issued_with: String,
}

/// What tells a refresh token from the others of its session, and nothing more of it.
pub fn mark(refresh: Digest) -> String {
    text(&refresh.0[..9])
}

/// A refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    pub session: Uuid,
    secret: [u8; 32],
}

impl RefreshToken {
    pub fn digest(&self) -> Digest {
        digest(&self.secret)
    }
}

/// Makes and reads tokens.
pub struct Tokens {
    ring: RwLock<Arc<Ring>>,
    validation: Validation,
    issuer: String,
}

/// The keys, the newest of each use first.
pub struct Ring {
    access: Vec<AccessKey>,
    refresh: Vec<[u8; 32]>,
}

/// A key that signs access tokens.
struct AccessKey {
    /// Which key it is, as tokens say it.
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Ring {
    /// Keys, the newest first, at least one of each use.
    pub fn new(access: &[[u8; 32]], refresh: Vec<[u8; 32]>) -> Result<Self> {
        if access.is_empty() || refresh.is_empty() {
            return Err(Error::internal("there is no key to sign tokens with"));
        }
        let key = |secret: &[u8; 32]| AccessKey {
            id: key_id(secret),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        };
        Ok(Self {
            access: access.iter().map(key).collect(),
            refresh,
        })
    }
}

/// What a key is called; it tells nothing of the key.
pub fn key_id(secret: &[u8; 32]) -> String {
    text(&digest(secret).0[..6])
}

impl Tokens {
    pub fn new(ring: Ring, issuer: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // Our clock decides, which tests can turn.
        validation.validate_exp = false;
        Self {
            ring: RwLock::new(Arc::new(ring)),
            validation,
            issuer: issuer.to_owned(),
        }
    }

    /// Puts other keys in place.
    pub fn set_ring(&self, ring: Ring) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Whether there is but one key of each use.
    pub fn has_no_older_keys(&self) -> bool {
        let ring = self.ring();
        ring.access.len() == 1 && ring.refresh.len() == 1
    }

    fn ring(&self) -> Arc<Ring> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.clone()
    }

    /// An access token, by an id of its own.
    pub fn access(&self, access: &Access, id: Uuid, now: Millis) -> Result<String> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: access.entity.to_string(),
            sid: access.session,
            jti: id,
            iat: now / 1_000,
            exp: access.expires_at / 1_000,
            rtm: access.issued_with.clone(),
        };
        let ring = self.ring();
        let key = &ring.access[0];
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, &claims, &key.encoding)
            .map_err(|error| Error::internal(format!("cannot sign a token: {error}")))
    }

    /// Reads an access token of ours, expired or not.
    pub fn read_access(&self, token: &str) -> Option<Access> {
        let ring = self.ring();
        let key = match ring.access.as_slice() {
            [only] => only,
            several => {
                let named = jsonwebtoken::decode_header(token).ok()?.kid?;
                several.iter().find(|key| key.id == named)?
            }
        };
        let read = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation).ok()?;
        let Claims {
            sub, sid, exp, rtm, ..
        } = read.claims;
        Some(Access {
            entity: Entity::parse(&sub)?,
            session: sid,
            expires_at: exp.checked_mul(1_000)?,
            issued_with: rtm,
        })
    }

    /// The token after this one.
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        successor(&self.ring().refresh[0], token)
    }

    /// The token after this one that has a digest: the key that has made it may not be the newest
    /// any more.
    pub fn successor_of(&self, token: &RefreshToken, next: Digest) -> Option<RefreshToken> {
        let ring = self.ring();
        let mut all = ring.refresh.iter().map(|key| successor(key, token));
        all.find(|token| token.digest() == next)
    }

    /// The first token of a session.
    pub fn first(session: Uuid, secret: [u8; 32]) -> RefreshToken {
        RefreshToken { session, secret }
    }

    /// A refresh token as its holder gets it.
    pub fn write_refresh(&self, token: &RefreshToken) -> String {
        let mut whole = token.session.as_bytes().to_vec();
        whole.extend_from_slice(&token.secret);
        let seal = self.seal("seal", &whole);
        whole.extend_from_slice(&seal);
        format!("{REFRESH}{}", text(&whole))
    }

    /// Reads a refresh token that we made, now or once.
    pub fn read_refresh(&self, token: &str) -> Option<RefreshToken> {
        let whole = bytes(token.strip_prefix(REFRESH)?)?;
        let (sealed, seal) = whole.split_last_chunk::<SEAL>()?;
        let (session, secret) = sealed.split_first_chunk::<16>()?;
        let secret = <[u8; 32]>::try_from(secret).ok()?;
        let is_ours = self.is_seal("seal", sealed, seal);
        is_ours.then(|| RefreshToken {
            session: Uuid::from_bytes(*session),
            secret,
        })
    }

    /// What proves that a request was made by a page that may read our answers, and not just
    /// by a browser that has the session's cookie.
    pub fn csrf(&self, session_secret: &[u8]) -> String {
        text(&mac(&self.ring().refresh[0], "csrf", session_secret))
    }

    /// Whether it is such a proof, made now or before the keys were replaced.
    pub fn is_csrf(&self, session_secret: &[u8], shown: &str) -> bool {
        let is_it = |key: &[u8; 32]| {
            let expected = text(&mac(key, "csrf", session_secret));
            bool::from(expected.as_bytes().ct_eq(shown.as_bytes()))
        };
        self.ring().refresh.iter().any(is_it)
    }

    /// What tells bytes of ours from others, for one purpose.
    pub fn seal(&self, purpose: &str, bytes: &[u8]) -> [u8; SEAL] {
        cut(mac(&self.ring().refresh[0], purpose, bytes))
    }

    /// Whether it is such a seal, made now or before the keys were replaced.
    pub fn is_seal(&self, purpose: &str, bytes: &[u8], shown: &[u8; SEAL]) -> bool {
        let is_it = |key: &[u8; 32]| bool::from(cut(mac(key, purpose, bytes)).ct_eq(shown));
        self.ring().refresh.iter().any(is_it)
    }
}

fn cut(mac: [u8; 32]) -> [u8; SEAL] {
    let (seal, _) = mac.split_first_chunk().expect("a digest is longer");
    *seal
}

fn successor(key: &[u8; 32], token: &RefreshToken) -> RefreshToken {
    RefreshToken {
        session: token.session,
        secret: mac(key, "next", &token.secret),
    }
}

fn mac(key: &[u8; 32], purpose: &str, bytes: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(access: &[[u8; 32]], refresh: &[[u8; 32]], issuer: &str) -> Tokens {
        let ring = Ring::new(access, refresh.to_vec());
        Tokens::new(ring.expect("keys"), issuer)
    }

    fn tokens() -> Tokens {
        of(&[[1; 32]], &[[2; 32]], "example.org")
    }

    fn access() -> Access {
        Access {
            entity: Entity::parse("user:alice").expect("an entity"),
            session: Uuid::from_u128(7),
            expires_at: 9_000,
            issued_with: mark(Digest([3; 32])),
        }
    }

    #[test]
    fn access_tokens_are_read_back_and_others_are_not() {
        let access = access();
        let issue = |by: &Tokens, id| {
            let token = by.access(&access, Uuid::from_u128(id), 5_000);
            token.expect("a token")
        };
        let token = issue(&tokens(), 1);
        assert_ne!(token, issue(&tokens(), 2));
        assert_eq!(tokens().read_access(&token).as_ref(), Some(&access));
        let header = jsonwebtoken::decode_header(&token).expect("a header");
        assert!(header.kid.is_some_and(|id| !id.is_empty()));
        for others in [
            of(&[[3; 32]], &[[2; 32]], "example.org"),
            of(&[[1; 32]], &[[2; 32]], "example.net"),
        ] {
            assert_eq!(tokens().read_access(&issue(&others, 1)), None);
        }
        let (head, rest) = token.split_once('.').expect("three parts");
        let none = text(br#"{"alg":"none","typ":"JWT"}"#);
        let (body, _) = rest.split_once('.').expect("three parts");
        for bad in ["", "a.b.c", head, &format!("{none}.{body}."), &token[1..]] {
            assert_eq!(tokens().read_access(bad), None, "{bad}");
        }
    }

    #[test]
    fn refresh_tokens_lead_to_one_successor() {
        let first = Tokens::first(Uuid::from_u128(7), [9; 32]);
        let shown = tokens().write_refresh(&first);
        let read = tokens().read_refresh(&shown).expect("ours");
        assert!(read == first);
        let next = tokens().successor(&first);
        assert!(next == tokens().successor(&read));
        assert_ne!(next.digest(), first.digest());
        assert_eq!(next.session, first.session);
    }

    #[test]
    fn what_older_keys_have_made_is_read_while_they_are_there() {
        let tokens = tokens();
        let issue = |id| tokens.access(&access(), Uuid::from_u128(id), 5_000);
        let old = issue(1).expect("a token");
        let first = Tokens::first(Uuid::from_u128(7), [9; 32]);
        let (shown, next) = (tokens.write_refresh(&first), tokens.successor(&first));
        let proof = tokens.csrf(b"cookie");
        let ring = Ring::new(&[[5; 32], [1; 32]], vec![[6; 32], [2; 32]]);
        tokens.set_ring(ring.expect("keys"));

        let new = issue(2).expect("a token");
        let kid = |token: &str| jsonwebtoken::decode_header(token).expect("a header").kid;
        assert_ne!(kid(&old), kid(&new));
        for token in [&old, &new] {
            assert_eq!(tokens.read_access(token), Some(access()));
        }
        assert!(tokens.read_refresh(&shown) == Some(first.clone()));
        assert!(tokens.successor(&first) != next);
        assert!(tokens.successor_of(&first, next.digest()) == Some(next));
        assert!(tokens.is_csrf(b"cookie", &proof) && !tokens.is_csrf(b"other", &proof));
        assert_ne!(tokens.csrf(b"cookie"), proof);

        let ring = Ring::new(&[[5; 32]], vec![[6; 32]]);
        tokens.set_ring(ring.expect("keys"));
        assert_eq!(tokens.read_access(&old), None);
        assert!(tokens.read_refresh(&shown).is_none());
        assert!(!tokens.is_csrf(b"cookie", &proof));
        assert_eq!(tokens.read_access(&new), Some(access()));
        assert!(Ring::new(&[], vec![[1; 32]]).is_err());
    }

    #[test]
    fn what_we_did_not_seal_is_no_refresh_token() {
        let token = Tokens::first(Uuid::from_u128(7), [9; 32]);
        let foreign = of(&[[1; 32]], &[[3; 32]], "example.org");
        let shown = tokens().write_refresh(&token);
        let mut spoilt = bytes(&shown[REFRESH.len()..]).expect("base64");
        spoilt[20] ^= 1;
        for bad in [
            "",
            REFRESH,
            "dr_AAAA",
            &shown[1..],
            &shown[..shown.len() - 4],
            &foreign.write_refresh(&token),
            &format!("{REFRESH}{}", text(&spoilt)),
        ] {
            assert!(tokens().read_refresh(bad).is_none(), "{bad}");
        }
    }
}
