//! Health: whether the homeserver and the store are there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::Core;
use super::link::Link;
use crate::domain::Result;

/// How long an answer of the homeserver counts: a flood of health checks is not handed on.
const FRESH: Duration = Duration::from_secs(2);

/// The health service.
pub struct Health {
    core: Arc<Core>,
    link: Arc<Link>,
    last: Mutex<Option<(Instant, Result<()>)>>,
}

/// How daarion is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthReport {
    /// `Err` with the reason when the homeserver cannot be reached.
    pub homeserver: Result<(), String>,
    /// `Err` with the reason when nothing can be stored.
    pub store: Result<(), String>,
}

impl HealthReport {
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.homeserver.is_ok() && self.store.is_ok()
    }
}

impl Health {
    #[must_use]
    pub fn new(core: Arc<Core>, link: Arc<Link>) -> Self {
        Self {
            core,
            link,
            last: Mutex::default(),
        }
    }

    /// Checks both, the homeserver at most every two seconds.
    pub async fn report(&self) -> HealthReport {
        HealthReport {
            homeserver: self.homeserver().await.map_err(|error| error.to_string()),
            store: self.store(),
        }
    }

    /// Whether what is sent now would be kept.
    pub fn store(&self) -> Result<(), String> {
        if self.core.store.closer.status().failing {
            return Err("the last write to the store failed".to_owned());
        }
        Ok(())
    }

    async fn homeserver(&self) -> Result<()> {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && self.core.clock.instant().duration_since(*at) < FRESH
        {
            return answer.clone();
        }
        let answer = self.core.homeserver.check().await;
        self.link.note_check(&answer);
        *last = Some((self.core.clock.instant(), answer.clone()));
        answer
    }
}
