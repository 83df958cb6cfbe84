//! City rooms (`/api/city`).

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::auth::Person;
use super::body::Body;
use super::error::BridgeFailure;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::{City, CityRoom, CityRoomPatch, NewCityRoom, Visibility};
use super::{Services, Tag};
use crate::domain::channel::ChannelStatus;
use crate::service::city;

/// The operations.
pub struct CityApi(pub Services);

/// A room was made.
#[derive(ApiResponse)]
pub enum CreatedRoom {
    /// The room, with its Matrix room.
    #[oai(status = 201)]
    Created(Rendered<CityRoom>),
}

#[OpenApi(prefix_path = "/api/city", tag = "Tag::City")]
impl CityApi {
    /// Get the city
    ///
    /// For everybody: the sign-in page is to say where it leads.
    #[oai(path = "/", method = "get", operation_id = "getCity")]
    async fn about(&self) -> Json<City> {
        let about = self.0.city.about();
        Json(City {
            name: about.name.to_owned(),
            server_name: about.server_name.to_owned(),
            room_prefix: about.room_prefix.to_owned(),
            create: about.create.into(),
            create_agents: about.create_agents.into(),
        })
    }

    /// List the city's rooms
    ///
    /// The default room first, then by name; private rooms only for their members. Archived
    /// rooms are among them, with their `status`.
    #[oai(path = "/rooms", method = "get", operation_id = "listCityRooms")]
    async fn list(&self, person: Person) -> Result<Json<Vec<CityRoom>>, BridgeFailure> {
        let rooms = self.0.city.list(&person.0).await?;
        Ok(Json(rooms.into_iter().map(Into::into).collect()))
    }

    /// Create a city room
    ///
    /// Makes the Matrix room `#city_<slug>:<server>` named `<city name> — <name>`; the caller
    /// becomes its owner with power level 100. Fails whole: after an error there is no room.
    /// 409 when the slug is taken; 503 when the homeserver is not there.
    #[oai(path = "/rooms", method = "post", operation_id = "createCityRoom")]
    async fn create(
        &self,
        person: Person,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewCityRoom>,
    ) -> Result<CreatedRoom, BridgeFailure> {
        let (caller, new) = (&person.0, body.0);
        let once = self.0.once(&caller.entity, "createCityRoom", key, &new);
        let new = city::NewCityRoom {
            slug: new.slug,
            name: new.name,
            description: new.description,
            private: new.visibility == Some(Visibility::Private),
            is_default: new.is_default,
        };
        let made = once.answer(async |attempt| {
            let room = self.0.city.create(caller, new, attempt.id.into());
            Ok(room.await?.into())
        });
        Ok(CreatedRoom::Created(made.await?))
    }

    /// Get a city room
    ///
    /// 404 when there is none, or none that the caller may know of.
    #[oai(path = "/rooms/:slug", method = "get", operation_id = "getCityRoom")]
    async fn get(
        &self,
        person: Person,
        /// The room's slug, e.g. `general`.
        slug: Path<String>,
    ) -> Result<Json<CityRoom>, BridgeFailure> {
        Ok(Json(self.0.city.get(&person.0, &slug.0).await?.into()))
    }

    /// Change a city room
    ///
    /// Name and description are set in Matrix as the caller, whose power level there decides
    /// (50 by default). The default room is changed by an owner (power level 100). An archived
    /// room is not changed: 409. A refusal changes nothing, unless the room asks for more power
    /// for its description than for its name: then the name is set before Matrix refuses.
    #[oai(
        path = "/rooms/:slug",
        method = "patch",
        operation_id = "updateCityRoom"
    )]
    async fn patch(
        &self,
        person: Person,
        /// The room's slug.
        slug: Path<String>,
        body: Body<CityRoomPatch>,
    ) -> Result<Json<CityRoom>, BridgeFailure> {
        let patch = city::CityRoomPatch {
            name: body.0.name,
            description: body.0.description,
            is_default: body.0.is_default,
        };
        let room = self.0.city.patch(&person.0, &slug.0, patch).await?;
        Ok(Json(room.into()))
    }

    /// Archive a city room
    ///
    /// It stays readable here and in Matrix; daarion sends nothing there any more. By an owner
    /// (power level 100). Archiving an archived room changes nothing.
    #[oai(
        path = "/rooms/:slug/archive",
        method = "post",
        operation_id = "archiveCityRoom"
    )]
    async fn archive(
        &self,
        person: Person,
        /// The room's slug.
        slug: Path<String>,
    ) -> Result<Json<CityRoom>, BridgeFailure> {
        let status = ChannelStatus::Archived;
        let room = self.0.city.set_status(&person.0, &slug.0, status).await?;
        Ok(Json(room.into()))
    }

    /// Take an archived city room back into use
    ///
    /// By an owner (power level 100); 403 for others. 503 when the homeserver is not there.
    #[oai(
        path = "/rooms/:slug/unarchive",
        method = "post",
        operation_id = "unarchiveCityRoom"
    )]
    async fn unarchive(
        &self,
        person: Person,
        /// The room's slug.
        slug: Path<String>,
    ) -> Result<Json<CityRoom>, BridgeFailure> {
        let status = ChannelStatus::Active;
        let room = self.0.city.set_status(&person.0, &slug.0, status).await?;
        Ok(Json(room.into()))
    }
}
