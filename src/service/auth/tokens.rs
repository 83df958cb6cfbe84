//! What holders of sessions show: access tokens, refresh tokens, the ids of operators'
//! sessions, and the proofs that belong to them.
//!
//! A refresh token is the session's id, a secret and a seal. The next one's secret follows
//! from it and a key of ours, so that whoever refreshes twice at the same moment gets the same
//! successor, though the store has digests alone. The seal tells an old token of ours from
//! noise: only the former may end a session.

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
const SEAL: usize = 16;

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
#[derive(PartialEq, Eq, Debug)]
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
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// Which key it is that signs.
    key_id: String,
    validation: Validation,
    issuer: String,
    refresh: [u8; 32],
}

impl Tokens {
    pub fn new(access: &[u8; 32], refresh: [u8; 32], issuer: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // Our clock decides, which tests can turn.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(access),
            decoding: DecodingKey::from_secret(access),
            key_id: text(&digest(access).0[..6]),
            validation,
            issuer: issuer.to_owned(),
            refresh,
        }
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
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.encoding)
            .map_err(|error| Error::internal(format!("cannot sign a token: {error}")))
    }

    /// Reads an access token of ours, expired or not.
    pub fn read_access(&self, token: &str) -> Option<Access> {
        let read = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
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
        RefreshToken {
            session: token.session,
            secret: self.mac("next", &token.secret),
        }
    }

    /// The first token of a session.
    pub fn first(session: Uuid, secret: [u8; 32]) -> RefreshToken {
        RefreshToken { session, secret }
    }

    /// A refresh token as its holder gets it.
    pub fn write_refresh(&self, token: &RefreshToken) -> String {
        let mut whole = token.session.as_bytes().to_vec();
        whole.extend_from_slice(&token.secret);
        let seal = self.mac("seal", &whole);
        whole.extend_from_slice(&seal[..SEAL]);
        format!("{REFRESH}{}", text(&whole))
    }

    /// Reads a refresh token that we made, now or once.
    pub fn read_refresh(&self, token: &str) -> Option<RefreshToken> {
        let whole = bytes(token.strip_prefix(REFRESH)?)?;
        let (sealed, seal) = whole.split_last_chunk::<SEAL>()?;
        let (session, secret) = sealed.split_first_chunk::<16>()?;
        let secret = <[u8; 32]>::try_from(secret).ok()?;
        let ours = self.mac("seal", sealed);
        bool::from(ours[..SEAL].ct_eq(seal)).then(|| RefreshToken {
            session: Uuid::from_bytes(*session),
            secret,
        })
    }

    /// What proves that a request was made by a page that may read our answers, and not just
    /// by a browser that has the session's cookie.
    pub fn csrf(&self, session_secret: &[u8]) -> String {
        text(&self.mac("csrf", session_secret))
    }

    fn mac(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.refresh).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&[1; 32], [2; 32], "example.org")
    }

    #[test]
    fn access_tokens_are_read_back_and_others_are_not() {
        let access = Access {
            entity: Entity::parse("user:alice").expect("an entity"),
            session: Uuid::from_u128(7),
            expires_at: 9_000,
            issued_with: mark(Digest([3; 32])),
        };
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
            Tokens::new(&[3; 32], [2; 32], "example.org"),
            Tokens::new(&[1; 32], [2; 32], "example.net"),
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
    fn what_we_did_not_seal_is_no_refresh_token() {
        let token = Tokens::first(Uuid::from_u128(7), [9; 32]);
        let foreign = Tokens::new(&[1; 32], [3; 32], "example.org");
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
