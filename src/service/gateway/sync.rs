//! What is new, for services that poll.
//!
//! Begin with [`EventSync::poll`]. Without a user it answers our own [`stream`]; with one, what the
//! homeserver tells that [`user`]. A poll is a task that waits, no thread, and ends with its caller.

mod filter;
mod position;
mod stream;
mod user;
mod warm;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub(super) use self::position::event_of;
use self::warm::Warm;
use super::checks::check_place;
use super::turns::Turns;
use super::{Actor, Gateway};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
use crate::homeserver::timeline::Timeline;
use crate::recent::Recent;
use crate::service::Core;
use crate::service::auth::Auth;

/// The longest wait that is granted.
const LONGEST: Duration = Duration::from_secs(300);

/// What a poll asks for.
#[derive(Clone, Debug, Default)]
pub struct Poll {
    /// An earlier answer's `next_batch`.
    pub since: Option<String>,
    pub timeout: Option<Duration>,
    /// JSON.
    pub filter: Option<String>,
    /// As whom: an entity or a Matrix user.
    pub user: Option<String>,
}

/// The polls.
pub struct EventSync {
    pub core: Arc<Core>,
    pub gateway: Arc<Gateway>,
    pub timeline: Arc<dyn Timeline>,
    /// Knows when a token counts no more.
    auth: Arc<Auth>,
    /// Polls that are open.
    pub polls: Arc<Turns>,
    recent: Arc<Recent>,
    warm: Arc<Warm>,
    /// How long a poll waits that does not say.
    timeout: Duration,
    stop: CancellationToken,
}

impl EventSync {
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, and all are made in one place"
    )]
    pub fn new(
        core: Arc<Core>,
        gateway: Arc<Gateway>,
        timeline: Arc<dyn Timeline>,
        auth: Arc<Auth>,
        recent: Arc<Recent>,
        polls: Arc<Turns>,
        timeout: Duration,
        stop: CancellationToken,
    ) -> Self {
        Self {
            core,
            gateway,
            timeline,
            auth,
            polls,
            warm: Arc::new(Warm::new(recent.clone())),
            recent,
            timeout,
            stop,
        }
    }

    /// What is new, in JSON, as soon as something is.
    pub async fn poll(&self, caller: &ServiceCaller, poll: Poll) -> Result<Vec<u8>> {
        caller.require(Scope::Read)?;
        check_place("since", poll.since.as_deref())?;
        let user = Actor::by_one_field("user_id", poll.user.as_deref());
        let user = self.gateway.acting(caller, &user)?;
        let _place = self.polls.wait(&caller.name).await?;
        let answer = async {
            match user {
                Some(user) => self.theirs(caller, &user, &poll).await,
                None => self.ours(caller, &poll).await,
            }
        };
        let Some(token) = caller.token else {
            return answer.await;
        };
        tokio::select! {
            answer = answer => answer,
            () = self.auth.services.ended(token) => Err(Error::Unauthenticated(
                "the service's token has expired or was revoked".to_owned(),
            )),
        }
    }

    fn wait_of(&self, poll: &Poll) -> Duration {
        poll.timeout.unwrap_or(self.timeout).min(LONGEST)
    }
}
