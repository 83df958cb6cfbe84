//! Accounts: signing in, pictures, the end. How people's are made stands in `people`.

use http::Method;
use ruma::api::client::account::deactivate;
use ruma::api::client::profile::set_profile_field;
use ruma::profile::ProfileFieldValue;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::client::{Credential, Repeat};
use super::super::{Matrix, ids};
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{Device, Traces};

const LOGIN: &str = "/_matrix/client/v3/login";

impl Matrix {
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
            Ok((_, answer)) => {
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
}
