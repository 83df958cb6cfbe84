//! Users.

use poem_openapi::{Enum, Object};

use crate::service::gateway::{NewUser as Newcomer, Registered};

/// A user to be registered.
#[derive(Object, Clone)]
pub struct NewUser {
    /// What stands between `@` and `:` of the Matrix id, from `a-z 0-9 . _ = - / +`, or an entity.
    /// An agent by `agent:<name>` or by its prefix (`agent_<name>`), a person by anything else.
    pub username: String,
    /// Needed for a person. An agent has none; it is not looked at.
    pub password: Option<String>,
    /// At most 256 characters; an agent's at most 128, its own name when absent.
    pub display_name: Option<String>,
    /// `mxc://server/id`.
    pub avatar_url: Option<String>,
    /// Whether the person shall be an administrator of the homeserver. Only services that may act
    /// as everybody make such.
    #[oai(default)]
    pub admin: bool,
}

/// A user that was registered.
#[derive(Object, Clone, Debug)]
pub struct RegisteredUser {
    /// `@localpart:server`.
    pub user_id: String,
    /// For the homeserver's own API; shown once. Null where its authentication service alone signs
    /// people in. Nobody needs it for the gateway, where `sender` says who acts.
    pub access_token: Option<String>,
    /// The device that the token is of.
    pub device_id: Option<String>,
}

/// A user's new name.
#[derive(Object, Clone, Debug)]
pub struct NewUserName {
    /// At most 256 characters; empty for none. A registered agent's: 1 to 128 on one line.
    pub display_name: String,
}

/// A user's new picture.
#[derive(Object, Clone, Debug)]
pub struct NewUserAvatar {
    /// `mxc://server/id`; empty for none.
    pub avatar_url: String,
}

/// How an account is to be closed.
#[derive(Object, Clone, Debug)]
pub struct Deactivate {
    /// Whether people who join later are not to be shown what the user has said.
    pub erase: bool,
}

/// The one outcome of a change.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum UpdatedStatus {
    Updated,
}

/// It is as asked for.
#[derive(Object, Clone, Debug)]
pub struct Updated {
    pub status: UpdatedStatus,
}

/// The one outcome of closing an account.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum DeactivatedStatus {
    Deactivated,
}

/// The account is closed.
#[derive(Object, Clone, Debug)]
pub struct Deactivated {
    pub status: DeactivatedStatus,
}

impl Updated {
    /// The one answer.
    pub const DONE: Self = Self {
        status: UpdatedStatus::Updated,
    };
}

impl Deactivated {
    /// The one answer.
    pub const DONE: Self = Self {
        status: DeactivatedStatus::Deactivated,
    };
}

impl From<NewUser> for Newcomer {
    fn from(new: NewUser) -> Self {
        Self {
            username: new.username,
            password: new.password,
            display_name: new.display_name,
            avatar_url: new.avatar_url,
            is_admin: new.admin,
        }
    }
}

impl From<Registered> for RegisteredUser {
    fn from(registered: Registered) -> Self {
        let (access_token, device_id) = match registered.device {
            Some(device) => (Some(device.access_token), Some(device.device_id)),
            None => (None, None),
        };
        Self {
            user_id: registered.user.to_string(),
            access_token,
            device_id,
        }
    }
}
