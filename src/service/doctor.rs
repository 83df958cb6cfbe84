//! The doctor: tries out whether the installation is sound, and says of each finding what mends
//! it.
//!
//! It tries instead of reading configurations: what the homeserver has really granted shows only
//! in what it lets us do. Begin at [`Doctor::examine`]; `link` looks at the homeserver, `canary` at
//! what comes back from it, `machine` at this machine.

mod canary;
mod link;
mod machine;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, watch};

use crate::clock::Clock;
use crate::domain::entity::Naming;
use crate::domain::finding::{Check, Examination, Finding};
use crate::domain::{Error, Result};
use crate::homeserver::Homeserver;
use crate::homeserver::checkup::Checkup;
use crate::ingest::Pushed;

/// What is said where a registration has to be made anew.
const SET_UP_AGAIN: &str = "daarion setup, then restart the homeserver and daarion";

/// What is said where the registration is not the reason.
const LOOK_INTO_LOG: &str = "look into the homeserver's log, then daarion doctor, once more";

/// What mends a request that failed: only a homeserver that refuses it has another registration.
fn advice(error: &Error) -> &'static str {
    let is_refused = match error {
        Error::HomeserverRefused {
            status, errcode, ..
        } => matches!(status, 401 | 403) || errcode == "M_EXCLUSIVE",
        error => error.is_unknown_connector(),
    };
    if is_refused {
        SET_UP_AGAIN
    } else {
        LOOK_INTO_LOG
    }
}

/// Who examines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Examiner {
    /// The daemon, or somebody with its rights.
    Daemon,
    /// Root, who may write where the daemon may not. The number is that of the daemon's account.
    Root { account: Option<u32> },
}

/// The part of the configuration that is looked at.
#[derive(Clone, Debug)]
pub struct Patient {
    pub naming: Naming,
    /// What a city alias begins with.
    pub room_prefix: String,
    pub homeserver_url: String,
    pub connector_url: String,
    /// Whether daarion is to act as every local user.
    pub acts_as_all: bool,
    /// Whether `X-User-Id` alone is believed.
    pub believes_header: bool,
    pub data_dir: PathBuf,
    pub examiner: Examiner,
}

/// The doctor.
pub struct Doctor {
    homeserver: Arc<dyn Homeserver>,
    checkup: Arc<dyn Checkup>,
    patient: Patient,
    clock: Clock,
    /// What the homeserver pushes; `None` when this process does not listen.
    pushed: Option<watch::Receiver<Pushed>>,
    /// The latest examination, and when it began. Locked while one is under way: two at once
    /// would see each other's traces.
    latest: Mutex<Option<(Instant, Arc<Examination>)>>,
}

impl Doctor {
    #[must_use]
    pub fn new(
        homeserver: Arc<dyn Homeserver>,
        checkup: Arc<dyn Checkup>,
        patient: Patient,
        clock: Clock,
        pushed: Option<watch::Receiver<Pushed>>,
    ) -> Self {
        Self {
            homeserver,
            checkup,
            patient,
            clock,
            pushed,
            latest: Mutex::default(),
        }
    }

    /// Tries everything. Those who ask while an examination is under way share the next one. On a
    /// task of its own: what was tried out is cleared away even when nobody waits any more.
    pub async fn examine(self: &Arc<Self>) -> Result<Arc<Examination>> {
        let asked = self.clock.instant();
        let doctor = self.clone();
        let work = tokio::spawn(async move {
            let mut latest = doctor.latest.lock().await;
            match &*latest {
                Some((begun, examination)) if *begun >= asked => examination.clone(),
                _ => {
                    let begun = doctor.clock.instant();
                    let examination = Arc::new(doctor.try_everything().await);
                    *latest = Some((begun, examination.clone()));
                    examination
                }
            }
        });
        work.await
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// The latest examination, or the one under way; `None` when there was none since the start.
    pub async fn latest(&self) -> Option<Arc<Examination>> {
        let latest = self.latest.lock().await;
        latest.as_ref().map(|(_, examination)| examination.clone())
    }

    /// In the order in which one thing needs another.
    async fn try_everything(&self) -> Examination {
        let at = self.clock.now();
        let mut findings = self.examine_link().await;
        findings.extend(self.examine_push(&findings).await);
        findings.extend(self.examine_machine().await);
        Examination { at, findings }
    }
}

/// Whether a check has come out well.
fn is_fine(findings: &[Finding], check: Check) -> bool {
    use crate::domain::finding::Outcome;
    findings
        .iter()
        .any(|finding| finding.check == check && finding.outcome == Outcome::Ok)
}
