//! What the gateway asks of the homeserver, topic by topic: `create`, `rooms`, `messages`,
//! `membership`, `users`, `people`.

mod create;
mod membership;
mod messages;
mod people;
mod rooms;
mod users;

pub use people::Unfinished;

use async_trait::async_trait;

use super::Matrix;
use crate::domain::Result;
use crate::domain::id::{EventId, RoomAlias, RoomId, UserId};
use crate::homeserver::gateway::{
    Device, Draft, Gateway, Located, NewMatrixRoom, NewPerson, RoomDetails, Standing,
};

#[async_trait]
impl Gateway for Matrix {
    async fn create_matrix_room(&self, room: &NewMatrixRoom) -> Result<RoomId> {
        self.make_matrix_room(room).await
    }

    async fn is_listed(&self, room: &RoomId) -> Result<bool> {
        self.read_listing(room).await
    }

    async fn details(&self, room: &RoomId) -> Result<RoomDetails> {
        self.read_details(room).await
    }

    async fn set_room_avatar(
        &self,
        room: &RoomId,
        url: &str,
        acting: Option<&UserId>,
    ) -> Result<EventId> {
        self.put_room_avatar(room, url, acting).await
    }

    async fn send_draft(&self, draft: &Draft) -> Result<EventId> {
        self.send_content(draft).await
    }

    async fn standing(
        &self,
        room: &RoomId,
        user: &UserId,
        acting: Option<&UserId>,
    ) -> Result<Standing> {
        self.read_standing(room, user, acting).await
    }

    async fn locate(&self, alias: &RoomAlias) -> Result<Option<Located>> {
        self.locate_alias(alias).await
    }

    async fn is_encrypted(&self, room: &RoomId, acting: Option<&UserId>) -> Result<bool> {
        self.read_encryption(room, acting).await
    }

    async fn register_person(&self, person: &NewPerson) -> Result<()> {
        self.add_person(person).await
    }

    async fn sign_in(&self, user: &UserId, password: &str) -> Result<Option<Device>> {
        self.log_in(user, password).await
    }

    async fn sign_in_agent(&self, user: &UserId) -> Result<Option<Device>> {
        self.log_in_agent(user).await
    }
}
