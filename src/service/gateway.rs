//! The gateway: Matrix for services that do not know Matrix.
//!
//! Begin with [`Gateway`], which finds out which room is meant and who acts.

pub mod details;
pub mod history;
pub mod sync;
pub mod turns;

use std::sync::Arc;

use super::Core;
use crate::domain::entity::Entity;
use crate::domain::id::{RoomAlias, RoomId, UserId};
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};

/// What every operation of the gateway begins with.
pub struct Gateway {
    core: Arc<Core>,
}

impl Gateway {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The room that an id or an alias names, if the service may work in it.
    pub async fn resolve(&self, caller: &ServiceCaller, text: &str) -> Result<RoomId> {
        let room = match RoomAlias::parse(text) {
            Some(alias) => {
                let found = self.core.homeserver.resolve_alias(&alias).await?;
                found.ok_or_else(|| Error::not_found(format!("there is no room {alias}")))?
            }
            None => RoomId::parse(text)
                .ok_or_else(|| Error::invalid("room_id", "must be a room id or an alias"))?,
        };
        caller.require_room(&room)?;
        Ok(room)
    }

    /// Who acts: an entity, a Matrix user, or, when neither is named, the connector.
    pub fn acting(
        &self,
        caller: &ServiceCaller,
        entity: Option<&str>,
        matrix_id: Option<&str>,
        field: &'static str,
    ) -> Result<Option<UserId>> {
        let directory = &self.core.directory;
        let named = entity.map(|text| {
            Entity::parse(text)
                .map(|entity| directory.user_id(&entity))
                .ok_or_else(|| Error::invalid(field, "must be user:<localpart> or agent:<name>"))
        });
        let user = matrix_id.map(|text| {
            UserId::parse(text).ok_or_else(|| Error::invalid(field, "must be a Matrix user id"))
        });
        let Some(user) = user.or(named).transpose()? else {
            return Ok(None);
        };
        if user == directory.naming.connector() || user.server() != directory.naming.server_name {
            return Err(Error::forbidden(format!("nobody can act as {user} here")));
        }
        caller.require_act_as(&directory.entity(&user))?;
        Ok(Some(user))
    }
}
