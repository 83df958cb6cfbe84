//! Who somebody is, by OpenID tokens and by the homeserver's own sign-in page.

use std::net::IpAddr;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::Matrix;
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use crate::homeserver::identity::{Identity, WaysIn};

/// Where an OpenID token is exchanged for a name (server-server API, "OpenID"). It is no secret
/// of the federation: whoever has the token may ask.
const USER_INFO: &str = "/_matrix/federation/v1/openid/userinfo";
/// Refusals that are about the token.
const UNKNOWN: [&str; 2] = ["M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"];

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
}

#[derive(Deserialize)]
struct Flows {
    #[serde(default)]
    flows: Vec<Flow>,
}

#[derive(Deserialize)]
struct Flow {
    r#type: String,
}

#[derive(Deserialize)]
struct WellKnown {
    #[serde(rename = "m.homeserver")]
    homeserver: BaseUrl,
}

#[derive(Deserialize)]
struct BaseUrl {
    base_url: String,
}

#[async_trait]
impl Identity for Matrix {
    async fn openid_user(&self, token: &str) -> Result<Option<UserId>> {
        let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let path = format!("{USER_INFO}?access_token={token}");
        let answer = match self.client.get(&path, None).await {
            Ok(answer) => answer,
            Err(Error::HomeserverRefused { errcode, .. })
                if UNKNOWN.contains(&errcode.as_str()) =>
            {
                return Ok(None);
            }
            Err(Error::HomeserverRefused { status: 404, .. }) => {
                return Err(Error::HomeserverNonsense(format!(
                    "it does not serve {USER_INFO} at matrix.homeserver_url; in Synapse, \
                     \"openid\" is missing in the resources of that listener"
                )));
            }
            Err(error) => return Err(error),
        };
        let info: UserInfo = read(&answer)?;
        user(&info.sub).map(Some)
    }

    async fn login_token_user(&self, token: &str, from: Option<IpAddr>) -> Result<Option<UserId>> {
        let login = json!({ "type": "m.login.token", "token": token });
        self.sign_in_and_out(login, from).await
    }

    async fn ways_in(&self) -> Result<WaysIn> {
        let answer = self.client.get("/_matrix/client/v3/login", None).await?;
        let Flows { flows } = read(&answer)?;
        let has = |wanted: &str| flows.iter().any(|flow| flow.r#type == wanted);
        Ok(WaysIn {
            password: has("m.login.password"),
            page: has("m.login.sso") && has("m.login.token"),
        })
    }

    async fn public_address(&self) -> Result<Option<String>> {
        let answer = self.client.get("/.well-known/matrix/client", None).await;
        match answer {
            Ok(answer) => {
                let told: Option<WellKnown> = read(&answer).ok();
                Ok(told.map(|told| told.homeserver.base_url))
            }
            Err(Error::HomeserverRefused { .. } | Error::HomeserverNonsense(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read<T: for<'a> Deserialize<'a>>(answer: &[u8]) -> Result<T> {
    serde_json::from_slice(answer).map_err(|error| Error::HomeserverNonsense(error.to_string()))
}

fn user(text: &str) -> Result<UserId> {
    let nonsense = || Error::HomeserverNonsense(format!("the user {text:?}"));
    UserId::parse(text).ok_or_else(nonsense)
}
