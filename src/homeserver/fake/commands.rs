//! The fake homeserver's side of the trait.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::members::OWNER;
use super::room::{Deed, MODERATOR, Room, Said, refused};
use super::{Call, Fake, User, World};
use crate::domain::channel::Channel;
use crate::domain::event::Source;
use crate::domain::id::{EventId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::Media;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::MemberStep;
use crate::homeserver::{
    FullContent, HistoryPage, Homeserver, NewRoom, NewSpace, Outgoing, Reaction, Redaction,
    RoomSnapshot, Setting, Shut, StoredLevels, TakenIn, Traces,
};

/// What the connector's rooms ask of those who would mark them.
const CREATOR_ONLY: i64 = 150;

impl Fake {
    /// Counts a call, and fails it when it is to fail.
    pub(super) fn begin(&self, call: Call) -> Result<std::sync::MutexGuard<'_, World>> {
        let mut world = self.world();
        *world.calls.entry(call).or_default() += 1;
        if world.is_down {
            world.was_away = true;
            return Err(Error::unavailable("the fake homeserver is down"));
        }
        match world.failures.get_mut(&call) {
            Some(waiting) if !waiting.is_empty() => Err(waiting.remove(0)),
            _ => Ok(world),
        }
    }
}

#[async_trait]
impl Homeserver for Fake {
    async fn check(&self) -> Result<()> {
        self.begin(Call::Check).map(drop)
    }

    fn was_away(&self) -> bool {
        std::mem::take(&mut self.world().was_away)
    }

    async fn ping(&self) -> Result<Duration> {
        self.begin(Call::Ping).map(|_| Duration::from_millis(1))
    }

    async fn register_connector(&self) -> Result<()> {
        self.register_agent(&self.connector()).await
    }

    async fn register_agent(&self, user: &UserId) -> Result<()> {
        let mut world = self.begin(Call::Register)?;
        world.users.entry(user.clone()).or_default();
        Ok(())
    }

    async fn set_display_name(&self, user: &UserId, name: &str) -> Result<()> {
        let mut world = self.begin(Call::SetDisplayName)?;
        world.know(user)?;
        let User { display_name, .. } = world.users.entry(user.clone()).or_default();
        *display_name = Some(name.to_owned());
        let rooms: Vec<RoomId> = world.rooms.keys().cloned().collect();
        for room in rooms {
            if world.room(&room)?.is_joined(user) {
                let joined = Membership::Joined;
                self.change_membership(&mut world, &room, user, joined, user)?;
            }
        }
        Ok(())
    }

    async fn set_avatar(&self, user: &UserId, url: &str) -> Result<()> {
        let mut world = self.begin(Call::SetAvatar)?;
        world.know(user)?;
        let User { avatar_url, .. } = world.users.entry(user.clone()).or_default();
        *avatar_url = Some(url.to_owned()).filter(|url| !url.is_empty());
        Ok(())
    }

    async fn deactivate(&self, user: &UserId, _traces: Traces) -> Result<()> {
        let mut world = self.begin(Call::Deactivate)?;
        world.know(user)?;
        let rooms: Vec<RoomId> = world.rooms.keys().cloned().collect();
        for room in rooms {
            if world.room(&room)?.is_joined(user) {
                let left = Membership::Left;
                self.change_membership(&mut world, &room, user, left, user)?;
            }
        }
        world.users.remove(user);
        world.shut.insert(user.clone(), Shut::Closed);
        Ok(())
    }

    async fn user_exists(&self, user: &UserId) -> Result<bool> {
        let world = self.begin(Call::UserExists)?;
        Ok(world.users.contains_key(user))
    }

    async fn shut(&self, user: &UserId) -> Result<Option<Shut>> {
        let world = self.begin(Call::Shut)?;
        Ok(world.shut.get(user).copied())
    }

    async fn display_name(&self, user: &UserId) -> Result<Option<String>> {
        let world = self.begin(Call::DisplayName)?;
        let user = world.users.get(user);
        Ok(user.and_then(|user| user.display_name.clone()))
    }

    async fn check_password(
        &self,
        user: &UserId,
        password: &str,
        _from: Option<IpAddr>,
    ) -> Result<Option<UserId>> {
        let world = self.begin(Call::CheckPassword)?;
        let known = world.users.get(user);
        let is_right = known.is_some_and(|known| known.password.as_deref() == Some(password));
        Ok(is_right.then(|| user.clone()))
    }

    async fn presence(&self, user: &UserId) -> Result<bool> {
        let world = self.begin(Call::Presence)?;
        Ok(world.users.get(user).is_some_and(|user| user.is_online))
    }

    async fn create_room(&self, new: &NewRoom) -> Result<RoomId> {
        let (connector, now) = (self.connector(), self.clock.now());
        let mut world = self.begin(Call::CreateRoom)?;
        world.take_alias(&new.alias)?;
        let owner = new.owner.as_ref().filter(|owner| **owner != connector);
        let id = world.new_room_id();
        let mut room = Room::new(&connector, new.channel.visibility, now);
        room.marking = CREATOR_ONLY;
        room.powers
            .extend(owner.map(|owner| (owner.clone(), OWNER)));
        let joined = self.member(&world, &connector, Membership::Joined, &connector);
        let mut deeds = vec![
            Deed::Created,
            Deed::Member(joined),
            Deed::Levels(room.levels()),
            Deed::Alias(new.alias.clone()),
            Deed::Visibility(new.channel.visibility),
            Deed::Channel(new.channel.clone()),
            Deed::Name(new.name.clone()),
        ];
        if !new.topic.is_empty() {
            deeds.push(Deed::Topic(new.topic.clone()));
        }
        if new.channel.confidential {
            deeds.push(Deed::Encrypted);
        }
        for deed in deeds {
            world.record_into(&mut room, deed, &connector, now);
        }
        world.rooms.insert(id.clone(), room);
        world.aliases.insert(new.alias.clone(), id.clone());
        match world.creation_failure.take() {
            Some(error) => Err(error),
            None => Ok(id),
        }
    }

    async fn create_space(&self, new: &NewSpace) -> Result<RoomId> {
        let (connector, now) = (self.connector(), self.clock.now());
        let mut world = self.begin(Call::CreateSpace)?;
        world.take_alias(&new.alias)?;
        let id = world.new_room_id();
        let mut room = Room::new(&connector, new.visibility, now);
        room.powers.insert(new.owner.clone(), OWNER);
        let joined = self.member(&world, &connector, Membership::Joined, &connector);
        let deeds = [
            Deed::Created,
            Deed::Member(joined),
            Deed::Alias(new.alias.clone()),
            Deed::Microdao(new.microdao.clone()),
            Deed::Name(new.name.clone()),
            Deed::Topic(new.topic.clone()),
        ];
        for deed in deeds {
            world.record_into(&mut room, deed, &connector, now);
        }
        world.rooms.insert(id.clone(), room);
        world.aliases.insert(new.alias.clone(), id.clone());
        world.answer(Call::CreateSpace, id)
    }

    async fn resolve_alias(&self, alias: &RoomAlias) -> Result<Option<RoomId>> {
        let world = self.begin(Call::ResolveAlias)?;
        Ok(world.aliases.get(alias).cloned())
    }

    async fn set_alias(&self, alias: &RoomAlias, room: &RoomId) -> Result<()> {
        // Others come first, as they may while a homeserver is asked.
        tokio::task::yield_now().await;
        let mut world = self.begin(Call::SetAlias)?;
        if world.aliases.get(alias) == Some(room) {
            return Ok(());
        }
        world.take_alias(alias)?;
        world.aliases.insert(alias.clone(), room.clone());
        Ok(())
    }

    async fn remove_alias(&self, alias: &RoomAlias) -> Result<()> {
        self.begin(Call::RemoveAlias)?.aliases.remove(alias);
        Ok(())
    }

    async fn joined_rooms(&self) -> Result<Vec<RoomId>> {
        self.rooms_of(&self.connector()).await
    }

    async fn rooms_of(&self, user: &UserId) -> Result<Vec<RoomId>> {
        let world = self.begin(Call::JoinedRooms)?;
        let joined = world.rooms.iter().filter(|(_, room)| room.is_joined(user));
        let mut ids: Vec<RoomId> = joined.map(|(id, _)| id.clone()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    async fn room(&self, id: &RoomId) -> Result<Option<RoomSnapshot>> {
        let connector = self.connector();
        let world = self.begin(Call::Room)?;
        let room = world
            .rooms
            .get(id)
            .filter(|room| room.is_joined(&connector));
        Ok(room.map(|room| room.snapshot(id)))
    }

    async fn room_as(&self, id: &RoomId, user: &UserId) -> Result<Option<RoomSnapshot>> {
        let world = self.begin(Call::Room)?;
        let room = world.rooms.get(id).filter(|room| room.is_joined(user));
        Ok(room.map(|room| room.snapshot(id)))
    }

    async fn successor(&self, id: &RoomId) -> Result<Option<RoomId>> {
        let mut world = self.begin(Call::Successor)?;
        let tombstone = world.room(id)?.tombstone.as_ref();
        Ok(tombstone.map(|tombstone| tombstone.successor.clone()))
    }

    async fn take_over(&self, id: &RoomId, helper: Option<&UserId>) -> Result<()> {
        let mut world = self.begin(Call::TakeOver)?;
        self.enter_and_rise(&mut world, id, helper)
    }

    async fn history(
        &self,
        channel: &Channel,
        from: Option<&str>,
        limit: usize,
        source: Source,
    ) -> Result<HistoryPage> {
        self.begin(Call::History)?
            .room(&channel.room)?
            .expect_joined(&self.connector())?;
        if self.world().stuck.contains(&channel.room) {
            std::future::pending::<()>().await;
        }
        let all = self.history_of(channel, source)?;
        let end = match from {
            Some(token) => token
                .parse()
                .map_err(|_| refused(400, "M_INVALID_PARAM", "no such token"))?,
            None => all.len(),
        };
        let end = end.min(all.len());
        let begin = end.saturating_sub(limit.max(1));
        let page = all.into_iter().skip(begin).take(end - begin);
        let mut events: Vec<_> = page.map(|(id, mapped)| (Some(id), mapped)).collect();
        events.reverse();
        Ok(HistoryPage {
            events,
            next: (begin > 0).then(|| begin.to_string()),
        })
    }

    async fn join(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()> {
        let mut world = self.begin(Call::Join)?;
        let user = self.actor(&world, as_user)?;
        self.enter(&mut world, room, &user)
    }

    async fn invite(&self, room: &RoomId, user: &UserId, as_user: Option<&UserId>) -> Result<()> {
        let mut world = self.begin(Call::Invite)?;
        let by = self.actor(&world, as_user)?;
        let entered = world.room(room)?;
        entered.expect_joined(&by)?;
        if entered.is_joined(user) {
            let words = format!("{user} is already in the room.");
            return Err(refused(403, "M_FORBIDDEN", &words));
        }
        self.change_membership(&mut world, room, user, Membership::Invited, &by)
    }

    async fn leave(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()> {
        let mut world = self.begin(Call::Leave)?;
        let user = self.actor(&world, as_user)?;
        match world.room(room)?.membership(&user) {
            Some(Membership::Joined | Membership::Invited) => {
                self.change_membership(&mut world, room, &user, Membership::Left, &user)
            }
            _ => Ok(()),
        }
    }

    async fn change_membership(&self, step: &MemberStep) -> Result<()> {
        let mut world = self.begin(Call::ChangeMembership)?;
        self.take_step(&mut world, step)
    }

    async fn member(&self, room: &RoomId, user: &UserId) -> Result<Option<(EventId, Member)>> {
        let mut world = self.begin(Call::Member)?;
        Ok(world.room(room)?.members.get(user).cloned())
    }

    async fn set_level(
        &self,
        room: &RoomId,
        user: &UserId,
        from: Option<i64>,
        level: Option<i64>,
        as_user: Option<&UserId>,
    ) -> Result<Option<StoredLevels>> {
        let mut world = self.begin(Call::SetLevel)?;
        let by = self.actor(&world, as_user)?;
        let changed = self.change_level(&mut world, room, (user, from, level), &by)?;
        world.answer(Call::SetLevel, changed)
    }

    async fn send(&self, message: &Outgoing) -> Result<EventId> {
        let mut world = self.begin(Call::Send)?;
        world.know(&message.sender)?;
        let room = world.room(&message.room)?;
        room.expect_power(&message.sender, 0)?;
        if let Some(sent) = room.transactions.get(&message.transaction) {
            return Ok(sent.clone());
        }
        let media = message.file.as_ref().map(|file| Media {
            url: Some(file.url.clone()),
            mimetype: file.mimetype.clone(),
            size: file.size,
        });
        let text = match &message.file {
            Some(file) if message.text.is_empty() => file.name.clone(),
            _ => message.text.clone(),
        };
        let deed = Deed::Said(Box::new(Said {
            text,
            kind: Some(message.kind.clone()),
            media,
            reply_to: message.reply_to.clone(),
            thread: message.thread.clone(),
            mentions: message.mentions.clone(),
            edit: message.edit.as_ref().map(|edit| edit.of.clone()),
            sending: message.sending,
        }));
        let event = world.record(&message.room, deed, &message.sender, message.at)?;
        let room = world.room(&message.room)?;
        let transaction = message.transaction.clone();
        room.transactions.insert(transaction, event.clone());
        match std::mem::take(&mut world.is_send_cut) {
            true => Err(Error::unavailable("the answer was lost")),
            false => Ok(event),
        }
    }

    async fn react(&self, reaction: &Reaction) -> Result<EventId> {
        self.give_reaction(reaction)
    }

    async fn find_reaction(&self, reaction: &Reaction) -> Result<Option<EventId>> {
        self.given_reaction(reaction)
    }

    async fn redact(&self, redaction: &Redaction) -> Result<EventId> {
        self.take_back(redaction)
    }

    async fn pins(&self, room: &RoomId) -> Result<Vec<EventId>> {
        let mut world = self.begin(Call::Pins)?;
        let pins = world.room(room)?.pins.as_ref();
        Ok(pins.map_or_else(Vec::new, |pins| pins.pinned.clone()))
    }

    async fn set(
        &self,
        room: &RoomId,
        setting: &Setting,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let now = self.clock.now();
        let mut world = self.begin(Call::Set)?;
        let user = self.actor(&world, as_user)?;
        let marking = world.room(room)?.marking;
        let (deed, needed) = match setting.clone() {
            Setting::Name(name) => (Deed::Name(name), MODERATOR),
            Setting::Topic(topic) => (Deed::Topic(topic), MODERATOR),
            Setting::CanonicalAlias(alias) => (Deed::Alias(alias), MODERATOR),
            Setting::Channel(state) => (Deed::Channel(state), marking),
            Setting::Child { room, is_child } => (Deed::Child(room, is_child), OWNER),
            Setting::Visibility(visibility) => (Deed::Visibility(visibility), MODERATOR),
            Setting::Pins(pinned) => (Deed::Pins(pinned), MODERATOR),
            Setting::Knocks(accepted) => (Deed::Knocks(accepted), MODERATOR),
        };
        world.room(room)?.expect_power(&user, needed)?;
        let event = world.record(room, deed, &user, now)?;
        world.answer(Call::Set, event)
    }

    async fn sent_at(&self, room: &RoomId, event: &EventId) -> Result<Option<Millis>> {
        let mut world = self.begin(Call::SentAt)?;
        let room = world.room(room)?;
        let found = room.events.iter().find(|one| one.id == *event);
        Ok(found.map(|event| event.at))
    }

    async fn taken_in(&self, room: &RoomId, event: &EventId) -> Result<Option<TakenIn>> {
        let mut world = self.begin(Call::SentAt)?;
        let room = world.room(room)?;
        let found = room.events.iter().find(|one| one.id == *event);
        Ok(found.map(|event| TakenIn {
            at: event.at,
            sending: match &event.deed {
                Deed::Said(said) => said.sending,
                _ => None,
            },
        }))
    }

    async fn content(&self, room: &RoomId, event: &EventId) -> Result<Option<FullContent>> {
        let mut world = self.begin(Call::Content)?;
        let room = world.room(room)?;
        if room.redacted.contains(event) || room.encrypted {
            return Ok(None);
        }
        let found = room.events.iter().find(|one| one.id == *event);
        Ok(found.and_then(|event| match &event.deed {
            Deed::Said(said) => Some(FullContent {
                body: said.text.clone(),
                formatted_body: None,
            }),
            _ => None,
        }))
    }
}
