//! The job that a backfill is: what it is at, for whoever looks. It lives in the daemon, so it
//! is the same however the backfill was started, and after the page was loaded anew.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Outcome, Summary};
use crate::domain::id::Millis;
use crate::domain::{Error, Result};

/// Whether a backfill is under way, and how the latest one went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JobState {
    /// None has run since the start.
    #[default]
    Idle,
    Running,
    /// The latest one came to its end; rooms may have failed.
    Done,
    /// The latest one could not go on.
    Failed,
}

/// The latest backfill.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Job {
    pub state: JobState,
    /// How many rooms there are to look at; 0 until that is known.
    pub total: usize,
    /// What has been done so far.
    pub summary: Summary,
    pub started_at: Option<Millis>,
    pub finished_at: Option<Millis>,
    /// Why it could not go on.
    pub error: Option<Error>,
}

/// Where the job is written down; clones show the same one.
#[derive(Clone, Default)]
pub struct JobBoard(Arc<Mutex<Job>>);

impl JobBoard {
    /// The job as it is now.
    #[must_use]
    pub fn read(&self) -> Job {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A new job, which counts as failed when its guard is dropped before its end.
    pub(super) fn begin(&self, now: Millis) -> Running {
        self.write(|job| {
            *job = Job {
                state: JobState::Running,
                started_at: Some(now),
                ..Job::default()
            };
        });
        Running(self.clone())
    }

    fn write(&self, change: impl FnOnce(&mut Job)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The job that is under way.
pub(super) struct Running(JobBoard);

impl Running {
    pub fn set_total(&self, total: usize) {
        self.0.write(|job| job.total = total);
    }

    pub fn count(&self, slug: &str, outcome: &Outcome) {
        self.0.write(|job| job.summary.count(slug, outcome));
    }

    pub fn end(self, now: Millis, outcome: &Result<Summary>) {
        self.0.write(|job| {
            job.finished_at = Some(now);
            job.error = outcome.as_ref().err().cloned();
            job.state = match outcome {
                Ok(_) => JobState::Done,
                Err(_) => JobState::Failed,
            };
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.write(|job| {
            if job.state == JobState::Running {
                job.state = JobState::Failed;
                job.error = Some(Error::internal("the backfill broke off; the log says why"));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_counted_and_ends() {
        let board = JobBoard::default();
        assert_eq!(board.read(), Job::default());
        let running = board.begin(10);
        running.set_total(2);
        running.count("a", &Outcome::Found);
        let job = board.read();
        assert_eq!((job.state, job.total), (JobState::Running, 2));
        assert_eq!((job.summary.checked, job.summary.found), (1, 1));
        running.end(20, &Ok(Summary::default()));
        let job = board.read();
        assert_eq!((job.state, job.finished_at), (JobState::Done, Some(20)));
        assert_eq!(job.error, None);
    }

    #[test]
    fn a_job_that_breaks_off_has_failed() {
        let board = JobBoard::default();
        drop(board.begin(10));
        let job = board.read();
        assert_eq!(job.state, JobState::Failed);
        assert!(job.error.is_some());
        board.begin(30).end(40, &Err(Error::unavailable("away")));
        let job = board.read();
        assert_eq!(job.state, JobState::Failed);
        assert_eq!(job.error, Some(Error::unavailable("away")));
    }
}
