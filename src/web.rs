//! The listeners' route trees, and what stands between a socket and an operation: limits,
//! error shapes, request ids, the live streams.
//!
//! `/internal` and `/_matrix/app` are never on the public tree. Begin with [`public`] and
//! [`internal`]; [`server`] binds and serves them.

pub mod acting;
pub mod admin;
pub mod appservice;
pub mod caching;
pub mod connection;
pub mod docs;
pub mod limit;
pub mod live;
pub mod problems;
pub mod rate;
pub mod server;
pub mod trace;
pub mod ui;

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, Route, get};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acts::OpenActs;
use crate::api::auth::Gate;
use crate::api::gateway::media::AROUND;
use crate::api::{self, Services};
use crate::clock::Clock;
use crate::consumer::hub::Hub;
use crate::homeserver::Inbound;

/// The largest JSON body of an operation, in bytes.
const JSON_LIMIT: u64 = 2 * 1024 * 1024;
/// The one operation that takes files.
const UPLOAD: &str = "/internal/matrix/upload";

/// What the route trees are made of.
#[derive(Clone)]
pub struct Parts {
    pub services: Services,
    pub gate: Arc<Gate>,
    pub hub: Arc<Hub>,
    pub inbound: Arc<dyn Inbound>,
    /// The token that the homeserver shows.
    pub hs_token: String,
    /// The largest transaction of the homeserver, in bytes.
    pub transaction_limit: u64,
    pub clock: Clock,
    /// What is being done.
    pub acts: Arc<OpenActs>,
    /// Requests that change something, which go on when their callers hang up.
    pub tasks: TaskTracker,
    /// The largest file that is taken, in bytes.
    pub upload_limit: u64,
    /// Ends the streams.
    pub stop: CancellationToken,
}

/// What members and the reverse proxy see: `/api`, `/ws`, `/docs`, health, and for every other
/// path the web application.
pub fn public(parts: &Parts) -> BoxEndpoint<'static> {
    let api = api::public(&parts.services);
    let live = live::Live {
        services: parts.services.clone(),
        hub: parts.hub.clone(),
        stop: parts.stop.clone(),
    };
    let docs = docs::Documents::of(&api);
    let names = docs.names();
    let routes = docs::mount(Route::new(), docs)
        .at("/ws/messaging/:channel_id", get(live::channel).data(live))
        .nest("/", api);
    let routes = routes
        .with(limit::BodyLimit::new(JSON_LIMIT))
        .with(ui::Pages::default());
    finish(routes, names, parts)
}

/// What the homeserver and the installation's services see.
pub fn internal(parts: &Parts) -> BoxEndpoint<'static> {
    let api = api::internal(&parts.services);
    let docs = docs::Documents::of(&api);
    let matrix = appservice::routes(
        parts.inbound.clone(),
        parts.hs_token.clone(),
        parts.transaction_limit,
        parts.clock.clone(),
    );
    let names = docs.names();
    let operations = docs::mount(Route::new(), docs)
        .nest("/", api)
        .with(limit::BodyLimit::new(JSON_LIMIT).but(UPLOAD, parts.upload_limit + AROUND));
    let routes = Route::new()
        .nest_no_strip("/_matrix/app/v1", matrix)
        .nest("/", operations);
    finish(routes, names, parts)
}

/// The order matters: a panic becomes an answer, then every error takes its shape, and what
/// caches are told and the request id go onto errors too.
fn finish(
    routes: impl poem::IntoEndpoint<Endpoint = impl poem::Endpoint + 'static>,
    names: problems::Names,
    parts: &Parts,
) -> BoxEndpoint<'static> {
    routes
        .into_endpoint()
        .with(problems::CatchPanics)
        .with(problems::Problems { names })
        .with(caching::NotKept)
        .with(rate::RateHeaders)
        .with(acting::Acting {
            gate: parts.gate.clone(),
            acts: parts.acts.clone(),
            tasks: parts.tasks.clone(),
            clock: parts.clock.clone(),
        })
        .with(trace::Trace::default())
        .data(parts.gate.clone())
        .map_to_response()
        .boxed()
}
