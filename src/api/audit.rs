//! Who did what: in a channel, for those who look after it, and in the installation, for operators.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, stream};
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
use crate::domain::{Error, Result, page};
use crate::service::audit::{Audit, AuditPage as Page};

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
        let filter = filter(actor, action, target, since, until);
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
            channel: channel.0.map(ChannelId),
            ..filter(actor, action, target, since, until)
        };
        let (limit, before) = (page::limit(limit.0)?, before(cursor.0.as_deref())?);
        let page = self.0.audit.list(filter, before, limit).await?;
        Ok(rendered(&page.items, page.next, Kept::line))
    }

    /// Export what was done in a channel
    ///
    /// All records that the list would show, or those that fit, a record a line, as it comes: JSON Lines, the
    /// newest first. For those who may see the list.
    #[oai(
        path = "/api/messaging/channels/:channel_id/audit/export",
        method = "get",
        operation_id = "exportChannelAudit",
        tag = "Tag::Messaging"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn export_of_channel(
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
    ) -> Result<JsonLines, Failure> {
        let filter = filter(actor, action, target, since, until);
        let (audit, caller, id) = (self.0.audit.clone(), person.0, ChannelId(channel_id.0));
        // Whoever is sent away meanwhile gets no more of it.
        let pages = move |before| {
            let (audit, caller, filter) = (audit.clone(), caller.clone(), filter.clone());
            async move { audit.of_channel(&caller, id, filter, before, STEP).await }.boxed()
        };
        Ok(JsonLines::new(
            newest_first(pages, Kept::line_for_members).await?,
        ))
    }

    /// Export the audit log
    ///
    /// A record a line, as it comes: JSON Lines of records as of the list. Without a filter it is all of
    /// the log in its order, and whoever has it can verify the chain: the hash of a record is the SHA-256
    /// of its line without `hash`, whose fields are in the order of canonical JSON. With one it is the
    /// records that fit, the newest first.
    #[oai(
        path = "/api/admin/audit/export",
        method = "get",
        operation_id = "exportAudit",
        tag = "Tag::Admin"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn export(
        &self,
        _operator: Operator,
        /// Begin behind the record of this number; not with a filter.
        after: Query<Option<u64>>,
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
    ) -> Result<JsonLines, Failure> {
        let filter = AuditFilter {
            channel: channel.0.map(ChannelId),
            ..filter(actor, action, target, since, until)
        };
        let audit = self.0.audit.clone();
        if filter == AuditFilter::default() {
            audit.settle().await;
            return Ok(JsonLines::new(lines(audit, after.0.unwrap_or(0))));
        }
        if after.0.is_some() {
            return Err(
                Error::invalid("after", "is for the whole log; leave the filters out").into(),
            );
        }
        let pages = move |before| {
            let (audit, filter) = (audit.clone(), filter.clone());
            async move { audit.list(filter, before, STEP).await }.boxed()
        };
        Ok(JsonLines::new(newest_first(pages, Kept::line).await?))
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

/// Records as JSON Lines, page after page, read as they are taken. Fails when the first page does.
async fn newest_first(
    page: impl Fn(Option<Seq>) -> BoxFuture<'static, Result<Page>> + Send + 'static,
    line: fn(&Kept) -> String,
) -> Result<Body> {
    let first = page(None).await?;
    let lines = stream::try_unfold((Some(first), page), move |(now, page)| async move {
        let Some(now) = now else {
            return Ok(None);
        };
        let lines: String = now.items.iter().map(|one| line(one) + "\n").collect();
        let next = match now.next {
            Some(before) => Some(page(Some(before)).await.map_err(std::io::Error::other)?),
            None => None,
        };
        Ok::<_, std::io::Error>(Some((lines, (next, page))))
    });
    Ok(Body::from_bytes_stream(lines))
}

fn filter(
    actor: Query<Option<String>>,
    action: Query<Option<String>>,
    target: Query<Option<String>>,
    since: Query<Option<Time>>,
    until: Query<Option<Time>>,
) -> AuditFilter {
    AuditFilter {
        actor: actor.0,
        action: action.0,
        target: target.0,
        channel: None,
        since: since.0.map(|it| it.0),
        until: until.0.map(|it| it.0),
    }
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

impl JsonLines {
    fn new(lines: Body) -> Self {
        Self(Response::builder().content_type(LINES).body(lines))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of one record, from the third down to the first; what is not among them fails.
    fn page(before: Option<Seq>) -> BoxFuture<'static, Result<Page>> {
        let seq = before.unwrap_or(4) - 1;
        let page = Page {
            items: vec![Kept {
                seq,
                hash: String::new(),
                json: "{}".to_owned(),
            }],
            next: Some(seq).filter(|seq| *seq > 1),
        };
        let page = Some(page).filter(|_| seq < 4);
        async move { page.ok_or_else(|| Error::not_found("no such page")) }.boxed()
    }

    fn line(record: &Kept) -> String {
        record.seq.to_string()
    }

    #[tokio::test]
    async fn an_export_goes_on_from_page_to_page() {
        let body = newest_first(page, line).await.expect("a first page");
        let text = body.into_string().await.expect("all of it");
        assert_eq!(text, "3\n2\n1\n");
    }

    #[tokio::test]
    async fn an_export_that_breaks_off_does_not_look_whole() {
        let first = newest_first(|_| page(Some(9)), line).await;
        assert!(first.is_err(), "nothing is answered before the first page");
        let second = |before: Option<Seq>| page(before.map(|_| 9));
        let body = newest_first(second, line).await.expect("a first page");
        assert!(body.into_string().await.is_err());
    }
}
