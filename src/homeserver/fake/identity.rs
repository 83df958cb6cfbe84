//! The fake homeserver's answers about who somebody is.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{Call, Fake};
use crate::domain::Result;
use crate::domain::id::UserId;
use crate::homeserver::identity::{Identity, WaysIn};

impl Fake {
    /// An OpenID token that a user has been given.
    pub fn give_openid_token(&self, user: &UserId, token: &str) {
        let mut world = self.world();
        world.openid.insert(token.to_owned(), user.clone());
    }

    /// A token that the sign-in page sends a user back with.
    pub fn give_login_token(&self, user: &UserId, token: &str) {
        let mut world = self.world();
        world.login_tokens.insert(token.to_owned(), user.clone());
    }
}

#[async_trait]
impl Identity for Fake {
    async fn openid_user(&self, token: &str) -> Result<Option<UserId>> {
        let world = self.begin(Call::OpenId)?;
        Ok(world.openid.get(token).cloned())
    }

    async fn login_token_user(&self, token: &str, _: Option<IpAddr>) -> Result<Option<UserId>> {
        let mut world = self.begin(Call::LoginToken)?;
        Ok(world.login_tokens.remove(token))
    }

    async fn ways_in(&self) -> Result<WaysIn> {
        self.begin(Call::WaysIn).map(drop)?;
        Ok(WaysIn {
            password: true,
            page: true,
        })
    }

    async fn public_address(&self) -> Result<Option<String>> {
        self.begin(Call::PublicAddress).map(drop)?;
        Ok(Some("https://matrix.example.org/".to_owned()))
    }
}
