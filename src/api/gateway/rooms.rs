//! Rooms of the gateway.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::{SENDER, actor};
use crate::api::auth::Service;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::schema::gateway::{
    EventRef, MatrixRoom, NewMatrixRoom, NewMatrixRoomAvatar, NewMatrixRoomName,
    NewMatrixRoomTopic, RoomCreated,
};
use crate::api::{Services, Tag};

/// The operations.
pub struct RoomsApi(pub Services);

#[OpenApi(prefix_path = "/internal/matrix", tag = "Tag::Gateway")]
impl RoomsApi {
    /// Create a Matrix room
    ///
    /// The connector makes it and stays in it. It is a channel of kind `gateway`: its events are
    /// kept, healed and told to webhooks. Needs the scope `gateway:rooms`, and a service that may
    /// work in every room. 400 with the homeserver's code when it refuses, `M_ROOM_IN_USE` when
    /// the alias is taken. 503 says that it may have been made: repeat it with the same
    /// `Idempotency-Key`, or look the alias up.
    #[oai(
        path = "/create-room",
        method = "post",
        operation_id = "createGatewayRoom"
    )]
    async fn create(
        &self,
        service: Service,
        /// A name of this creation, 1 to 128 visible ASCII characters. Asked for again with the
        /// same key within 24 hours, the answer is the first one, and the room is made once also
        /// when that answer was lost; for a minute after a loss it may be 503 with `Retry-After`,
        /// while it is not settled whether there is one. 409 when the key was another request's,
        /// and while the first is worked on.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewMatrixRoom>,
    ) -> Result<Json<RoomCreated>, Failure> {
        let new = body.0.with_key(key.0);
        let created = self.0.gateway.create_room(&service.0, new).await?;
        Ok(Json(created.into()))
    }

    /// Get a Matrix room
    ///
    /// As its state shows it to the connector. Needs the scope `gateway:read`. 403 when the
    /// connector is not in the room: let somebody invite it, then let it join. 404 when no room
    /// has the alias.
    #[oai(
        path = "/rooms/:room_id",
        method = "get",
        operation_id = "getGatewayRoom"
    )]
    async fn get(
        &self,
        service: Service,
        /// `!opaque` with or without a server part, or `#localpart:server`, percent-encoded.
        room_id: Path<String>,
    ) -> Result<Json<MatrixRoom>, Failure> {
        let room = self.0.gateway.details(&service.0, &room_id.0).await?;
        Ok(Json(room.into()))
    }

    /// Name a Matrix room
    ///
    /// Needs the scope `gateway:rooms`. 403 when whoever sets it has not the power in the room.
    #[oai(
        path = "/rooms/:room_id/name",
        method = "put",
        operation_id = "setGatewayRoomName"
    )]
    async fn set_name(
        &self,
        service: Service,
        /// `!opaque` with or without a server part, or `#localpart:server`, percent-encoded.
        room_id: Path<String>,
        body: Body<NewMatrixRoomName>,
    ) -> Result<Json<EventRef>, Failure> {
        let new = body.0;
        let by = actor(SENDER, new.sender, new.sender_matrix_id);
        let gateway = &self.0.gateway;
        let set = gateway.set_room_name(&service.0, &room_id.0, new.name, &by);
        let event_id = set.await?.to_string();
        Ok(Json(EventRef { event_id }))
    }

    /// Say what a Matrix room is about
    ///
    /// Needs the scope `gateway:rooms`. 403 when whoever sets it has not the power in the room.
    #[oai(
        path = "/rooms/:room_id/topic",
        method = "put",
        operation_id = "setGatewayRoomTopic"
    )]
    async fn set_topic(
        &self,
        service: Service,
        /// `!opaque` with or without a server part, or `#localpart:server`, percent-encoded.
        room_id: Path<String>,
        body: Body<NewMatrixRoomTopic>,
    ) -> Result<Json<EventRef>, Failure> {
        let new = body.0;
        let by = actor(SENDER, new.sender, new.sender_matrix_id);
        let gateway = &self.0.gateway;
        let set = gateway.set_room_topic(&service.0, &room_id.0, new.topic, &by);
        let event_id = set.await?.to_string();
        Ok(Json(EventRef { event_id }))
    }

    /// Give a Matrix room a picture
    ///
    /// Needs the scope `gateway:rooms`. 403 when whoever sets it has not the power in the room.
    #[oai(
        path = "/rooms/:room_id/avatar",
        method = "put",
        operation_id = "setGatewayRoomAvatar"
    )]
    async fn set_avatar(
        &self,
        service: Service,
        /// `!opaque` with or without a server part, or `#localpart:server`, percent-encoded.
        room_id: Path<String>,
        body: Body<NewMatrixRoomAvatar>,
    ) -> Result<Json<EventRef>, Failure> {
        let new = body.0;
        let by = actor(SENDER, new.sender, new.sender_matrix_id);
        let gateway = &self.0.gateway;
        let set = gateway.set_room_avatar(&service.0, &room_id.0, &new.avatar_url, &by);
        let event_id = set.await?.to_string();
        Ok(Json(EventRef { event_id }))
    }
}
