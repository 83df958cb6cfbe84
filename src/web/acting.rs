//! Each request is an act: whatever it brings about knows from where it comes. One that may change
//! something is open from when it is known who asks until it is answered, so that the audit log waits
//! for its origin. It runs on a task of its own and goes on when its caller has hung up: what was
//! done is written down as well, also at the end of the process, which waits for it.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::acts::{self, OpenActs, Opening};
use crate::api::auth::Gate;
use crate::api::once::IDEMPOTENCY_KEY;
use crate::clock::Clock;

/// How many go on without their callers at the most. Whoever comes beyond them is cut off with their
/// caller: requests that nobody waits for must not pile up.
const MOST: usize = 1_024;
/// What brings nothing about by itself, and takes as long as it takes.
const UPLOAD: &str = "/internal/matrix/upload";
/// What is pushed back like anybody's doing, and is not worth going on with when nobody waits for it,
/// unless its caller has named it and will come back for the answer.
const GATEWAY: [&str; 2] = ["/internal/matrix/", "/_matrix/"];
/// What of the gateway is kept here, and recorded.
const WEBHOOKS: &str = "/internal/matrix/webhook/";

/// Makes acts of requests.
pub struct Acting {
    pub gate: Arc<Gate>,
    pub acts: Arc<OpenActs>,
    pub tasks: TaskTracker,
    pub clock: Clock,
}

/// The endpoint behind [`Acting`].
pub struct ActedIn<E> {
    inner: Arc<E>,
    gate: Arc<Gate>,
    opening: Opening,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl<E: Endpoint + 'static> Middleware<E> for Acting {
    type Output = ActedIn<E>;

    fn transform(&self, inner: E) -> ActedIn<E> {
        let (acts, clock) = (self.acts.clone(), self.clock.clone());
        ActedIn {
            inner: Arc::new(inner),
            gate: self.gate.clone(),
            opening: Arc::new(move || acts.begin(clock.now())),
            room: Arc::new(Semaphore::new(MOST)),
            tasks: self.tasks.clone(),
        }
    }
}

impl<E: Endpoint + 'static> Endpoint for ActedIn<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let address = self.gate.visit(&request).address;
        let path = request.uri().path();
        let changes = !request.method().is_safe();
        let opening = (changes && path != UPLOAD).then(|| self.opening.clone());
        let is_gateway = GATEWAY.iter().any(|gateway| path.starts_with(gateway));
        let is_named = request.headers().contains_key(IDEMPOTENCY_KEY);
        let goes_on = changes && (!is_gateway || is_named || path.starts_with(WEBHOOKS));
        let place = goes_on.then(|| self.room.clone().try_acquire_owned().ok());
        let inner = self.inner.clone();
        let work = acts::from(address, opening, async move {
            let answered = inner.call(request).await;
            answered.map(IntoResponse::into_response)
        });
        let Some(place) = place.flatten() else {
            return work.await;
        };
        let work = async move {
            let _place = place;
            work.await
        };
        match self.tasks.spawn(work.in_current_span()).await {
            Ok(answered) => answered,
            // It was ended with the process, or by a panic, which goes on as it would have gone.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
        }
    }
}
