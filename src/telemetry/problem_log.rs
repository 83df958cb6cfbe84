//! The problem log: the latest distinct warnings and errors, for the operator who has no shell.
//!
//! A layer of the subscriber, so that nobody has to report twice. Only our own lines are taken,
//! and of their fields only the reason: what a dependency says, and what is searched for in the
//! log, stays there. Kept in memory, bounded. Begin at [`ProblemLog`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::advice::Topic;
use crate::clock::Clock;

/// How many distinct problems are kept; the one that was quiet for longest goes first.
pub const KEPT: usize = 50;
/// The longest message, in characters.
const LONGEST: usize = 500;

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    Warning,
    Error,
}

impl Severity {
    /// The word that contracts use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A warning or an error, and how often it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub severity: Severity,
    /// The part of daarion and its words: the same whenever the same thing goes wrong.
    pub code: String,
    /// The words and the latest reason.
    pub message: String,
    pub count: u64,
    /// Milliseconds since the Unix epoch.
    pub first_at: u64,
    pub last_at: u64,
    /// What it is about, where that is well known.
    pub topic: Option<Topic>,
}

/// The latest distinct problems.
#[derive(Default)]
pub struct ProblemLog {
    clock: Clock,
    /// The one that came last stands last.
    problems: Mutex<Vec<Problem>>,
}

impl ProblemLog {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            problems: Mutex::default(),
        }
    }

    /// The problems, the latest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Problem> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.iter().rev().cloned().collect()
    }

    fn note(&self, severity: Severity, target: &str, words: &Words) {
        let topic = Topic::of(&words.message, &words.reason);
        let place = target.strip_prefix("daarion::").unwrap_or(target);
        let code = format!("{place}: {}", words.message);
        let message = words.shown();
        let now = self.clock.now();
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &Problem| {
            known.severity == severity && known.code == code && known.topic == topic
        };
        let before = problems.iter().position(same);
        let before = before.map(|at| problems.remove(at));
        if before.is_none() && problems.len() == KEPT {
            problems.remove(0);
        }
        problems.push(Problem {
            severity,
            code,
            message,
            count: before.as_ref().map_or(0, |known| known.count) + 1,
            first_at: before.map_or(now, |known| known.first_at),
            last_at: now,
            topic,
        });
    }
}

/// The layer that fills a [`ProblemLog`].
pub struct ProblemLayer(pub Arc<ProblemLog>);

impl<S: Subscriber> Layer<S> for ProblemLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = event.metadata();
        let severity = match *line.level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            _ => return,
        };
        let is_ours = line.target().split("::").next() == Some("daarion");
        if is_ours {
            let mut words = Words::default();
            event.record(&mut words);
            self.0.note(severity, line.target(), &words);
        }
    }
}

/// What is taken of a line.
#[derive(Default)]
struct Words {
    message: String,
    reason: String,
}

impl Words {
    fn shown(&self) -> String {
        let whole = if self.reason.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.message, self.reason)
        };
        match whole.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &whole[..end]),
            None => whole,
        }
    }

    fn take(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            "error" | "reason" => self.reason = text,
            _ => {}
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry::Registry;

    use super::*;

    fn noted(lines: impl FnOnce(&Clock)) -> Vec<Problem> {
        let clock = Clock::manual(1_000);
        let log = Arc::new(ProblemLog::new(clock.clone()));
        let subscriber = Registry::default().with(ProblemLayer(log.clone()));
        tracing::subscriber::with_default(subscriber, || lines(&clock));
        log.latest()
    }

    #[test]
    fn repeats_are_counted_and_the_latest_stands_first() {
        let problems = noted(|clock| {
            for (now, reason) in [(1_000, "first"), (2_000, "second")] {
                clock.set(now);
                tracing::warn!(reason, room_id = "!secret", "a room is not adopted");
            }
            tracing::error!("all is lost");
            tracing::info!("all is well");
            tracing::error!(target: "elsewhere", "not ours");
            tracing::error!(target: "daarionish", "not ours either");
        });
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[0].severity, Severity::Error);
        assert_eq!(problems[0].message, "all is lost");
        let repeated = &problems[1];
        assert_eq!(repeated.severity, Severity::Warning);
        assert_eq!(repeated.message, "a room is not adopted: second");
        assert_eq!(
            repeated.code,
            "telemetry::problem_log::tests: a room is not adopted"
        );
        assert_eq!((repeated.count, repeated.topic), (2, None));
        assert_eq!((repeated.first_at, repeated.last_at), (1_000, 2_000));
    }

    #[test]
    fn one_line_with_two_causes_is_two_problems() {
        let problems = noted(|_| {
            let unknown = "the homeserver does not know our as_token: is it loaded?";
            for reason in [unknown, "homeserver unavailable: refused"] {
                tracing::warn!(reason, "the connector is not at work yet");
            }
        });
        let topics: Vec<_> = problems.iter().map(|problem| problem.topic).collect();
        assert_eq!(
            topics,
            [Some(Topic::HomeserverAway), Some(Topic::UnknownAsToken)]
        );
    }

    #[test]
    fn the_log_and_each_line_are_bounded() {
        let problems = noted(|_| {
            for number in 0..KEPT + 5 {
                let message = format!("problem {number}");
                tracing::error!("{message}");
            }
            let long = "ї".repeat(10_000);
            tracing::error!(error = %long, "long");
        });
        assert_eq!(problems.len(), KEPT);
        assert_eq!(problems[0].message.chars().count(), LONGEST + 1);
        assert_eq!(problems[1].message, format!("problem {}", KEPT + 4));
    }
}
