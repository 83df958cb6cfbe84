//! Microdaos (`/api/messaging/microdaos`).

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::{
    ChannelPage, Microdao, MicrodaoMemberPage, MicrodaoPage, MicrodaoPatch, NewMicrodao,
};
use super::{Services, Tag};
use crate::domain::page;
use crate::service::channels::ChannelFilter;

/// The operations.
pub struct MicrodaosApi(pub Services);

/// A microdao was named.
#[derive(ApiResponse)]
pub enum CreatedMicrodao {
    /// The microdao, with its Matrix space.
    #[oai(status = 201)]
    Created(Rendered<Microdao>),
}

#[OpenApi(prefix_path = "/api/messaging/microdaos", tag = "Tag::Messaging")]
impl MicrodaosApi {
    /// List microdaos
    ///
    /// By id: the city itself, those that have a channel that the caller may know of, and public
    /// ones that were named.
    #[oai(path = "/", method = "get", operation_id = "listMicrodaos")]
    async fn list(
        &self,
        person: Person,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<MicrodaoPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let microdaos = &self.0.microdaos;
        let page = microdaos
            .list(&person.0, cursor.0.as_deref(), limit)
            .await?;
        Ok(Json(MicrodaoPage {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }))
    }

    /// Name a microdao
    ///
    /// Makes the Matrix space `#microdao.<name>:<server>`, which gathers its public channels for
    /// Matrix clients; the caller becomes its owner with power level 100. It need not be named
    /// before channels are made in it. 409 when it is named already, or has a channel and the first
    /// one is not the caller's. Names are taken for everybody, as those of Matrix aliases are: 409 says
    /// of a microdao that the caller may not know of that its name is taken, and nothing else. 503 when the homeserver is not there.
    #[oai(path = "/", method = "post", operation_id = "createMicrodao")]
    async fn create(
        &self,
        person: Person,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewMicrodao>,
    ) -> Result<CreatedMicrodao, Failure> {
        let caller = &person.0;
        let once = self.0.once(&caller.entity, "createMicrodao", key, &body.0);
        let made = once.answer(async |attempt| {
            let made = self.0.microdaos.create(caller, body.0.into(), attempt);
            Ok(made.await?.into())
        });
        Ok(CreatedMicrodao::Created(made.await?))
    }

    /// Get a microdao
    ///
    /// 404 when there is none, or none that the caller may know of.
    #[oai(path = "/:microdao_id", method = "get", operation_id = "getMicrodao")]
    async fn get(
        &self,
        person: Person,
        /// `microdao:<name>`.
        microdao_id: Path<String>,
    ) -> Result<Json<Microdao>, Failure> {
        let found = self.0.microdaos.get(&person.0, &microdao_id.0).await?;
        Ok(Json(found.into()))
    }

    /// Change a microdao
    ///
    /// Set in its Matrix space as the caller, whose power level there decides (50 by default). One
    /// that nobody has named is named by it, by whoever made its first channel; 403 for others, and
    /// for the city itself, which is called as the configuration says.
    #[oai(
        path = "/:microdao_id",
        method = "patch",
        operation_id = "updateMicrodao"
    )]
    async fn patch(
        &self,
        person: Person,
        /// `microdao:<name>`.
        microdao_id: Path<String>,
        body: Body<MicrodaoPatch>,
    ) -> Result<Json<Microdao>, Failure> {
        let microdaos = &self.0.microdaos;
        let changed = microdaos
            .patch(&person.0, &microdao_id.0, body.0.into())
            .await?;
        Ok(Json(changed.into()))
    }

    /// List a microdao's channels
    ///
    /// Those that the caller may know of, the oldest first, as the list of all channels with
    /// `microdao_id`. 404 when there is no such microdao for the caller.
    #[oai(
        path = "/:microdao_id/channels",
        method = "get",
        operation_id = "listMicrodaoChannels"
    )]
    async fn channels(
        &self,
        person: Person,
        /// `microdao:<name>`.
        microdao_id: Path<String>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ChannelPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let microdaos = &self.0.microdaos;
        microdaos.require(&person.0, &microdao_id.0).await?;
        let filter = ChannelFilter {
            microdao: Some(microdao_id.0),
            ..ChannelFilter::default()
        };
        let channels = &self.0.channels;
        let cursor = cursor.0.as_deref();
        let page = channels.list(&person.0, &filter, cursor, limit).await?;
        Ok(Json(ChannelPage {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }))
    }

    /// List a microdao's members
    ///
    /// Everybody who has joined one of its channels that the caller may know of, by Matrix user id.
    /// daarion itself is in every room and is not listed. 404 when there is no such microdao for
    /// the caller.
    #[oai(
        path = "/:microdao_id/members",
        method = "get",
        operation_id = "listMicrodaoMembers"
    )]
    async fn members(
        &self,
        person: Person,
        /// `microdao:<name>`.
        microdao_id: Path<String>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<MicrodaoMemberPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let (id, cursor) = (&microdao_id.0, cursor.0.as_deref());
        let microdaos = &self.0.microdaos;
        let page = microdaos.members(&person.0, id, cursor, limit).await?;
        Ok(Json(MicrodaoMemberPage {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }))
    }
}
