//! The audit log, for the command line.

use poem::web::{Data, Query};
use poem::{Response, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Admin, answer};
use crate::api::audit::lines;
use crate::domain::audit::{Break, Link};
use crate::service::audit::Verdict;

#[derive(Deserialize)]
pub(super) struct ExportQuery {
    #[serde(default)]
    after: u64,
}

/// The record that is expected.
#[derive(Deserialize)]
pub(super) struct VerifyQuery {
    seq: Option<u64>,
    hash: Option<String>,
}

#[handler]
pub(super) async fn verify(query: Query<VerifyQuery>, admin: Data<&Admin>) -> Response {
    let expected = query.0.seq.zip(query.0.hash);
    let expected = expected.map(|(seq, hash)| Link { seq, hash });
    let verdict = admin.audit.verify(expected.as_ref()).await;
    answer(verdict.map(|verdict| verdict_json(&verdict)))
}

#[handler]
pub(super) async fn export(query: Query<ExportQuery>, admin: Data<&Admin>) -> Response {
    admin.audit.settle().await;
    Response::builder().body(lines(admin.audit.clone(), query.after))
}

/// As `daarion audit verify --json` prints it.
#[must_use]
pub fn verdict_json(verdict: &Verdict) -> Value {
    let link = |link: &Link| json!({ "seq": link.seq, "hash": link.hash });
    let broken = |at: &Break| json!({ "seq": at.seq, "reason": at.reason });
    json!({
        "records": verdict.records,
        "trimmed": link(&verdict.anchor),
        "last": link(&verdict.last),
        "broken": verdict.broken.as_ref().map(broken),
    })
}
