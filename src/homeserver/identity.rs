//! Who somebody is, as the homeserver knows it by other ways than a password.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::domain::Result;
use crate::domain::id::UserId;

/// The ways in that the homeserver offers, of those that lead into the city too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WaysIn {
    /// A password of its own.
    pub password: bool,
    /// A page of its own, which comes back with a token (`m.login.sso`, `m.login.token`).
    pub page: bool,
}

/// The questions about who somebody is. Nothing of what is shown is kept.
#[async_trait]
pub trait Identity: Send + Sync {
    /// The user whom an OpenID token is of; `None` when it is of nobody, or not any more.
    async fn openid_user(&self, token: &str) -> Result<Option<UserId>>;

    /// The user whom a token of the homeserver's own sign-in page is of, which is used up; `None`
    /// when it is of nobody. `from` is where whoever shows it is.
    async fn login_token_user(&self, token: &str, from: Option<IpAddr>) -> Result<Option<UserId>>;

    /// The ways in.
    async fn ways_in(&self) -> Result<WaysIn>;

    /// Its address as browsers reach it, when it tells that.
    async fn public_address(&self) -> Result<Option<String>>;
}
