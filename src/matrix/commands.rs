//! What daarion asks of the homeserver, topic by topic: `users`, `rooms`, `create`,
//! `takeover`, `levels`, `messages`, `reactions`.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use ruma::api::client::account::whoami;
use ruma::api::client::appservice::request_ping;

use super::Matrix;
use super::client::Repeat;
use crate::domain::channel::Channel;
use crate::domain::event::Source;
use crate::domain::id::{EventId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::Member;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::MemberStep;
use crate::homeserver::{
    FullContent, HistoryPage, Homeserver, NewRoom, NewSpace, Outgoing, Reaction, Redaction,
    RoomSnapshot, Setting, Shut, StoredLevels, TakenIn, Traces,
};

/// How long a check of health may take: somebody is waiting for a yes or a no.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

#[async_trait]
impl Homeserver for Matrix {
    async fn check(&self) -> Result<()> {
        // Also tells whether the homeserver knows our token.
        let request = whoami::v3::Request::new();
        let answer = self.client.request(request, None, Repeat::Never);
        match tokio::time::timeout(CHECK_LIMIT, answer).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Error::unavailable("it does not answer in time")),
        }
    }

    fn was_away(&self) -> bool {
        self.client.was_away()
    }

    async fn ping(&self) -> Result<Duration> {
        let request = request_ping::v1::Request::new(self.registration_id.clone());
        let answer = self.client.request(request, None, Repeat::Safe).await?;
        Ok(answer.duration)
    }

    async fn register_connector(&self) -> Result<()> {
        self.register(&self.directory.naming.connector()).await
    }

    async fn register_agent(&self, user: &UserId) -> Result<()> {
        self.register(user).await
    }

    async fn set_display_name(&self, user: &UserId, name: &str) -> Result<()> {
        self.set_user_name(user, name).await
    }

    async fn set_avatar(&self, user: &UserId, url: &str) -> Result<()> {
        self.put_avatar(user, url).await
    }

    async fn deactivate(&self, user: &UserId, traces: Traces) -> Result<()> {
        self.close_account(user, traces).await
    }

    async fn user_exists(&self, user: &UserId) -> Result<bool> {
        Ok(self.is_registered(user).await? && self.shut(user).await? != Some(Shut::Closed))
    }

    async fn shut(&self, user: &UserId) -> Result<Option<Shut>> {
        self.shut_state(user).await
    }

    async fn display_name(&self, user: &UserId) -> Result<Option<String>> {
        self.name_of_user(user).await
    }

    async fn check_password(
        &self,
        user: &UserId,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Option<UserId>> {
        self.try_password(user, password, from).await
    }

    async fn presence(&self, user: &UserId) -> Result<bool> {
        self.is_online(user).await
    }

    async fn create_room(&self, room: &NewRoom) -> Result<RoomId> {
        self.make_room(room).await
    }

    async fn create_space(&self, space: &NewSpace) -> Result<RoomId> {
        self.make_space(space).await
    }

    async fn resolve_alias(&self, alias: &RoomAlias) -> Result<Option<RoomId>> {
        self.find_alias(alias).await
    }

    async fn set_alias(&self, alias: &RoomAlias, room: &RoomId) -> Result<()> {
        self.put_alias(alias, room).await
    }

    async fn remove_alias(&self, alias: &RoomAlias) -> Result<()> {
        self.delete_alias(alias).await
    }

    async fn joined_rooms(&self) -> Result<Vec<RoomId>> {
        self.list_joined_rooms(None).await
    }

    async fn rooms_of(&self, user: &UserId) -> Result<Vec<RoomId>> {
        self.list_joined_rooms(Some(user)).await
    }

    async fn room(&self, room: &RoomId) -> Result<Option<RoomSnapshot>> {
        self.read_room(room).await
    }

    async fn room_as(&self, room: &RoomId, user: &UserId) -> Result<Option<RoomSnapshot>> {
        self.read_room_as(room, user).await
    }

    async fn successor(&self, room: &RoomId) -> Result<Option<RoomId>> {
        self.read_successor(room).await
    }

    async fn take_over(&self, room: &RoomId, helper: Option<&UserId>) -> Result<()> {
        self.enter_and_rise(room, helper).await
    }

    async fn history(
        &self,
        channel: &Channel,
        from: Option<&str>,
        limit: usize,
        source: Source,
    ) -> Result<HistoryPage> {
        self.read_history(channel, from, limit, source).await
    }

    async fn join(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()> {
        self.join_room(room, as_user).await
    }

    async fn invite(&self, room: &RoomId, user: &UserId, as_user: Option<&UserId>) -> Result<()> {
        self.invite_to_room(room, user, as_user).await
    }

    async fn leave(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()> {
        self.leave_room(room, as_user).await
    }

    async fn change_membership(&self, step: &MemberStep) -> Result<()> {
        self.take_step(step).await
    }

    async fn member(&self, room: &RoomId, user: &UserId) -> Result<Option<(EventId, Member)>> {
        self.read_member(room, user).await
    }

    async fn set_level(
        &self,
        room: &RoomId,
        user: &UserId,
        from: Option<i64>,
        level: Option<i64>,
        as_user: Option<&UserId>,
    ) -> Result<Option<StoredLevels>> {
        self.put_level(room, (user, from, level), as_user).await
    }

    async fn send(&self, message: &Outgoing) -> Result<EventId> {
        self.send_message(message).await
    }

    async fn set(
        &self,
        room: &RoomId,
        setting: &Setting,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        self.set_setting(room, setting, as_user).await
    }

    async fn react(&self, reaction: &Reaction) -> Result<EventId> {
        self.send_reaction(reaction).await
    }

    async fn find_reaction(&self, reaction: &Reaction) -> Result<Option<EventId>> {
        self.look_for_reaction(reaction).await
    }

    async fn redact(&self, redaction: &Redaction) -> Result<EventId> {
        self.send_redaction(redaction).await
    }

    async fn pins(&self, room: &RoomId) -> Result<Vec<EventId>> {
        self.read_pins(room).await
    }

    async fn sent_at(&self, room: &RoomId, event: &EventId) -> Result<Option<Millis>> {
        self.read_time(room, event).await
    }

    async fn taken_in(&self, room: &RoomId, event: &EventId) -> Result<Option<TakenIn>> {
        self.read_taken_in(room, event).await
    }

    async fn content(&self, room: &RoomId, event: &EventId) -> Result<Option<FullContent>> {
        self.read_content(room, event).await
    }
}
