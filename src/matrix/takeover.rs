//! Taking over a room that others made: an older installation's, or a member's.
//!
//! The connector needs to be in it and to be allowed to mark it as a channel. Both may need
//! somebody who is there already, as whom the connector then acts, if that is a local user.

use serde::Deserialize;

use super::mapping::Power;
use super::{Matrix, rooms};
use crate::domain::channel::STATE_TYPE;
use crate::domain::id::{RoomId, UserId};
use crate::domain::member::Membership;
use crate::domain::{Error, Result};
use crate::homeserver::RoomSnapshot;

const LEVELS: &str = "m.room.power_levels";
/// What the connector is raised to where the raiser has as much.
const RAISED: i64 = 100;
/// The same in rooms whose creators stand above all levels: out of reach of those with 100.
const RAISED_BY_CREATOR: i64 = 150;

impl Matrix {
    pub(super) async fn enter_and_rise(
        &self,
        room: &RoomId,
        helper: Option<&UserId>,
    ) -> Result<()> {
        match self.join_room(room, None).await {
            Err(Error::HomeserverRefused { status: 403, .. }) => {
                self.be_invited(room, helper).await?;
            }
            other => other?,
        }
        let state = self.read_state(room, None).await?;
        let (snapshot, power) = state.ok_or_else(|| {
            Error::HomeserverNonsense(format!("the state of {room} cannot be read by a member"))
        })?;
        self.rise(&snapshot, &power, helper).await
    }

    /// Enters a room that is not open, by the invitation of somebody in it.
    async fn be_invited(&self, room: &RoomId, helper: Option<&UserId>) -> Result<()> {
        let connector = self.directory.naming.connector();
        let users = match helper {
            Some(helper) => vec![helper.clone()],
            None => self.list_members_as_admin(room).await?,
        };
        for user in users {
            match self.invite_to_room(room, &connector, Some(&user)).await {
                Ok(()) => return self.join_room(room, None).await,
                Err(Error::Forbidden(_) | Error::HomeserverRefused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::forbidden(format!(
            "{room} is not open, and nobody in it could be made to invite {connector}: invite \
             it there, then try again"
        )))
    }

    /// Gains the power to mark the room as a channel.
    async fn rise(
        &self,
        snapshot: &RoomSnapshot,
        power: &Power,
        helper: Option<&UserId>,
    ) -> Result<()> {
        let connector = self.directory.naming.connector();
        let needed = power.to_set(STATE_TYPE);
        if power.of(&connector) >= needed {
            return Ok(());
        }
        let raisers = self.raisers(snapshot, power).into_iter();
        let may_help = |user: &UserId| helper.is_none_or(|helper| helper == user);
        for (user, level) in raisers.filter(|(user, _)| may_help(user)) {
            let most = if level == i64::MAX {
                RAISED_BY_CREATOR
            } else {
                RAISED
            };
            let to = needed.max(most.min(level));
            let content = rooms::json(&power.raised(&connector, to, STATE_TYPE))?;
            let raised = self.put_state(&snapshot.room, LEVELS, content, Some(&user));
            match raised.await {
                Ok(_) => return Ok(()),
                Err(Error::Forbidden(_) | Error::HomeserverRefused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::forbidden(format!(
            "nobody that the connector may act as can raise {connector} to power level {needed} \
             in {}: raise it there, then try again",
            snapshot.room
        )))
    }

    /// The local members who may raise the connector high enough, the most powerful first.
    fn raisers(&self, snapshot: &RoomSnapshot, power: &Power) -> Vec<(UserId, i64)> {
        let enough = power.to_set(STATE_TYPE).max(power.to_set(LEVELS));
        let mut raisers: Vec<_> = snapshot
            .members
            .iter()
            .map(|(_, member)| member)
            .filter(|member| member.membership == Membership::Joined)
            .filter(|member| member.user.server() == self.directory.naming.server_name)
            .map(|member| (member.user.clone(), power.of(&member.user)))
            .filter(|(_, level)| *level >= enough)
            .collect();
        raisers.sort_by_key(|(_, level)| std::cmp::Reverse(*level));
        raisers
    }

    /// The local members of a room that the connector is not in, which only Synapse's admin
    /// API tells. Without an admin token nobody is known.
    async fn list_members_as_admin(&self, room: &RoomId) -> Result<Vec<UserId>> {
        #[derive(Deserialize)]
        struct Members {
            members: Vec<String>,
        }
        let Some(token) = self.admin_token.as_deref() else {
            return Ok(Vec::new());
        };
        let mut path = String::from("/_synapse/admin/v1/rooms/");
        path.extend(url::form_urlencoded::byte_serialize(
            room.as_str().as_bytes(),
        ));
        path.push_str("/members");
        let body = self.client.get(&path, Some(token)).await;
        let body = body.map_err(name_admin_token)?;
        let found: Members = serde_json::from_slice(&body)
            .map_err(|error| Error::HomeserverNonsense(error.to_string()))?;
        let local = |user: &UserId| user.server() == self.directory.naming.server_name;
        let users = found.members.iter().filter_map(|user| UserId::parse(user));
        Ok(users.filter(local).collect())
    }
}

/// Turns a refusal of the admin token into one that says which setting to look at.
fn name_admin_token(error: Error) -> Error {
    match error {
        Error::HomeserverRefused {
            status: 401 | 403,
            errcode,
            message,
        } => Error::forbidden(format!(
            "the homeserver refuses matrix.admin_token: {errcode} {message}"
        )),
        other => other,
    }
}
