//! Accounts: signing in. How people's are made stands in `people`, what all users have in
//! `matrix::users`.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Matrix;
use super::super::client::{Credential, Repeat};
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::Device;

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
