//! Who did what: in a channel, for those who look after it, and in the installation, for operators.

use futures_util::stream;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};
use std::sync::Arc;
use uuid::Uuid;

use super::auth::{Operator, Person};
use super::error::Failure;
use super::rendered::Rendered;
use super::schema::AuditPage;
use super::time::Time;
use super::{Services, Tag};
use crate::domain::audit::{AuditFilter, Kept};
use crate::domain::id::{ChannelId, Seq};
use crate::domain::{Result, page};
use crate::service::audit::Audit;

/// How many records of an export are read at once.
const STEP: usize = 500;
/// The size of a cursor's key, in bytes.
const CURSOR: usize = 8;

/// The operations.
pub struct AuditApi(pub Services);

#[OpenApi]
impl AuditApi {
    /// See what was done in a channel
    ///
    /// The newest first: who made and changed it, invited, came, knocked, left, was removed, banned or
    /// muted, who got another role, made invite links, took away what others have said, pinned, and
    /// looked after its webhooks, by daarion or by any Matrix client. For members who may remove others
    /// (power level 50, unless the Matrix room says otherwise); 403 for others. Addresses, sessions, keys
    /// and the hashes of the chain are for operators, and null here.
    #[oai(
        path = "/api/messaging/channels/:channel_id/audit",
        method = "get",
        operation_id = "listChannelAudit",
        tag = "Tag::Messaging"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn of_channel(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// Only what this one did, such as `user:alice`.
        actor: Query<Option<String>>,
        /// Only this action, such as `member.banned`, or this kind of them, such as `member`.
        action: Query<Option<String>>,
        /// Only what was done to this one.
        target: Query<Option<String>>,
        /// Not before this time.
        since: Query<Option<Time>>,
        /// Not after this time.
        until: Query<Option<Time>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Rendered<AuditPage>, Failure> {
        let filter = AuditFilter {
            actor: actor.0,
            action: action.0,
            target: target.0,
            channel: None,
            since: since.0.map(|it| it.0),
            until: until.0.map(|it| it.0),
        };
        let (limit, before) = (page::limit(limit.0)?, before(cursor.0.as_deref())?);
        let (id, audit) = (ChannelId(channel_id.0), &self.0.audit);
        let page = audit
            .of_channel(&person.0, id, filter, before, limit)
            .await?;
        Ok(rendered(&page.items, page.next, Kept::line_for_members))
    }

    /// See what was done in the installation
    ///
    /// The newest first: who signed in, made and revoked keys and tokens, looked after webhooks, agents
    /// and accounts, ran commands, and all that was done in channels. Failed attempts to sign in are
    /// counted by the minute and by where they came from.
    #[oai(
        path = "/api/admin/audit",
        method = "get",
        operation_id = "listAudit",
        tag = "Tag::Admin"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        _operator: Operator,
        /// Only what this one did, such as `user:alice` or `operator:root`.
        actor: Query<Option<String>>,
        /// Only this action, such as `key.created`, or this kind of them, such as `key`.
        action: Query<Option<String>>,
        /// Only what was done to this one.
        target: Query<Option<String>>,
        /// Only in this channel.
        channel: Query<Option<Uuid>>,
        /// Not before this time.
        since: Query<Option<Time>>,
        /// Not after this time.
        until: Query<Option<Time>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Rendered<AuditPage>, Failure> {
        let filter = AuditFilter {
            actor: actor.0,
            action: action.0,
            target: target.0,
            channel: channel.0.map(ChannelId),
            since: since.0.map(|it| it.0),
            until: until.0.map(|it| it.0),
        };
        let (limit, before) = (page::limit(limit.0)?, before(cursor.0.as_deref())?);
        let page = self.0.audit.list(filter, before, limit).await?;
        Ok(rendered(&page.items, page.next, Kept::line))
    }

    /// Export the audit log
    ///
    /// All of it in its order, a record a line, as it comes: JSON Lines of records as of the list. Whoever
    /// has them can verify the chain: the hash of a record is the SHA-256 of its line without `hash`,
    /// whose fields are in the order of canonical JSON.
    #[oai(
        path = "/api/admin/audit/export",
        method = "get",
        operation_id = "exportAudit",
        tag = "Tag::Admin"
    )]
    async fn export(
        &self,
        _operator: Operator,
        /// Begin behind the record of this number.
        after: Query<Option<u64>>,
    ) -> Result<JsonLines, Failure> {
        self.0.audit.settle().await;
        let lines = lines(self.0.audit.clone(), after.0.unwrap_or(0));
        let answer = Response::builder().content_type(LINES);
        Ok(JsonLines(answer.body(lines)))
    }
}

/// JSON Lines.
const LINES: &str = "application/x-ndjson";

/// The log as JSON Lines, read as it is taken.
pub fn lines(audit: Arc<Audit>, after: Seq) -> Body {
    let lines = stream::try_unfold(Some(after), move |after| {
        let audit = audit.clone();
        async move {
            let Some(after) = after else {
                return Ok(None);
            };
            let step = audit.read(after, STEP).await;
            let step = step.map_err(std::io::Error::other)?;
            let next = step.last().filter(|_| step.len() == STEP);
            let next = next.map(|last| last.seq);
            let lines: String = step.iter().map(|one| one.line() + "\n").collect();
            Ok::<_, std::io::Error>(Some((lines, next)))
        }
    });
    Body::from_bytes_stream(lines)
}

/// Before which record a page begins.
fn before(cursor: Option<&str>) -> Result<Option<Seq>> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let key = page::decode_cursor(cursor, CURSOR)?;
    let key: [u8; CURSOR] = key.try_into().map_err(|_| page::wrong_cursor())?;
    Ok(Some(Seq::from_be_bytes(key)))
}

fn rendered(items: &[Kept], next: Option<Seq>, line: fn(&Kept) -> String) -> Rendered<AuditPage> {
    let items: Vec<_> = items.iter().map(line).collect();
    let next = next.map_or("null".to_owned(), |next| {
        format!("\"{}\"", page::encode_cursor(&next.to_be_bytes()))
    });
    let json = format!("{{\"items\":[{}],\"next\":{next}}}", items.join(","));
    Rendered::new(json.into_bytes())
}

/// Lines of JSON as they come.
pub struct JsonLines(Response);

impl IntoResponse for JsonLines {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for JsonLines {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The records, one a line.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: LINES,
                    schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
