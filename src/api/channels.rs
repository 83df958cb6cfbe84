//! Channels (`/api/messaging/channels`).

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::schema::{Channel, ChannelKind, ChannelPage, ChannelStatus, NewChannel, Visibility};
use super::{Services, Tag};
use crate::domain::channel;
use crate::domain::id::ChannelId;
use crate::domain::page;
use crate::service::channels::{self, ChannelFilter};

/// The operations.
pub struct ChannelsApi(pub Services);

/// A channel was made.
#[derive(ApiResponse)]
pub enum CreatedChannel {
    /// The channel, with its Matrix room.
    #[oai(status = 201)]
    Created(Json<Channel>),
}

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl ChannelsApi {
    /// List channels
    ///
    /// The channels that the caller may know of, city rooms among them, the oldest first: public
    /// ones, unless the caller is banned there, and private ones that the caller has joined or is
    /// invited to. Rooms that services had made by the gateway are listed with `kind=gateway`
    /// alone.
    #[oai(path = "/", method = "get", operation_id = "listChannels")]
    #[expect(
        clippy::too_many_arguments,
        reason = "one argument a query parameter is how poem-openapi reads them"
    )]
    async fn list(
        &self,
        person: Person,
        /// Only of this kind.
        kind: Query<Option<ChannelKind>>,
        /// Only of this microdao, `microdao:<name>`.
        microdao_id: Query<Option<String>>,
        /// Only with this visibility.
        visibility: Query<Option<Visibility>>,
        /// Only with this status.
        status: Query<Option<ChannelStatus>>,
        /// Only those that the caller has joined.
        joined: Query<Option<bool>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ChannelPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let filter = ChannelFilter {
            kind: kind.0.map(Into::into),
            microdao: microdao_id.0,
            visibility: visibility.0.map(Into::into),
            status: status.0.map(Into::into),
            joined: joined.0.unwrap_or(false),
        };
        let cursor = cursor.0.as_deref();
        let channels = &self.0.channels;
        let page = channels.list(&person.0, &filter, cursor, limit).await?;
        Ok(Json(ChannelPage {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }))
    }

    /// Create a channel
    ///
    /// Makes the Matrix room `#<slug>-<microdao>:<server>`; the caller becomes its owner with
    /// power level 100. Fails whole: after an error there is no channel. 400 names a `slug` that
    /// begins as the aliases of city rooms do (`city_`); 409 when the alias is taken; 503 when the
    /// homeserver is not there.
    #[oai(path = "/", method = "post", operation_id = "createChannel")]
    async fn create(
        &self,
        person: Person,
        body: Body<NewChannel>,
    ) -> Result<CreatedChannel, Failure> {
        let new = body.0;
        let visibility = new.visibility.map(Into::into);
        let new = channels::NewChannel {
            slug: new.slug,
            name: new.name,
            description: new.description,
            microdao: new.microdao_id,
            visibility: visibility.unwrap_or(channel::Visibility::Public),
            confidential: new.confidential,
        };
        let view = self.0.channels.create(&person.0, new).await?;
        Ok(CreatedChannel::Created(Json(view.into())))
    }

    /// Get a channel
    ///
    /// 404 when there is none, or none that the caller may know of: a private one is for those who
    /// have joined or are invited, and none is for whoever is banned from it.
    #[oai(path = "/:channel_id", method = "get", operation_id = "getChannel")]
    async fn get(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<Channel>, Failure> {
        let id = ChannelId(channel_id.0);
        Ok(Json(self.0.channels.get(&person.0, id).await?.into()))
    }
}
