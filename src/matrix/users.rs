//! Users: registering those of our namespace, names, pictures, presence, their end.

use ruma::api::client::account::{deactivate, register, whoami};
use ruma::api::client::presence::get_presence;
use ruma::api::client::profile::{get_profile, set_profile_field};
use ruma::presence::PresenceState;
use ruma::profile::{ProfileFieldName, ProfileFieldValue};

use super::client::{Repeat, is_unknown_user};
use super::{Matrix, ids};
use crate::domain::id::UserId;
use crate::domain::{Error, Result};
use crate::homeserver::Traces;

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
