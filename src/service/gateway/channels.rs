//! The channel that a room of anybody's is, or becomes.

use std::sync::Arc;

use super::{Gateway, Place};
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus, Visibility};
use crate::domain::event::Source;
use crate::domain::id::ChannelId;
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};
use crate::homeserver::{ChannelState, RoomSnapshot, Setting};

impl Gateway {
    /// The channel that a room is, `field` having named it. One that is none becomes one of kind
    /// `gateway` where the connector is in it and may say so; its history is read before this
    /// returns, so that whoever waits for news from then on is not told of what is old.
    pub async fn channel(
        &self,
        caller: &ServiceCaller,
        given: &str,
        field: &'static str,
    ) -> Result<Arc<Channel>> {
        let room = self.resolve(caller, given, Place::Field(field)).await?;
        if let Some(known) = self.core.directory.channel_of(&room) {
            return Ok(known);
        }
        let why = |why: &str| {
            format!(
                "{field}: {given} is no channel, and {why}; make one with POST \
                 /internal/matrix/create-room, or leave {field} out for all channels"
            )
        };
        let connector = self.core.directory.naming.connector();
        let upstream = self.upstream(caller).await?;
        let Some(snapshot) = upstream.room(&room).await? else {
            return Err(Error::not_found(why(&format!(
                "{connector} is not in it: let somebody invite it, then let it join"
            ))));
        };
        // It may say already that it is one.
        let adopted = match self.core.adopt_snapshot(&snapshot, Source::Heal).await? {
            Some(adopted) => Some(adopted),
            None => {
                let mark = Setting::Channel(self.mark(&snapshot));
                match upstream.set(&room, &mark, None).await {
                    Err(Error::HomeserverRefused {
                        status,
                        errcode,
                        message,
                    }) if errcode == "M_FORBIDDEN" => {
                        return Err(Error::HomeserverRefused {
                            status,
                            errcode,
                            message: why(&format!(
                                "{connector} has not the power to set the room's state ({message})"
                            )),
                        });
                    }
                    other => drop(other?),
                }
                self.core.adopt(&room, Source::Heal).await?
            }
        };
        drop(upstream);
        let adopted = adopted.ok_or_else(|| {
            Error::HomeserverNonsense(format!("{room} does not show what was set in it"))
        })?;
        self.read_history(adopted.clone()).await;
        Ok(adopted)
    }

    /// A task of its own: it goes on when the caller has gone.
    async fn read_history(&self, channel: Arc<Channel>) {
        let core = self.core.clone();
        let walk = tokio::spawn(async move { core.heal_channel(&channel, Source::Heal).await });
        if let Err(error) = walk.await {
            tracing::error!(%error, "the reading of an adopted room's history broke off");
        }
    }

    fn mark(&self, snapshot: &RoomSnapshot) -> ChannelState {
        let id = ChannelId::of_room(&snapshot.room);
        ChannelState {
            id,
            kind: ChannelKind::Gateway,
            slug: slug(id),
            microdao: self.core.rules.city_microdao.clone(),
            visibility: match snapshot.public {
                true => Visibility::Public,
                false => Visibility::Private,
            },
            confidential: snapshot.encrypted,
            status: ChannelStatus::Active,
            is_default: false,
            slow_mode_seconds: 0,
            created_by: None,
            created_at: self.core.clock.now(),
            changed_by: None,
        }
    }
}

/// The slug of a channel whose maker has no word for it.
pub(super) fn slug(id: ChannelId) -> String {
    let mut slug = format!("gateway-{}", id.0.simple());
    slug.truncate("gateway-".len() + 12);
    slug
}
