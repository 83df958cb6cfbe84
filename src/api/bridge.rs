//! The bridge document's internal operations: city rooms for services, and the backfill.

use futures_util::{Stream, StreamExt, stream};
use poem::Request;
use poem::http::header;
use poem_openapi::param::Query;
use poem_openapi::payload::{EventStream, Json};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, ResponseContent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::auth::Service;
use super::body::Body;
use super::error::BridgeFailure;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::Visibility;
use super::{Services, Tag};
use crate::domain::Error;
use crate::domain::service::Scope;
use crate::service::backfill::{Backfill, OldRoom, Outcome, Step, Summary};
use crate::service::city::NewCityRoom;

/// The operations.
pub struct BridgeApi(pub Services);

/// A city room for a service.
#[derive(Object, Clone, Debug)]
pub struct CreateRoom {
    /// `a-z 0-9 - _`, 1 to 64.
    pub slug: String,
    /// The bare name; the Matrix room is named `<city name> — <name>`.
    pub name: String,
    /// `public` when absent.
    pub visibility: Option<Visibility>,
}

/// A Matrix room and its alias.
#[derive(Object, Clone, Debug)]
pub struct RoomAddress {
    /// `!opaque`; room version 12 ids have no server part.
    pub matrix_room_id: String,
    /// `#localpart:server`.
    pub matrix_room_alias: String,
}

/// What to bring in.
#[derive(Object, Clone, Debug, Default)]
pub struct BackfillRequest {
    /// Rooms of an older installation, at most 10,000. Every city room that is known is
    /// checked too.
    #[oai(default)]
    pub rooms: Vec<BackfillRoom>,
}

/// A city room as an older installation knew it.
#[derive(Object, Clone, Debug)]
pub struct BackfillRoom {
    /// `a-z 0-9 - _`, 1 to 64.
    pub slug: String,
    /// The bare name.
    pub name: String,
    /// May be empty.
    #[oai(default)]
    pub description: String,
}

/// What a backfill did.
#[derive(Object, Clone, Debug)]
pub struct BackfillSummary {
    /// How many rooms were looked at.
    pub checked: u64,
    /// How many had their Matrix room.
    pub found: u64,
    /// How many got theirs now.
    pub created: u64,
    /// Those that could not be brought in; run it again when the reason is mended.
    pub failed: Vec<BackfillFailure>,
}

/// A room that could not be brought in.
#[derive(Object, Clone, Debug)]
pub struct BackfillFailure {
    pub slug: String,
    /// Why, for people.
    pub error: String,
}

/// What became of one room.
#[derive(Enum, Clone, Copy, Debug)]
#[oai(rename_all = "lowercase")]
pub enum BackfillOutcome {
    Found,
    Created,
    Failed,
}

/// A line of a backfill's progress.
#[derive(Object, Clone, Debug)]
pub struct BackfillStep {
    pub slug: String,
    pub outcome: BackfillOutcome,
    /// Why it failed.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
    /// How many rooms are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// A line of a backfill's stream: one of the three.
#[derive(Object, Clone, Debug, Default)]
pub struct BackfillEvent {
    /// A room is done.
    #[oai(skip_serializing_if_is_none)]
    pub step: Option<BackfillStep>,
    /// All is done; the last event.
    #[oai(skip_serializing_if_is_none)]
    pub summary: Option<BackfillSummary>,
    /// It could not go on; the last event. What is done stays done.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

type Events = futures_util::stream::BoxStream<'static, BackfillEvent>;

/// The two forms of a backfill's answer.
#[derive(ResponseContent)]
pub enum BackfillContent {
    Summary(Json<BackfillSummary>),
    Events(EventStream<Events>),
}

/// A backfill's answer.
#[derive(ApiResponse)]
pub enum BackfillAnswer {
    /// The summary, when all is done; with `Accept: text/event-stream` an event for each room
    /// as it is done, and then the summary.
    #[oai(status = 200)]
    Done(BackfillContent),
}

#[OpenApi(prefix_path = "/internal", tag = "Tag::Gateway")]
impl BridgeApi {
    /// Create a city room's Matrix room
    ///
    /// As `POST /api/city/rooms`, for services: the room belongs to no person. 409 when the
    /// slug is taken; 503 `matrix_unavailable` when the homeserver is not there.
    #[oai(
        path = "/matrix/rooms/create",
        method = "post",
        operation_id = "createMatrixRoom"
    )]
    async fn create(
        &self,
        service: Service,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<CreateRoom>,
    ) -> Result<Rendered<RoomAddress>, BridgeFailure> {
        service.0.require(Scope::City)?;
        let new = body.0;
        let once = self.0.once(&service.0.name, "createMatrixRoom", key, &new);
        let new = NewCityRoom {
            slug: Some(new.slug),
            name: new.name,
            private: new.visibility == Some(Visibility::Private),
            ..NewCityRoom::default()
        };
        let made = once.answer(async |attempt| {
            let channel = self.0.city.make(new, None, attempt.id.into()).await?;
            let alias = channel.alias.as_ref().ok_or_else(|| {
                Error::HomeserverNonsense("the new room has no canonical alias".to_owned())
            })?;
            Ok(RoomAddress {
                matrix_room_id: channel.room.to_string(),
                matrix_room_alias: alias.to_string(),
            })
        });
        Ok(made.await?)
    }

    /// Find a Matrix room by its alias
    ///
    /// Any alias that the homeserver can resolve. 404 when none has it.
    #[oai(
        path = "/matrix/rooms/find-by-alias",
        method = "get",
        operation_id = "findRoomByAlias"
    )]
    async fn find_by_alias(
        &self,
        service: Service,
        /// `#localpart:server`, percent-encoded.
        alias: Query<String>,
    ) -> Result<Json<RoomAddress>, BridgeFailure> {
        service.0.require(Scope::Read)?;
        let (room, alias) = self.0.city.find_by_alias(&alias.0).await?;
        service.0.require_room(&room)?;
        Ok(Json(RoomAddress {
            matrix_room_id: room.to_string(),
            matrix_room_alias: alias.to_string(),
        }))
    }

    /// Bring the rooms of an older installation in
    ///
    /// Looks each room's Matrix room up by its alias, marks it as the city's, or creates it.
    /// Every city room that is known is checked too. Safe to repeat and to interrupt: when the
    /// caller goes away the work goes on. With `Accept: text/event-stream` each room is told of
    /// as it is done. 503 when the homeserver is not there.
    #[oai(
        path = "/city/matrix/backfill",
        method = "post",
        operation_id = "backfillCity"
    )]
    async fn backfill(
        &self,
        service: Service,
        request: &Request,
        body: Body<Option<BackfillRequest>>,
    ) -> Result<BackfillAnswer, BridgeFailure> {
        service.0.require(Scope::City)?;
        let rooms = body.0.unwrap_or_default().rooms;
        let rooms: Vec<_> = rooms.into_iter().map(Into::into).collect();
        Backfill::check(&rooms)?;
        let (steps, progress) = mpsc::channel(1_024);
        let backfill = self.0.backfill.clone();
        let work = tokio::spawn(async move { backfill.run(rooms, steps).await });
        let accept = request.headers().get(header::ACCEPT);
        let accept = accept.and_then(|accept| accept.to_str().ok());
        if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
            let events = EventStream::new(events(progress, work).boxed());
            return Ok(BackfillAnswer::Done(BackfillContent::Events(events)));
        }
        drop(progress);
        let summary = work
            .await
            .map_err(|error| Error::internal(error.to_string()))??;
        Ok(BackfillAnswer::Done(BackfillContent::Summary(Json(
            summary.into(),
        ))))
    }
}

/// The steps as they come, and then how it ended.
fn events(
    progress: mpsc::Receiver<Step>,
    work: JoinHandle<Result<Summary, Error>>,
) -> impl Stream<Item = BackfillEvent> {
    let steps = stream::unfold(progress, |mut progress| async move {
        let step = progress.recv().await?;
        Some((BackfillEvent::from(step), progress))
    });
    let end = stream::once(async move {
        match work.await {
            Ok(Ok(summary)) => BackfillEvent {
                summary: Some(summary.into()),
                ..BackfillEvent::default()
            },
            Ok(Err(error)) => BackfillEvent {
                error: Some(error.to_string()),
                ..BackfillEvent::default()
            },
            Err(error) => BackfillEvent {
                error: Some(error.to_string()),
                ..BackfillEvent::default()
            },
        }
    });
    steps.chain(end)
}

impl From<BackfillRoom> for OldRoom {
    fn from(room: BackfillRoom) -> Self {
        Self {
            slug: room.slug,
            name: room.name,
            description: room.description,
        }
    }
}

impl From<Summary> for BackfillSummary {
    fn from(summary: Summary) -> Self {
        let failed = summary.failed.into_iter();
        Self {
            checked: summary.checked as u64,
            found: summary.found as u64,
            created: summary.created as u64,
            failed: failed
                .map(|(slug, error)| BackfillFailure { slug, error })
                .collect(),
        }
    }
}

impl From<Step> for BackfillEvent {
    fn from(step: Step) -> Self {
        let (outcome, error) = match step.outcome {
            Outcome::Found => (BackfillOutcome::Found, None),
            Outcome::Created => (BackfillOutcome::Created, None),
            Outcome::Failed(error) => (BackfillOutcome::Failed, Some(error)),
        };
        Self {
            step: Some(BackfillStep {
                slug: step.slug,
                outcome,
                error,
                done: step.done as u64,
                total: step.total as u64,
            }),
            ..Self::default()
        }
    }
}
