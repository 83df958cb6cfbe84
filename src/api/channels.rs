//! Channels (`/api/messaging/channels`).

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::{
    Channel, ChannelKind, ChannelPage, ChannelPatch, ChannelStatus, NewAdoption, NewChannel,
    Visibility,
};
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
    Created(Rendered<Channel>),
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
    /// begins as the aliases of city rooms do (`city_`); 409 when the alias is taken, and when the
    /// microdao is there and the caller may not know of it; 503 when the homeserver is not there.
    ///
    /// Names are taken for everybody, as the homeserver takes its aliases: 409 says that one is, and not
    /// by what.
    #[oai(path = "/", method = "post", operation_id = "createChannel")]
    async fn create(
        &self,
        person: Person,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewChannel>,
    ) -> Result<CreatedChannel, Failure> {
        let (caller, new) = (&person.0, body.0);
        let once = self.0.once(&caller.entity, "createChannel", key, &new);
        let visibility = new.visibility.map(Into::into);
        let new = channels::NewChannel {
            slug: new.slug,
            name: new.name,
            description: new.description,
            microdao: new.microdao_id,
            visibility: visibility.unwrap_or(channel::Visibility::Public),
            confidential: new.confidential,
        };
        let made = once.answer(async |attempt| {
            let view = self.0.channels.create(caller, new, attempt.id.into());
            Ok(view.await?.into())
        });
        Ok(CreatedChannel::Created(made.await?))
    }

    /// Make a channel of a Matrix room
    ///
    /// For a room that was made elsewhere. The caller must be in it and have the power to mark it as
    /// a channel (that of the room's state events, 50 by default). daarion comes in as the caller's
    /// guest and is raised by the caller where it must and they may: 403 says whom to invite and to
    /// raise when that is refused. What was said before is listed as well, as far as daarion may read
    /// it; long histories take their time. The room keeps the alias that it shows, and gets
    /// `#<slug>-<microdao>:<server>` beside it. An encrypted room becomes a confidential channel. 404
    /// when there is no such room that the caller is in; 409 when it is a channel already, and when
    /// the alias or the microdao is taken, as for a new channel.
    #[oai(path = "/adopt", method = "post", operation_id = "adoptRoom")]
    async fn adopt(
        &self,
        person: Person,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewAdoption>,
    ) -> Result<CreatedChannel, Failure> {
        let (caller, new) = (&person.0, body.0);
        let once = self.0.once(&caller.entity, "adoptRoom", key, &new);
        let new = channels::NewAdoption {
            room: new.room,
            slug: new.slug,
            microdao: new.microdao_id,
            visibility: new.visibility.map(Into::into),
        };
        let made = once.answer(async |attempt| {
            let view = self.0.channels.adopt(caller, new, attempt.id.into());
            Ok(view.await?.into())
        });
        Ok(CreatedChannel::Created(made.await?))
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

    /// Change a channel
    ///
    /// Name, description and visibility are set in Matrix as the caller, whose power level there
    /// decides (50 by default). The slug stays: it is in the alias that people know; another alias
    /// is chosen in a Matrix client, and shows here. An archived channel is not changed, nor is the
    /// city's default room closed: 409. A refusal names the power level that is missing, and changes
    /// nothing.
    #[oai(
        path = "/:channel_id",
        method = "patch",
        operation_id = "updateChannel"
    )]
    async fn patch(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        body: Body<ChannelPatch>,
    ) -> Result<Json<Channel>, Failure> {
        let id = ChannelId(channel_id.0);
        let changed = self.0.channels.patch(&person.0, id, body.0.into()).await?;
        Ok(Json(changed.into()))
    }

    /// Archive a channel
    ///
    /// It stays readable here and in Matrix; daarion sends nothing there any more. By an owner
    /// (power level 100). Archiving an archived channel changes nothing.
    #[oai(
        path = "/:channel_id/archive",
        method = "post",
        operation_id = "archiveOwnChannel"
    )]
    async fn archive(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<Channel>, Failure> {
        self.set_status(&person, channel_id.0, channel::ChannelStatus::Archived)
            .await
    }

    /// Take an archived channel back into use
    ///
    /// By an owner (power level 100); 403 for others. 503 when the homeserver is not there.
    #[oai(
        path = "/:channel_id/unarchive",
        method = "post",
        operation_id = "unarchiveOwnChannel"
    )]
    async fn unarchive(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<Channel>, Failure> {
        self.set_status(&person, channel_id.0, channel::ChannelStatus::Active)
            .await
    }
}

impl ChannelsApi {
    async fn set_status(
        &self,
        person: &Person,
        id: Uuid,
        status: channel::ChannelStatus,
    ) -> Result<Json<Channel>, Failure> {
        let id = ChannelId(id);
        let set = self.0.channels.set_status(&person.0, id, status).await?;
        Ok(Json(set.into()))
    }
}
