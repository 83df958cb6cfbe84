//! The homeserver's own sign-in page (`m.login.sso`), for those who have no password there, or want
//! to show it to nobody else: the browser goes there and comes back with a token that is good once.
//!
//! What goes along with it says where in the city the browser was to end up. It counts only beside
//! a cookie of the same browser, so that nobody is signed in as somebody else by a link.

use std::sync::{Arc, Mutex, PoisonError};

use url::Url;
use url::form_urlencoded::byte_serialize;

use super::tokens::{SEAL, Tokens, bytes, text};
use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::{Error, Result};
use crate::homeserver::identity::{Identity, WaysIn};

/// How long somebody may stay at the homeserver's page, in milliseconds.
pub const PATIENCE: Millis = 10 * 60_000;
/// The longest path to end up at, in bytes.
const LONGEST_PATH: usize = 2_000;
/// For how long what the homeserver offers is remembered, in milliseconds.
const REMEMBERED: Millis = 60_000;
/// Where the page begins (client-server API, "Client login via SSO").
const PAGE: &str = "/_matrix/client/v3/login/sso/redirect";
/// What the seal is for.
const PURPOSE: &str = "sso";

/// The way to the homeserver's page and back.
pub struct Sso {
    identity: Arc<dyn Identity>,
    clock: Clock,
    tokens: Arc<Tokens>,
    /// The homeserver as browsers reach it, when that is configured.
    page: Option<String>,
    offered: Mutex<Option<Offered>>,
}

/// What the homeserver said.
#[derive(Clone)]
struct Offered {
    at: Millis,
    ways: WaysIn,
    /// The address of its page, as it says itself.
    page: Option<String>,
}

/// A browser on its way.
pub struct Begun {
    /// Where it goes.
    pub address: String,
    /// What it keeps as a cookie meanwhile.
    pub secret: String,
}

impl Sso {
    pub(super) fn new(
        identity: Arc<dyn Identity>,
        clock: Clock,
        tokens: Arc<Tokens>,
        page: Option<String>,
    ) -> Self {
        Self {
            identity,
            clock,
            tokens,
            page,
            offered: Mutex::default(),
        }
    }

    /// The ways in that the homeserver offers, as it said a moment ago.
    pub async fn ways_in(&self) -> Result<WaysIn> {
        Ok(self.offered().await?.ways)
    }

    /// Asked by whoever comes, so the homeserver is not asked each time.
    async fn offered(&self) -> Result<Offered> {
        let now = self.clock.now();
        let held = || self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held().clone();
        if let Some(known) = known.filter(|it| now.saturating_sub(it.at) < REMEMBERED) {
            return Ok(known);
        }
        let ways = self.identity.ways_in().await?;
        let page = match &self.page {
            None if ways.page => self.identity.public_address().await?,
            configured => configured.clone(),
        };
        let offered = Offered {
            at: now,
            ways,
            page,
        };
        *held() = Some(offered.clone());
        Ok(offered)
    }

    /// Sends a browser to the homeserver's page, to come back to `callback` and to end up at a path
    /// of the city.
    pub async fn begin(&self, callback: &Url, path: Option<&str>) -> Result<Begun> {
        let path = own_path(path.unwrap_or("/"))?;
        let offered = self.offered().await?;
        if !offered.ways.page {
            let message = "the homeserver has no sign-in page of its own (m.login.sso)";
            return Err(Error::not_found(message));
        }
        let secret = self.clock.secret();
        let mut callback = callback.clone();
        let state = self.state(&secret, path);
        callback.query_pairs_mut().append_pair("state", &state);
        let back: String = byte_serialize(callback.as_str().as_bytes()).collect();
        let page = offered.address()?;
        let page = page.as_str().trim_end_matches('/');
        Ok(Begun {
            address: format!("{page}{PAGE}?redirectUrl={back}"),
            secret: text(&secret),
        })
    }

    /// Where a browser that comes back is to end up, when it is the one that was sent.
    pub fn path_of(&self, state: &str, secret: Option<&str>) -> Result<String> {
        let wrong = |message: &str| Error::invalid("state", message);
        let read = || {
            let whole = bytes(state)?;
            let (seal, sealed) = whole.split_first_chunk::<SEAL>()?;
            let (until, path) = sealed.split_first_chunk::<8>()?;
            let held = [bytes(secret?)?.as_slice(), sealed].concat();
            let is_ours = self.tokens.is_seal(PURPOSE, &held, seal);
            let path = String::from_utf8(path.to_vec()).ok()?;
            is_ours.then_some((Millis::from_be_bytes(*until), path))
        };
        let message = "is not the one that this browser was sent with; begin again";
        let (until, path) = read().ok_or_else(|| wrong(message))?;
        if self.clock.now() >= until {
            return Err(wrong("is too old; begin again"));
        }
        Ok(path)
    }

    /// What goes along to the homeserver and back: a seal, until when it counts, and the path.
    fn state(&self, secret: &[u8; 32], path: &str) -> String {
        let until = self.clock.now() + PATIENCE;
        let sealed = [until.to_be_bytes().as_slice(), path.as_bytes()].concat();
        let held = [secret.as_slice(), &sealed].concat();
        let seal = self.tokens.seal(PURPOSE, &held);
        text(&[seal.as_slice(), &sealed].concat())
    }
}

impl Offered {
    /// The homeserver as browsers reach it.
    fn address(&self) -> Result<Url> {
        let page = self.page.as_deref().and_then(|page| Url::parse(page).ok());
        let page = page.filter(|page| matches!(page.scheme(), "http" | "https") && page.has_host());
        page.ok_or_else(|| {
            Error::unavailable("it does not say how browsers reach it; set matrix.public_url")
        })
    }
}

/// Checks that a path leads nowhere but into the city itself. Browsers take `//` and `/\` for
/// the beginning of another address, and drop control characters.
fn own_path(path: &str) -> Result<&str> {
    let is_visible = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let fits = path.starts_with('/') && !path.starts_with("//") && is_visible;
    if fits && path.len() <= LONGEST_PATH {
        return Ok(path);
    }
    let message =
        format!("must be a path of the city, like /city, of at most {LONGEST_PATH} bytes");
    Err(Error::invalid("redirect", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_city_are_led_to() {
        for good in [
            "/",
            "/city",
            "/city/rooms/general?x=1#a",
            "/a//b",
            "/%5C%2F",
        ] {
            assert_eq!(own_path(good), Ok(good));
        }
        let long = format!("/{}", "a".repeat(LONGEST_PATH));
        for bad in [
            "",
            "city",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a b",
            "/кіт",
            &long,
        ] {
            let refused = own_path(bad).expect_err("refused").to_string();
            assert!(refused.starts_with("redirect: "), "{bad}: {refused}");
        }
    }
}
