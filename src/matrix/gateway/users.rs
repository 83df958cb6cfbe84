//! Accounts: what the application service may do itself, and what only an administrator of
//! Synapse may.

use http::Method;
use ruma::api::client::account::deactivate;
use ruma::api::client::profile::set_profile_field;
use ruma::profile::ProfileFieldValue;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::super::client::{Credential, Repeat};
use super::super::{Matrix, ids};
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{Device, NewPerson, Traces};

const LOGIN: &str = "/_matrix/client/v3/login";

/// Why a person cannot be registered by a daarion that is an application service and no more.
const NO_ADMIN_TOKEN: &str = "people with a password are registered through Synapse's admin API, \
     which wants the access token of an administrator: set matrix.admin_token; agents need none";
/// Why the token that was given is not enough.
const WRONG_ADMIN_TOKEN: &str = "matrix.admin_token is not (or no longer) the access token of an administrator of the homeserver";
/// Where accounts are not the homeserver's to make.
const DELEGATED: &str = "the homeserver has no admin API for this: its authentication service \
     makes the accounts, so register the person there";

impl Matrix {
    pub(super) async fn add_person(&self, person: &NewPerson) -> Result<()> {
        // What sets up an account also changes one that is there.
        let free = format!(
            "/_synapse/admin/v1/username_available?{}",
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("username", person.user.localpart())
                .finish()
        );
        self.ask_admin(Method::GET, &free, None).await?;
        let mut account = json!({ "password": person.password, "admin": person.is_admin });
        if let Some(name) = &person.display_name {
            account["displayname"] = name.as_str().into();
        }
        if let Some(url) = &person.avatar_url {
            account["avatar_url"] = url.as_str().into();
        }
        let path = path(&["_synapse", "admin", "v2", "users", person.user.as_str()])?;
        self.ask_admin(Method::PUT, &path, Some(&account)).await
    }

    pub(super) async fn log_in(&self, user: &UserId, password: &str) -> Result<Option<Device>> {
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password,
            "initial_device_display_name": "daarion",
        });
        self.device(&body, Credential::None).await
    }

    pub(super) async fn log_in_agent(&self, user: &UserId) -> Result<Option<Device>> {
        let body = json!({
            "type": "m.login.application_service",
            "identifier": { "type": "m.id.user", "user": user },
            "initial_device_display_name": "daarion",
        });
        self.device(&body, Credential::Connector).await
    }

    pub(super) async fn put_avatar(&self, user: &UserId, url: &str) -> Result<()> {
        let value = ProfileFieldValue::AvatarUrl(url.into());
        let request = set_profile_field::v3::Request::new(ids::user(user)?, value);
        let answer = self.client.request(request, Some(user), Repeat::Safe).await;
        answer.map(drop)
    }

    /// As the user itself: an application service is not asked for the password.
    pub(super) async fn close_account(&self, user: &UserId, traces: Traces) -> Result<()> {
        let mut request = deactivate::v3::Request::new();
        request.erase = traces == Traces::Erased;
        let answer = self.client.request(request, Some(user), Repeat::Safe).await;
        answer.map(drop)
    }

    /// `None` when the homeserver gives out no devices in this way.
    async fn device(&self, body: &Value, credential: Credential<'_>) -> Result<Option<Device>> {
        #[derive(Deserialize)]
        struct Login {
            access_token: String,
            device_id: String,
        }
        let answer = self
            .client
            .send(Method::POST, LOGIN, Some(body), credential, Repeat::Never)
            .await;
        match answer {
            Ok(answer) => {
                let login: Login = serde_json::from_slice(&answer)
                    .map_err(|error| Error::HomeserverNonsense(error.to_string()))?;
                Ok(Some(Device {
                    access_token: login.access_token,
                    device_id: login.device_id,
                }))
            }
            Err(Error::HomeserverRefused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask_admin(&self, method: Method, path: &str, body: Option<&Value>) -> Result<()> {
        let Some(token) = &self.admin_token else {
            return Err(Error::forbidden(NO_ADMIN_TOKEN));
        };
        let answer = self
            .client
            .send(method, path, body, Credential::Token(token), Repeat::Safe)
            .await;
        answer.map(drop).map_err(|error| match &error {
            Error::HomeserverRefused { status: 401, .. } => Error::forbidden(WRONG_ADMIN_TOKEN),
            Error::HomeserverRefused { status: 403, .. } if error.is_refusal("M_FORBIDDEN") => {
                Error::forbidden(WRONG_ADMIN_TOKEN)
            }
            _ if error.is_refusal("M_UNRECOGNIZED") => Error::forbidden(DELEGATED),
            _ => error,
        })
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
