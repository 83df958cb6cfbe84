//! What the commands ask of the running daemon, over a unix socket that only root and the
//! daemon's user may open. Not a public contract: both ends are one program.

mod audit;
mod keys;
mod services;

use std::sync::Arc;

use futures_util::StreamExt;
use poem::endpoint::BoxEndpoint;
use poem::http::StatusCode;
use poem::web::{Data, Json, Path, Query};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Response, Route, get, handler, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub use self::audit::verdict_json;
pub use self::keys::{list_keys, rotate_keys};
pub use self::services::{NewTokenJson, create_token, list_tokens, revoke_token};
use super::problems::{CatchPanics, Problems, respond};
use crate::acts;
use crate::domain::Error;
use crate::domain::account::OperatorAccount;
use crate::domain::agent::Agent;
use crate::domain::audit::{Origin, Via};
use crate::domain::finding::{Examination, Finding, worst};
use crate::service::Core;
use crate::service::agents::{Agents, NewAgent};
use crate::service::audit::Audit;
use crate::service::auth::Auth;
use crate::service::backfill::{Backfill, OldRoom, Outcome, Step, Summary};
use crate::service::doctor::Doctor;
use crate::service::heal::HealReport;
use crate::service::reindex::{Rebuilds, ReindexReport};
use crate::service::status::{Status, StatusService};
use crate::telemetry::{Problem, Topic};

/// Who acts by the command line.
pub const COMMAND_LINE: &str = "command line";

/// What the commands reach.
#[derive(Clone)]
pub struct Admin {
    pub core: Arc<Core>,
    pub status: Arc<StatusService>,
    pub rebuilds: Arc<Rebuilds>,
    pub backfill: Arc<Backfill>,
    pub agents: Arc<Agents>,
    pub doctor: Arc<Doctor>,
    pub auth: Arc<Auth>,
    pub audit: Arc<Audit>,
}

/// A room in a backfill's list.
#[derive(Deserialize)]
struct RoomJson {
    slug: String,
    name: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize, Default)]
struct BackfillJson {
    #[serde(default)]
    rooms: Vec<RoomJson>,
}

#[derive(Deserialize)]
struct ReindexQuery {
    #[serde(default)]
    from_homeserver: bool,
}

#[derive(Deserialize)]
struct AgentJson {
    id: String,
    display_name: Option<String>,
    matrix_user_id: Option<String>,
}

#[derive(Deserialize)]
struct OperatorJson {
    name: String,
    password: String,
}

#[derive(Deserialize)]
struct PasswordJson {
    password: String,
}

/// The socket's routes.
pub fn routes(admin: Admin) -> BoxEndpoint<'static> {
    Route::new()
        .at("/status", get(show_status))
        .at("/doctor", post(run_doctor))
        .at("/heal", post(run_heal))
        .at("/reindex", post(run_reindex))
        .at("/backfill", post(run_backfill))
        .at("/agents", get(list_agents).post(create_agent))
        .at("/operators", get(list_operators).post(create_operator))
        .at("/operators/:name/password", post(set_operator_password))
        .at("/services", get(services::list).post(services::create))
        .at("/services/revoke", post(services::revoke))
        .at("/audit/verify", get(audit::verify))
        .at("/audit/export", get(audit::export))
        .at("/keys", get(keys::list))
        .at("/keys/rotate", post(keys::rotate))
        .data(admin)
        .around(|inner, request| async move {
            let origin = Origin {
                actor: Some(COMMAND_LINE.to_owned()),
                via: Via::CommandLine,
                address: None,
            };
            acts::within(origin, inner.call(request)).await
        })
        .with(CatchPanics)
        .with(Problems::default())
        .map_to_response()
        .boxed()
}

#[handler]
async fn show_status(admin: Data<&Admin>) -> Response {
    answer(
        admin
            .status
            .report()
            .await
            .map(|status| status_json(&status)),
    )
}

#[handler]
async fn run_heal(admin: Data<&Admin>) -> Response {
    let healed = async {
        admin.core.record_begun("heal.begun").await?;
        admin.core.heal().await
    };
    answer(healed.await.map(|report| heal_json(&report)))
}

#[handler]
async fn run_doctor(admin: Data<&Admin>) -> Response {
    let done = admin.doctor.examine().await;
    answer(done.map(|examination| doctor_json(&examination)))
}

#[handler]
async fn run_reindex(query: Query<ReindexQuery>, admin: Data<&Admin>) -> Response {
    let (core, rebuilds) = (admin.core.clone(), admin.rebuilds.clone());
    let from_homeserver = query.from_homeserver;
    // On a task of its own: a command that is interrupted does not stop half-way.
    let work = tokio::spawn(acts::carried_on(async move {
        rebuilds.run(&core, from_homeserver).await
    }));
    let done = work
        .await
        .unwrap_or_else(|error| Err(Error::internal(error.to_string())));
    answer(done.map(|report| reindex_json(&report)))
}

/// A line of JSON for each room as it is done, and the summary last.
#[handler]
async fn run_backfill(admin: Data<&Admin>, body: Json<BackfillJson>) -> Response {
    let rooms = body.0.rooms.into_iter().map(|room| OldRoom {
        slug: room.slug,
        name: room.name,
        description: room.description,
    });
    let rooms: Vec<_> = rooms.collect();
    if let Err(error) = Backfill::check(&rooms) {
        return respond(error.into(), false);
    }
    let (steps, progress) = mpsc::channel(1_024);
    let service = admin.backfill.clone();
    let work = tokio::spawn(acts::carried_on(
        async move { service.run(rooms, steps).await },
    ));
    let steps = futures_util::stream::unfold(progress, |mut progress| async move {
        let step = progress.recv().await?;
        Some((step_json(&step), progress))
    });
    let end = futures_util::stream::once(async move {
        match work.await {
            Ok(Ok(summary)) => json!({"summary": summary_json(&summary)}),
            Ok(Err(error)) => json!({"error": error.to_string()}),
            Err(error) => json!({"error": error.to_string()}),
        }
    });
    let lines = steps
        .chain(end)
        .map(|line| Ok::<_, std::io::Error>(format!("{line}\n")));
    Response::builder()
        .content_type("application/x-ndjson")
        .body(Body::from_bytes_stream(lines))
}

#[handler]
async fn list_agents(admin: Data<&Admin>) -> Response {
    let all = admin.agents.list(None, None, usize::MAX).await;
    answer(all.map(|page| {
        let agents: Vec<_> = page.items.iter().map(agent_json).collect();
        json!({"items": agents})
    }))
}

#[handler]
async fn create_agent(admin: Data<&Admin>, body: Json<AgentJson>) -> Response {
    let new = NewAgent {
        id: body.0.id,
        display_name: body.0.display_name,
        user: body.0.matrix_user_id,
        ..NewAgent::default()
    };
    match admin.agents.register(new).await {
        Ok(agent) => Json(agent_json(&agent))
            .with_status(StatusCode::CREATED)
            .into_response(),
        Err(error) => respond(error.into(), false),
    }
}

#[handler]
async fn list_operators(admin: Data<&Admin>) -> Response {
    let all = admin.auth.operators.list().await;
    answer(all.map(|all| operators_json(&all)))
}

#[handler]
async fn create_operator(admin: Data<&Admin>, body: Json<OperatorJson>) -> Response {
    let OperatorJson { name, password } = body.0;
    let created = admin.auth.operators.create(&name, &password).await;
    answer(created.map(|operator| operator_json(&operator)))
}

#[handler]
async fn set_operator_password(
    Path(name): Path<String>,
    admin: Data<&Admin>,
    body: Json<PasswordJson>,
) -> Response {
    let set = admin.auth.operators.set_password(&name, &body.0.password);
    answer(set.await.map(|()| json!({ "name": name })))
}

fn answer<T: Serialize + Send>(outcome: Result<T, Error>) -> Response {
    match outcome {
        Ok(body) => Json(body).into_response(),
        Err(error) => respond(error.into(), false),
    }
}

fn agent_json(agent: &Agent) -> Value {
    json!({
        "id": format!("agent:{}", agent.name),
        "display_name": agent.display_name,
        "matrix_user_id": agent.user,
        "created_at": crate::payload::Rfc3339(agent.created_at),
        "deactivated_at": agent.deactivated.map(|it| crate::payload::Rfc3339(it.at)),
    })
}

/// As `daarion doctor --json` prints it.
#[must_use]
pub fn doctor_json(examination: &Examination) -> Value {
    let findings = &examination.findings;
    let json = |finding: &Finding| {
        json!({
            "id": finding.check.as_str(),
            "status": finding.outcome.as_str(),
            "seen": finding.seen,
            "advice": finding.advice,
        })
    };
    json!({
        "status": worst(findings).as_str(),
        "findings": findings.iter().map(json).collect::<Vec<_>>(),
        "examined_at": crate::payload::Rfc3339(examination.at),
    })
}

/// As `daarion admin create --json` prints it.
#[must_use]
pub fn operator_json(operator: &OperatorAccount) -> Value {
    json!({
        "name": operator.name,
        "created_at": crate::payload::Rfc3339(operator.created_at),
        "password_set_at": crate::payload::Rfc3339(operator.password_set_at),
    })
}

/// As `daarion admin list --json` prints it.
#[must_use]
pub fn operators_json(operators: &[OperatorAccount]) -> Value {
    let operators: Vec<_> = operators.iter().map(operator_json).collect();
    json!({ "items": operators })
}

/// As `daarion heal --json` prints it.
#[must_use]
pub fn heal_json(report: &HealReport) -> Value {
    let channels = report.channels.iter().map(|channel| {
        let mut json = json!({
            "channel_id": channel.channel,
            "slug": channel.slug,
            "missing": channel.missing,
            "healed": channel.healed,
        });
        if let Some(error) = &channel.error {
            json["error"] = json!(error.to_string());
        }
        json
    });
    json!({
        "missing": report.missing(),
        "healed": report.healed(),
        "channels": channels.collect::<Vec<_>>(),
    })
}

/// As `daarion reindex --json` prints it.
#[must_use]
pub fn reindex_json(report: &ReindexReport) -> Value {
    json!({
        "channels": report.channels,
        "messages": report.messages,
        "failed": report.failed,
    })
}

fn step_json(step: &Step) -> Value {
    let (outcome, error) = match &step.outcome {
        Outcome::Found => ("found", None),
        Outcome::Created => ("created", None),
        Outcome::Failed(error) => ("failed", Some(error)),
    };
    json!({"step": {
        "slug": step.slug,
        "outcome": outcome,
        "error": error,
        "done": step.done,
        "total": step.total,
    }})
}

fn summary_json(summary: &Summary) -> Value {
    let failed = summary.failed.iter();
    let failed = failed.map(|(slug, error)| json!({"slug": slug, "error": error}));
    json!({
        "checked": summary.checked,
        "found": summary.found,
        "created": summary.created,
        "failed": failed.collect::<Vec<_>>(),
    })
}

fn status_json(status: &Status) -> Value {
    let readers = status.readers.iter().map(|(name, position)| {
        json!({
            "name": name,
            "position": position,
            "lag": status.journal_head.saturating_sub(*position),
        })
    });
    let skipped = status.latest_skipped.iter().map(|skipped| {
        json!({
            "at": crate::payload::Rfc3339(skipped.at),
            "reason": skipped.reason,
            "raw": skipped.raw,
        })
    });
    let problems = status.problems.iter().map(problem_json);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "status": if status.health.is_ok() { "ok" } else { "degraded" },
        "started_at": crate::payload::Rfc3339(status.started_at),
        "homeserver": status.health.homeserver.as_ref().err(),
        "registration": status.registration.as_str(),
        "registration_reason": status.registration_reason,
        "last_transaction_at": status.last_transaction_at.map(crate::payload::Rfc3339),
        "store": {
            "error": status.health.store.as_ref().err(),
            "bytes": status.store.bytes,
            "format": status.store.format,
            "opened_in_ms": status.store.opened_in_ms,
        },
        "channels": status.channels,
        "messages": status.messages,
        "agents": status.agents,
        "members_online": status.members_online,
        "events_per_minute": status.events_per_minute,
        "journal": {
            "first": status.journal_first,
            "head": status.journal_head,
            "held_by": status.journal_held_by,
        },
        "readers": readers.collect::<Vec<_>>(),
        "rebuilding": status.rebuilding,
        "open_creations": status.open_creations,
        "since_start": {
            "transactions": status.transactions,
            "repeated_transactions": status.repeated_transactions,
            "events": status.events,
            "repeated_events": status.repeated_events,
            "foreign_events": status.foreign_events,
        },
        "skipped": {"count": status.skipped, "latest": skipped.collect::<Vec<_>>()},
        "problems": problems.collect::<Vec<_>>(),
    })
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "at": crate::payload::Rfc3339(problem.last_at),
        "level": problem.severity.as_str(),
        "code": problem.code,
        "message": problem.message,
        "count": problem.count,
        "advice": problem.topic.map(Topic::advice),
    })
}
