//! People with a password, who are made through Synapse's admin API: an application service has
//! no say in passwords.
//!
//! What makes an account there (`PUT /_synapse/admin/v2/users/…`) also changes one that exists, its
//! password included, and says only afterwards which of the two it did. Another way that never
//! changes anything (`/_synapse/admin/v1/register`) wants a secret that we have not. So an account
//! is made in two steps: first with nothing to set, which leaves one that exists as it is, and only
//! what was made by that is then set up.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::super::Matrix;
use super::super::client::{Credential, Repeat};
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::NewPerson;

/// Why a person cannot be registered by a daarion that is an application service and no more.
const NO_ADMIN_TOKEN: &str = "people with a password are registered through Synapse's admin API, \
     which wants the access token of an administrator: set matrix.admin_token; agents need none";
/// Why the token that was given is not enough.
const WRONG_ADMIN_TOKEN: &str = "matrix.admin_token is not (or no longer) the access token of an administrator of the homeserver";
/// Where accounts are not the homeserver's to make.
const DELEGATED: &str = "the homeserver has no admin API for this: its authentication service \
     makes the accounts, so register the person there";
/// How many accounts may be remembered as half made. More are as good as taken.
const UNFINISHED: usize = 1_000;

/// Accounts that we have made and that were not set up, because that failed or whoever asked for
/// it went away. They have no password, so nobody else has them; asked for again, they are set up.
/// As long as this process lives: afterwards their names are taken.
#[derive(Default)]
pub struct Unfinished(Mutex<HashSet<UserId>>);

/// An account that was just made. It is unfinished when this is dropped before its end.
struct Claim<'a> {
    unfinished: &'a Unfinished,
    user: Option<UserId>,
}

impl Matrix {
    pub(super) async fn add_person(&self, person: &NewPerson) -> Result<()> {
        let claim = self.claim(&person.user).await?;
        let mut account = json!({ "password": person.password, "admin": person.is_admin });
        if let Some(name) = &person.display_name {
            account["displayname"] = name.as_str().into();
        }
        if let Some(url) = &person.avatar_url {
            account["avatar_url"] = url.as_str().into();
        }
        self.put_account(&person.user, &account, Repeat::Safe)
            .await?;
        claim.end();
        Ok(())
    }

    /// Makes an account that nobody can sign in to. Of all who ask for a name at once the
    /// homeserver lets one have it.
    async fn claim(&self, user: &UserId) -> Result<Claim<'_>> {
        if let Some(claim) = self.unfinished.take(user) {
            return Ok(claim);
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("username", user.localpart())
            .finish();
        let free = format!("/_synapse/admin/v1/username_available?{query}");
        let asked = self.ask_admin(Method::GET, &free, None, Repeat::Safe);
        asked.await.map_err(explain)?;
        // Repeated, it could not tell its own first attempt from somebody else's account.
        let made = self.put_account(user, &json!({}), Repeat::Never).await;
        match made.map_err(explain)? {
            StatusCode::CREATED => Ok(self.unfinished.claim(user)),
            _ => Err(Error::HomeserverRefused {
                status: 400,
                errcode: "M_USER_IN_USE".to_owned(),
                message: format!("{user} was taken by somebody else meanwhile"),
            }),
        }
    }

    /// Answers 201 for an account that was made and 200 for one that was there.
    async fn put_account(
        &self,
        user: &UserId,
        account: &Value,
        repeat: Repeat,
    ) -> Result<StatusCode> {
        let path = path(&["_synapse", "admin", "v2", "users", user.as_str()])?;
        self.ask_admin(Method::PUT, &path, Some(account), repeat)
            .await
    }

    async fn ask_admin(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<StatusCode> {
        let Some(token) = &self.admin_token else {
            return Err(Error::forbidden(NO_ADMIN_TOKEN));
        };
        let credential = Credential::Token(token);
        let client = &self.client;
        let answer = client.send(method, path, body, credential, repeat);
        Ok(answer.await?.0.status)
    }
}

impl Unfinished {
    fn claim(&self, user: &UserId) -> Claim<'_> {
        Claim {
            unfinished: self,
            user: Some(user.clone()),
        }
    }

    /// To one of those who ask for it at once.
    fn take(&self, user: &UserId) -> Option<Claim<'_>> {
        self.lock().remove(user).then(|| self.claim(user))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim<'_> {
    fn end(mut self) {
        self.user = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let Some(user) = self.user.take() else {
            return;
        };
        tracing::warn!(
            user_id = %user,
            "an account was made and has no password yet; registering it again sets it up"
        );
        let mut unfinished = self.unfinished.lock();
        if unfinished.len() < UNFINISHED {
            unfinished.insert(user);
        }
    }
}

/// What a refusal of the first step means.
fn explain(error: Error) -> Error {
    match &error {
        Error::HomeserverRefused { status: 401, .. } => Error::forbidden(WRONG_ADMIN_TOKEN),
        Error::HomeserverRefused { status: 403, .. } if error.is_refusal("M_FORBIDDEN") => {
            Error::forbidden(WRONG_ADMIN_TOKEN)
        }
        _ if error.is_refusal("M_UNRECOGNIZED") => Error::forbidden(DELEGATED),
        _ => error,
    }
}

/// A path of these segments, each one percent-encoded.
fn path(segments: &[&str]) -> Result<String> {
    let encoded = || {
        let mut url = Url::parse("http://homeserver").ok()?;
        url.path_segments_mut().ok()?.extend(segments);
        Some(url.path().to_owned())
    };
    encoded().ok_or_else(|| Error::internal("a path cannot be encoded"))
}
