//! The backfill as a job.

use poem_openapi::{Enum, Object};

use crate::api::bridge::BackfillFailure;
use crate::api::time::Time;
use crate::service::backfill;

/// Whether a backfill is under way, and how the latest one went.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum BackfillState {
    /// None has run since the start of daarion.
    Idle,
    Running,
    /// It came to its end; single rooms may have failed.
    Done,
    /// It could not go on; what is done stays done.
    Failed,
}

/// The latest backfill.
#[derive(Object, Clone, Debug)]
pub struct BackfillJob {
    pub state: BackfillState,
    /// How many rooms there are to look at; 0 until that is known.
    pub total: u64,
    /// How many have been looked at.
    pub checked: u64,
    /// How many had their Matrix room.
    pub found: u64,
    /// How many got theirs.
    pub created: u64,
    /// Those that could not be brought in; run it again when the reason is mended.
    pub failed: Vec<BackfillFailure>,
    /// Null while none has run.
    pub started_at: Option<Time>,
    /// Null until it has ended.
    pub finished_at: Option<Time>,
    /// Why it could not go on; null unless `state` is `failed`.
    pub error: Option<String>,
}

impl From<backfill::Job> for BackfillJob {
    fn from(job: backfill::Job) -> Self {
        let failed = job.summary.failed.into_iter();
        Self {
            state: match job.state {
                backfill::JobState::Idle => BackfillState::Idle,
                backfill::JobState::Running => BackfillState::Running,
                backfill::JobState::Done => BackfillState::Done,
                backfill::JobState::Failed => BackfillState::Failed,
            },
            total: job.total as u64,
            checked: job.summary.checked as u64,
            found: job.summary.found as u64,
            created: job.summary.created as u64,
            failed: failed
                .map(|(slug, error)| BackfillFailure { slug, error })
                .collect(),
            started_at: job.started_at.map(Time),
            finished_at: job.finished_at.map(Time),
            error: job.error.map(|error| error.to_string()),
        }
    }
}
