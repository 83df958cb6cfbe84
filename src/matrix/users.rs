//! Users: registering those of our namespace, names, pictures, presence, their end.

use std::sync::atomic::Ordering;

use http::Method;
use ruma::api::client::account::{deactivate, register, whoami};
use ruma::api::client::presence::get_presence;
use ruma::api::client::profile::{get_profile, set_profile_field};
use ruma::presence::PresenceState;
use ruma::profile::{ProfileFieldName, ProfileFieldValue};
use serde_json::json;

use super::client::{Credential, Repeat, is_unknown_user};
use super::{Matrix, ids};
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use crate::homeserver::{Shut, Traces};

/// How many characters the name of a device may have in Synapse.
const LONGEST_DEVICE: usize = 512;

impl Matrix {
    /// Registers a user of our namespaces. Without a login: under delegated authentication
    /// the homeserver refuses to give one (MSC4190), and the as_token acts as anybody.
    pub(super) async fn register(&self, user: &UserId) -> Result<()> {
        let mut request = register::v3::Request::new();
        request.username = Some(user.localpart().to_owned());
        request.login_type = Some(register::LoginType::ApplicationService);
        request.inhibit_login = true;
        match self.client.request(request, None, Repeat::Safe).await {
            Err(error) if !error.is_refusal("M_USER_IN_USE") => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn set_user_name(&self, user: &UserId, name: &str) -> Result<()> {
        let value = ProfileFieldValue::DisplayName(name.to_owned());
        let request = set_profile_field::v3::Request::new(ids::user(user)?, value);
        let answer = self.client.request(request, Some(user), Repeat::Safe).await;
        answer.map(drop)
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

    /// Asks as the user itself: a registered user may have no profile. Where the registration
    /// does not let us act as the user, the profile must do.
    pub(super) async fn is_registered(&self, user: &UserId) -> Result<bool> {
        let request = whoami::v3::Request::new();
        let answer = self
            .client
            .request_plain(request, Some(user), Repeat::Safe)
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if is_unknown_user(&error) => Ok(false),
            Err(Error::HomeserverRefused { status: 403, .. }) => self.has_profile(user).await,
            Err(error) => Err(error),
        }
    }

    /// Asked by an application service's own way of signing in, which alone tells of accounts that are
    /// shut. It wants a device whose name is too long, so that nothing comes of it. A homeserver that
    /// takes it all the same is not asked again.
    pub(super) async fn shut_state(&self, user: &UserId) -> Result<Option<Shut>> {
        if self.lets_in.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let login = json!({
            "type": "m.login.application_service",
            "identifier": { "type": "m.id.user", "user": user.as_str() },
            "device_id": "x".repeat(LONGEST_DEVICE + 1),
        });
        let path = "/_matrix/client/v3/login";
        let asked = self.client.send(
            Method::POST,
            path,
            Some(&login),
            Credential::Connector,
            Repeat::Never,
        );
        match asked.await {
            Ok((_, answer)) => {
                self.lets_in.store(true, Ordering::Relaxed);
                self.leave(&answer).await;
                Ok(None)
            }
            Err(Error::HomeserverRefused { errcode, .. }) => Ok(match errcode.as_str() {
                "M_USER_DEACTIVATED" => Some(Shut::Closed),
                "M_USER_LOCKED" => Some(Shut::Locked),
                _ => None,
            }),
            Err(error) => Err(error),
        }
    }

    async fn has_profile(&self, user: &UserId) -> Result<bool> {
        let request = get_profile::v3::Request::new(ids::user(user)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(_) => Ok(true),
            Err(Error::HomeserverRefused { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `None` when the user has no name, or the homeserver shows none.
    pub(super) async fn name_of_user(&self, user: &UserId) -> Result<Option<String>> {
        let request = get_profile::v3::Request::new(ids::user(user)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(profile) => {
                let name = profile.get(ProfileFieldName::DisplayName.as_str());
                Ok(name.and_then(|name| name.as_str()).map(str::to_owned))
            }
            Err(Error::HomeserverRefused {
                status: 403 | 404, ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A user whose presence the connector may not see, because they share no room, or whom
    /// the homeserver does not know, is not online.
    pub(super) async fn is_online(&self, user: &UserId) -> Result<bool> {
        let request = get_presence::v3::Request::new(ids::user(user)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(now) => {
                Ok(now.presence == PresenceState::Online || now.currently_active.unwrap_or(false))
            }
            Err(Error::HomeserverRefused {
                status: 403 | 404, ..
            }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
