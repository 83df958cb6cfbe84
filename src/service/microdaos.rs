//! Microdaos: listed, named, and who is in them.
//!
//! A microdao is there as soon as a channel belongs to it; whoever made its first channel may name
//! it. One that was named has a Matrix space, made by the connector, which keeps its name through
//! any rebuild and gathers its public channels for Matrix clients. Nothing is told of a channel
//! that the caller may not know of: not in numbers either.

mod people;
mod spaces;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::change::ChannelPatch;
use super::idempotency::Try;
use super::{Core, audit};
use crate::domain::access::Caller;
use crate::domain::access::microdaos::{is_makers, is_open_to, may_name};
use crate::domain::channel::{Channel, ChannelKind, Visibility};
use crate::domain::id::{Millis, RoomId};
use crate::domain::microdao::{self, Microdao};
use crate::domain::page::{Page, wrong_cursor};
use crate::domain::{Error, Result, text};
use crate::homeserver::{MicrodaoState, NewSpace, Setting};

pub use self::people::MicrodaoMember;

/// Of how many choices of channels it is remembered how many people are in them.
const COUNTED: u64 = 1_000;

/// The microdaos.
pub struct Microdaos {
    core: Arc<Core>,
    counted: people::Counted,
}

/// A microdao to be named.
#[derive(Clone, Debug)]
pub struct NewMicrodao {
    pub id: String,
    /// As its id when absent.
    pub name: Option<String>,
    pub description: String,
    pub visibility: Visibility,
}

/// A microdao as a caller may know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MicrodaoView {
    pub id: String,
    pub name: String,
    pub description: String,
    pub visibility: Visibility,
    /// The entity that named it, or made the first of its channels that the caller may know of.
    pub created_by: Option<String>,
    /// `None` of the city.
    pub created_at: Option<Millis>,
    /// Its Matrix space, once it was named.
    pub room: Option<RoomId>,
    /// How many channels the caller may know of.
    pub channels: u64,
    /// How many people and agents are in one of those.
    pub members: u64,
}

impl Microdaos {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            counted: people::Counted::new(COUNTED),
        }
    }

    /// A page of the microdaos that the caller may know of, by id.
    pub async fn list(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<MicrodaoView>> {
        if cursor.is_some_and(|cursor| !microdao::is_id(cursor)) {
            return Err(wrong_cursor());
        }
        let channels = self.core.visible_channels(caller).await?;
        let mut ids: Vec<String> = channels.iter().map(|it| it.microdao.clone()).collect();
        ids.push(self.core.rules.city_microdao.clone());
        let named = self.core.directory.microdaos();
        let named = named.iter().filter(|it| is_open_to(caller, it));
        ids.extend(named.map(|it| it.id.clone()));
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| cursor.is_none_or(|cursor| id.as_str() > cursor));
        let is_more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().cloned().filter(|_| is_more);
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            items.push(self.describe(&id, &channels).await?);
        }
        Ok(Page { items, next })
    }

    /// One microdao.
    pub async fn get(&self, caller: &Caller, id: &str) -> Result<MicrodaoView> {
        let channels = self.visible(caller, id).await?;
        self.describe(id, &channels).await
    }

    /// Names a microdao. Where it has channels already, only whoever made the first of them may. What
    /// an earlier try of the same request has left is the answer.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewMicrodao,
        attempt: Try,
    ) -> Result<MicrodaoView> {
        microdao::check("id", &new.id)?;
        if attempt.is_again && self.is_named_by(caller, &new.id) {
            return self.get(caller, &new.id).await;
        }
        let exists = || Error::conflict(format!("{} exists already", new.id));
        if self.is_city(&new.id)
            || self.core.directory.microdao(&new.id).is_some()
            || !self.may_name(caller, &new.id)
        {
            return Err(exists());
        }
        let id = new.id.clone();
        self.name(caller, new, attempt.is_again).await?;
        self.get(caller, &id).await
    }

    /// Changes a microdao as the caller, whose power in its space decides. One that nobody has
    /// named is named by it.
    pub async fn patch(
        &self,
        caller: &Caller,
        id: &str,
        patch: ChannelPatch,
    ) -> Result<MicrodaoView> {
        let patch = checked(patch)?;
        self.visible(caller, id).await?;
        if self.is_city(id) {
            return Err(Error::forbidden(
                "the city is called as its configuration says (city.name)",
            ));
        }
        match self.core.directory.microdao(id) {
            Some(known) => self.change(caller, &known, patch).await?,
            None if self.may_name(caller, id) => {
                let new = NewMicrodao {
                    id: id.to_owned(),
                    name: patch.name,
                    description: patch.description.unwrap_or_default(),
                    visibility: patch.visibility.unwrap_or(self.default_visibility(id)),
                };
                self.name(caller, new, false).await?;
            }
            None => {
                return Err(Error::forbidden(format!(
                    "only whoever made the first channel of {id} may name it"
                )));
            }
        }
        self.get(caller, id).await
    }

    /// Checks that there is a microdao for the caller.
    pub async fn require(&self, caller: &Caller, id: &str) -> Result<()> {
        self.visible(caller, id).await.map(drop)
    }

    /// The channels of a microdao that the caller may know of. Fails when there is no such
    /// microdao for the caller.
    async fn visible(&self, caller: &Caller, id: &str) -> Result<Vec<Arc<Channel>>> {
        let known = self.core.known_microdao(caller, id).await?;
        known.ok_or_else(|| Error::not_found(format!("no microdao {id}")))
    }

    async fn describe(&self, id: &str, channels: &[Arc<Channel>]) -> Result<MicrodaoView> {
        let channels: Vec<_> = channels.iter().filter(|it| it.microdao == id).collect();
        let members = self.count_people(&channels).await?;
        let count = channels.len() as u64;
        if let Some(named) = self.core.directory.microdao(id) {
            return Ok(MicrodaoView {
                id: named.id.clone(),
                name: named.name.clone(),
                description: named.description.clone(),
                visibility: named.visibility,
                created_by: named.created_by.clone(),
                created_at: Some(named.created_at),
                room: Some(named.room.clone()),
                channels: count,
                members,
            });
        }
        let is_city = self.is_city(id);
        let first = channels.first().filter(|_| !is_city);
        let is_public = |channel: &&Arc<Channel>| channel.visibility == Visibility::Public;
        Ok(MicrodaoView {
            id: id.to_owned(),
            name: match is_city {
                true => self.core.directory.city.city.clone(),
                false => microdao::bare(id).to_owned(),
            },
            description: String::new(),
            visibility: match is_city || channels.iter().any(is_public) {
                true => Visibility::Public,
                false => Visibility::Private,
            },
            created_by: first.and_then(|channel| channel.created_by.clone()),
            created_at: first.map(|channel| channel.created_at),
            room: None,
            channels: count,
            members,
        })
    }

    fn is_city(&self, id: &str) -> bool {
        self.core.is_city(id)
    }

    /// Whether the caller may name a microdao that nobody has named.
    fn may_name(&self, caller: &Caller, id: &str) -> bool {
        let mut channels = self.core.directory.channels().into_iter();
        let first = channels.find(|channel| channel.microdao == id);
        may_name(caller, first.as_deref())
    }

    /// What is known of it already: one whose channels are all private stays so.
    fn default_visibility(&self, id: &str) -> Visibility {
        let channels = self.core.directory.channels();
        let is_open = |channel: &Arc<Channel>| {
            channel.microdao == id && channel.visibility == Visibility::Public
        };
        match channels.iter().any(is_open) {
            true => Visibility::Public,
            false => Visibility::Private,
        }
    }

    /// Makes the space of a microdao. Of several who try at once the homeserver lets one have the
    /// alias; a space whose answer was lost is found by the next healing, or by whoever tries again: as
    /// theirs, when it `is_again` that they ask for it.
    async fn name(&self, caller: &Caller, new: NewMicrodao, is_again: bool) -> Result<()> {
        let core = &self.core;
        let name = new
            .name
            .unwrap_or_else(|| microdao::bare(&new.id).to_owned());
        let owner = core.directory.user_id(&caller.entity);
        if !core.homeserver.user_exists(&owner).await? {
            let message = format!("{} does not exist on the homeserver", caller.entity);
            return Err(Error::forbidden(message));
        }
        let space = NewSpace {
            alias: microdao::alias(&new.id, &core.directory.naming.server_name)?,
            name: text::name("name", &name)?,
            topic: text::description(&new.description)?,
            visibility: new.visibility,
            microdao: MicrodaoState {
                id: new.id.clone(),
                created_by: Some(caller.entity.to_string()),
                created_at: core.clock.now(),
            },
            owner: owner.clone(),
        };
        let room = match core.homeserver.create_space(&space).await {
            Ok(room) => room,
            Err(Error::Conflict(_)) => {
                let found = core.homeserver.resolve_alias(&space.alias).await?;
                if let Some(room) = &found {
                    core.take_up_space(room).await?;
                }
                let own = found.filter(|_| is_again && self.is_named_by(caller, &new.id));
                own.ok_or_else(|| Error::conflict(format!("{} exists already", new.id)))?
            }
            Err(error) => return Err(error),
        };
        core.bring_into_space(&room, &owner).await;
        core.take_up_space(&room).await?;
        self.record("microdao.created", &new.id, None).await
    }

    /// Whether somebody is who has named it.
    fn is_named_by(&self, caller: &Caller, id: &str) -> bool {
        let named = self.core.directory.microdao(id);
        named.is_some_and(|named| is_makers(caller, &named))
    }

    /// Keeps what was done with a microdao.
    async fn record(
        &self,
        action: &'static str,
        id: &str,
        before: Option<&Microdao>,
    ) -> Result<()> {
        let core = &self.core;
        let mut deed = audit::deed(&core.clock, action, "daarion").target(id);
        deed.before = before.map(told);
        deed.after = core.directory.microdao(id).as_deref().map(told);
        audit::record(&core.store, &core.clock, deed).await
    }

    async fn change(&self, caller: &Caller, known: &Microdao, patch: ChannelPatch) -> Result<()> {
        let core = &self.core;
        let mut settings = Vec::new();
        if let Some(name) = patch.name {
            settings.extend((name != known.name).then_some(Setting::Name(name)));
        }
        if let Some(topic) = patch.description {
            settings.extend((topic != known.description).then_some(Setting::Topic(topic)));
        }
        if let Some(visibility) = patch.visibility {
            let is_other = visibility != known.visibility;
            settings.extend(is_other.then_some(Setting::Visibility(visibility)));
        }
        let user = core.directory.user_id(&caller.entity);
        for setting in &settings {
            core.homeserver
                .set(&known.room, setting, Some(&user))
                .await?;
        }
        match settings.is_empty() {
            true => Ok(()),
            false => {
                core.take_up_space(&known.room).await?;
                self.record("microdao.updated", &known.id, Some(known))
                    .await
            }
        }
    }
}

impl Core {
    fn is_city(&self, microdao: &str) -> bool {
        self.rules.city_microdao == microdao
    }

    /// The channels of a microdao that the caller may know of; `None` when the caller may not know of
    /// the microdao.
    async fn known_microdao(&self, caller: &Caller, id: &str) -> Result<Option<Vec<Arc<Channel>>>> {
        let mut channels = self.visible_channels(caller).await?;
        channels.retain(|channel| channel.microdao == id);
        let named = self.directory.microdao(id);
        let is_known = self.is_city(id)
            || !channels.is_empty()
            || named.is_some_and(|named| is_open_to(caller, &named));
        Ok(is_known.then_some(channels))
    }

    /// Refuses a new channel in a microdao that is there and that the caller may not know of: they
    /// would come to know of it. They hear what they would of any alias that is taken.
    pub async fn require_way_in(&self, caller: &Caller, microdao: &str) -> Result<()> {
        let channels = self.directory.channels();
        let is_there = self.directory.microdao(microdao).is_some()
            || channels.iter().any(|channel| channel.microdao == microdao);
        if !is_there || self.known_microdao(caller, microdao).await?.is_some() {
            return Ok(());
        }
        self.require_replayed()?;
        Err(Error::conflict(format!("{microdao} exists already")))
    }

    /// The channels that a caller may know of and that services did not make for themselves, the
    /// oldest first.
    pub async fn visible_channels(&self, caller: &Caller) -> Result<Vec<Arc<Channel>>> {
        let user = self.directory.user_id(&caller.entity);
        let was_replaying = self.indexed.is_replaying();
        let memberships = self.store.index.memberships(&user).await?;
        let memberships: HashMap<_, _> = memberships.into_iter().collect();
        let mut visible = Vec::new();
        for channel in self.directory.channels() {
            if channel.kind == ChannelKind::Gateway || self.is_unsure_of(&channel, was_replaying) {
                continue;
            }
            let is_visible = match memberships.get(&channel.id) {
                Some(known) => caller.reaches(channel.id) && channel.is_visible_to(Some(*known)),
                // Among them is nobody who has left or is banned, which the others are asked for.
                None => channel.is_visible_to(None) && self.may_see(caller, &channel).await?,
            };
            if is_visible {
                visible.push(channel);
            }
        }
        Ok(visible)
    }
}

fn checked(patch: ChannelPatch) -> Result<ChannelPatch> {
    let name = patch.name.map(|name| text::name("name", &name));
    let description = patch.description.map(|it| text::description(&it));
    Ok(ChannelPatch {
        name: name.transpose()?,
        description: description.transpose()?,
        visibility: patch.visibility,
    })
}

/// What the audit log is told of a microdao.
fn told(microdao: &Microdao) -> Value {
    json!({
        "name": microdao.name,
        "description": microdao.description,
        "visibility": microdao.visibility.as_str(),
        "matrix_room_id": microdao.room.as_str(),
    })
}
