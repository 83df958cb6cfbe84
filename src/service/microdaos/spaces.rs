//! The Matrix spaces of microdaos: read, and kept in step with the channels.

use crate::domain::Result;
use crate::domain::channel::{ChannelKind, Visibility};
use crate::domain::id::{ChannelId, RoomId, UserId};
use crate::domain::microdao::{self, Microdao};
use crate::homeserver::{RoomSnapshot, Setting};
use crate::service::Core;

impl Core {
    /// Takes up what a microdao's space says of it, whoever changed it there.
    pub async fn take_up_space(&self, room: &RoomId) -> Result<()> {
        match self.homeserver.room(room).await? {
            Some(snapshot) => self.take_up_space_of(&snapshot).await,
            None => Ok(()),
        }
    }

    /// The same, the state being at hand. Of two spaces that say they are one microdao, the first
    /// that was known is it.
    pub(in crate::service) async fn take_up_space_of(&self, snapshot: &RoomSnapshot) -> Result<()> {
        let Some(state) = &snapshot.microdao else {
            return Ok(());
        };
        let known = self.directory.microdao(&state.id);
        if let Some(other) = known.as_ref().filter(|known| known.room != snapshot.room) {
            tracing::warn!(
                room_id = %snapshot.room,
                known = %other.room,
                "a space says that it is a microdao which another space is already"
            );
            return Ok(());
        }
        let name = snapshot.name.clone();
        let microdao = Microdao {
            name: name.unwrap_or_else(|| microdao::bare(&state.id).to_owned()),
            description: snapshot.topic.clone().unwrap_or_default(),
            visibility: match snapshot.public {
                true => Visibility::Public,
                false => Visibility::Private,
            },
            created_by: state.created_by.clone(),
            created_at: state.created_at,
            room: snapshot.room.clone(),
            id: state.id.clone(),
        };
        if known.is_none_or(|known| *known != microdao) {
            self.store.microdaos.put_microdao(microdao.clone()).await?;
            self.directory.put_microdao(microdao);
        }
        self.keep_children(snapshot, &state.id).await
    }

    /// Sees that the space of a microdao, if it has one, names the channels that it should. What
    /// cannot be done now the next healing does.
    pub(in crate::service) async fn tend_space(&self, id: &str) {
        let Some(microdao) = self.directory.microdao(id) else {
            return;
        };
        if let Err(error) = self.take_up_space(&microdao.room).await {
            tracing::warn!(%error, room_id = %microdao.room, "a space is not in step with its channels");
        }
    }

    /// The same of a channel's microdao: it was opened or closed.
    pub async fn tend_space_of(&self, channel: ChannelId) {
        if let Some(channel) = self.directory.channel(channel) {
            self.tend_space(&channel.microdao).await;
        }
    }

    /// A space names the rooms of its microdao's public channels: whoever sees the space would see
    /// the others, too. Rooms that are no channels are their namer's own affair.
    async fn keep_children(&self, snapshot: &RoomSnapshot, id: &str) -> Result<()> {
        let channels = self.directory.channels();
        let is_ours = |room: &RoomId| channels.iter().any(|channel| channel.has_had(room));
        let mut wanted = Vec::new();
        for channel in &channels {
            let is_shown = channel.microdao == id
                && channel.kind != ChannelKind::Gateway
                && channel.visibility == Visibility::Public;
            wanted.extend(is_shown.then_some(&channel.room));
        }
        let missing = wanted
            .iter()
            .filter(|room| !snapshot.children.contains(room));
        let missing: Vec<_> = missing.map(|room| ((*room).clone(), true)).collect();
        let stale = snapshot.children.iter();
        let stale = stale.filter(|room| is_ours(room) && !wanted.contains(room));
        let stale: Vec<_> = stale.map(|room| (room.clone(), false)).collect();
        for (room, is_child) in missing.into_iter().chain(stale) {
            let setting = Setting::Child { room, is_child };
            self.homeserver.set(&snapshot.room, &setting, None).await?;
        }
        Ok(())
    }

    /// Lets whoever named a microdao into its space. It is theirs all the same when that fails.
    pub(super) async fn bring_into_space(&self, room: &RoomId, owner: &UserId) {
        let homeserver = &self.homeserver;
        let entered = match homeserver.join(room, Some(owner)).await {
            Ok(()) => Ok(()),
            Err(_) => match homeserver.invite(room, owner, None).await {
                Ok(()) => homeserver.join(room, Some(owner)).await,
                Err(error) => Err(error),
            },
        };
        if let Err(error) = entered {
            tracing::warn!(%error, user_id = %owner, room_id = %room, "the owner of a space is not in it");
        }
    }
}
