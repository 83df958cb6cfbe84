//! Passwords and the tokens of the homeserver's own sign-in page: it is asked whose they are, by
//! signing in and out again. No Matrix token is kept.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Matrix;
use crate::domain::id::UserId;
use crate::domain::{Error, Result};

/// The device as which we sign in. One and the same, so that none is left over from a sign-in
/// that was cut off.
const DEVICE: &str = "DAARION_SIGN_IN";

/// Refusals that are about the user and what is shown (client-server API, "Login").
const WRONG: [&str; 5] = [
    "M_FORBIDDEN",
    "M_NOT_FOUND",
    "M_USER_DEACTIVATED",
    "M_USER_LOCKED",
    "M_USER_SUSPENDED",
];

#[derive(Deserialize)]
struct Login {
    user_id: String,
    access_token: String,
}

impl Matrix {
    /// The user whose password it is, as the homeserver spells it.
    pub(super) async fn try_password(
        &self,
        user: &UserId,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Option<UserId>> {
        let login = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user.as_str() },
            "password": password,
        });
        self.sign_in_and_out(login, from).await
    }

    /// The user whom a login is of, as the homeserver spells it; the device is gone again.
    pub(super) async fn sign_in_and_out(
        &self,
        mut login: Value,
        from: Option<IpAddr>,
    ) -> Result<Option<UserId>> {
        login["device_id"] = json!(DEVICE);
        login["initial_device_display_name"] = json!("daarion");
        let answer = self
            .client
            .post("/_matrix/client/v3/login", &login, None, from);
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(Error::HomeserverRefused {
                status: 400..500,
                errcode,
                ..
            }) if WRONG.contains(&errcode.as_str()) => return Ok(None),
            Err(error) => return Err(error),
        };
        let nonsense = |error: String| Error::HomeserverNonsense(error);
        let login: Login =
            serde_json::from_slice(&answer).map_err(|error| nonsense(error.to_string()))?;
        self.sign_out(&login.access_token).await;
        let found = UserId::parse(&login.user_id);
        let found = found.ok_or_else(|| nonsense(format!("user_id {:?}", login.user_id)))?;
        Ok(Some(found))
    }

    /// Signs out whomever a login has let in.
    pub(super) async fn leave(&self, answer: &[u8]) {
        if let Ok(login) = serde_json::from_slice::<Login>(answer) {
            self.sign_out(&login.access_token).await;
        }
    }

    /// What fails here leaves a device behind, which the next sign-in takes over.
    async fn sign_out(&self, token: &str) {
        let path = "/_matrix/client/v3/logout";
        let out = self.client.post(path, &json!({}), Some(token), None).await;
        if let Err(error) = out {
            tracing::debug!(%error, "the device of a sign-in is left on the homeserver");
        }
    }
}
