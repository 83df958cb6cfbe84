//! How the installation does, as operators see it.

use poem_openapi::{Enum, Object};

use crate::api::time::Time;
use crate::domain::event;
use crate::service::link;
use crate::service::status::Status;
use crate::telemetry;

/// Whether the homeserver answers.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum HomeserverState {
    Connected,
    Unreachable,
}

/// Whether the homeserver has our registration and reaches us by it.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "snake_case")]
pub enum RegistrationState {
    /// It does.
    Ok,
    /// It does not know our token or our id.
    Refused,
    /// It knows us, and cannot reach `matrix.connector_url`.
    UnreachableFromHomeserver,
    /// It has not been asked yet, or could not be.
    Unknown,
}

/// The link to the homeserver.
#[derive(Object, Clone, Debug)]
pub struct HomeserverLink {
    /// As daarion reaches it.
    pub url: String,
    /// The part after the colon of its user ids.
    pub server_name: String,
    /// Whether it answers now.
    pub status: HomeserverState,
    /// Why it is unreachable; null when it is connected.
    pub reason: Option<String>,
    /// By the latest check and the latest ping.
    pub registration: RegistrationState,
    /// Why the registration is not well; null when it is, or when that is not known.
    pub registration_reason: Option<String>,
    /// When it last brought a transaction; null when it has not since the start.
    pub last_transaction_at: Option<Time>,
}

/// Somebody who reads the journal from a position of their own.
#[derive(Object, Clone, Debug)]
pub struct ReaderLag {
    /// `index`, or a webhook by the host of its receiver and its service.
    pub name: String,
    /// The last event that it has read.
    pub position: u64,
    /// How many events it is behind.
    pub lag: u64,
}

/// The store.
#[derive(Object, Clone, Debug)]
pub struct StoreState {
    /// Size of its file in bytes.
    pub bytes: u64,
    /// Format of its file.
    pub format: u64,
    /// Whether the last write failed.
    pub failing: bool,
}

/// The journal's positions.
#[derive(Object, Clone, Debug)]
pub struct JournalState {
    /// The oldest event that is kept; `head` + 1 when none is.
    pub first: u64,
    /// The newest event.
    pub head: u64,
    /// The reader for which events are kept that are older than `journal.retention`; null when there
    /// is none.
    pub held_by: Option<String>,
}

/// How many there are.
#[derive(Object, Clone, Debug)]
pub struct Counts {
    pub channels: u64,
    pub messages: u64,
    pub agents: u64,
    /// Members of any channel who are online now.
    pub members_online: u64,
}

/// Matrix events of channels that could not be used.
#[derive(Object, Clone, Debug)]
pub struct SkippedEvents {
    /// How many there have been.
    pub count: u64,
    /// The latest, newest first, at most 20. `daarion status --json` shows what they say.
    pub latest: Vec<SkippedEvent>,
}

/// A Matrix event of a channel that could not be used.
#[derive(Object, Clone, Debug)]
pub struct SkippedEvent {
    pub at: Time,
    /// Its type is not known, or what of it is malformed.
    pub reason: String,
}

/// How bad a problem is.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum ProblemLevel {
    Warning,
    Error,
}

/// What a well-known problem is about.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "snake_case")]
pub enum ProblemTopic {
    UnknownAsToken,
    HomeserverAway,
    CannotReachUs,
    PushRefused,
    DiskFull,
    StoreFailing,
    SkippedEvents,
    SlowReceiver,
}

/// A warning or an error of the log, without the words of people and without secrets.
#[derive(Object, Clone, Debug)]
pub struct LoggedProblem {
    /// When it came last.
    pub at: Time,
    /// When it came first, since the start.
    pub first_at: Time,
    pub level: ProblemLevel,
    /// The same whenever the same thing goes wrong: the part of daarion and its words.
    pub code: String,
    /// The words, and the latest reason.
    pub message: String,
    /// How often it came since the start.
    pub count: u64,
    /// What it is about; null when it is not one of the well-known.
    pub topic: Option<ProblemTopic>,
    /// What to do about it; null when it is not one of the well-known.
    pub advice: Option<String>,
}

/// How the installation does.
#[derive(Object, Clone, Debug)]
pub struct Overview {
    /// Of daarion.
    pub version: String,
    /// When daarion was started.
    pub started_at: Time,
    pub homeserver: HomeserverLink,
    /// Events that were kept in the latest sixty seconds.
    pub events_per_minute: u64,
    /// The same for each of the latest sixty minutes, the oldest first, the running one last.
    pub events_by_minute: Vec<u64>,
    pub readers: Vec<ReaderLag>,
    pub store: StoreState,
    pub journal: JournalState,
    pub counts: Counts,
    pub skipped: SkippedEvents,
    /// Whether a rebuild of the index from the homeserver is under way.
    pub rebuilding: bool,
    /// Channels that are being made.
    pub open_creations: u64,
    /// The latest distinct warnings and errors since the start, the latest first, at most 50.
    pub problems: Vec<LoggedProblem>,
}

/// How many of the skipped events an overview shows.
const SKIPPED: usize = 20;

impl From<Status> for Overview {
    fn from(status: Status) -> Self {
        let lag = |(name, position): (String, u64)| ReaderLag {
            name,
            position,
            lag: status.journal_head.saturating_sub(position),
        };
        let skipped = status.latest_skipped.iter().take(SKIPPED);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Time(status.started_at),
            homeserver: HomeserverLink::of(&status),
            events_per_minute: status.events_per_minute,
            readers: status.readers.into_iter().map(lag).collect(),
            store: StoreState {
                bytes: status.store.bytes,
                format: status.store.format,
                failing: status.store.failing,
            },
            journal: JournalState {
                first: status.journal_first,
                head: status.journal_head,
                held_by: status.journal_held_by,
            },
            counts: Counts {
                channels: status.channels,
                messages: status.messages,
                agents: status.agents,
                members_online: status.members_online,
            },
            skipped: SkippedEvents {
                count: status.skipped,
                latest: skipped.map(Into::into).collect(),
            },
            rebuilding: status.rebuilding,
            open_creations: status.open_creations,
            events_by_minute: status.events_by_minute,
            problems: status.problems.into_iter().map(Into::into).collect(),
        }
    }
}

impl HomeserverLink {
    fn of(status: &Status) -> Self {
        let reason = status.health.homeserver.clone().err();
        Self {
            url: status.homeserver_url.clone(),
            server_name: status.server_name.clone(),
            status: match reason {
                None => HomeserverState::Connected,
                Some(_) => HomeserverState::Unreachable,
            },
            reason,
            registration: status.registration.into(),
            registration_reason: status.registration_reason.clone(),
            last_transaction_at: status.last_transaction_at.map(Time),
        }
    }
}

impl From<link::Registration> for RegistrationState {
    fn from(state: link::Registration) -> Self {
        match state {
            link::Registration::Ok => Self::Ok,
            link::Registration::Refused => Self::Refused,
            link::Registration::UnreachableFromHomeserver => Self::UnreachableFromHomeserver,
            link::Registration::Unknown => Self::Unknown,
        }
    }
}

impl From<&event::Skipped> for SkippedEvent {
    fn from(skipped: &event::Skipped) -> Self {
        Self {
            at: Time(skipped.at),
            reason: skipped.reason.clone(),
        }
    }
}

impl From<telemetry::Problem> for LoggedProblem {
    fn from(problem: telemetry::Problem) -> Self {
        Self {
            at: Time(problem.last_at),
            first_at: Time(problem.first_at),
            level: match problem.severity {
                telemetry::Severity::Warning => ProblemLevel::Warning,
                telemetry::Severity::Error => ProblemLevel::Error,
            },
            code: problem.code,
            message: problem.message,
            count: problem.count,
            topic: problem.topic.map(Into::into),
            advice: problem.topic.map(|topic| topic.advice().to_owned()),
        }
    }
}

impl From<telemetry::Topic> for ProblemTopic {
    fn from(topic: telemetry::Topic) -> Self {
        match topic {
            telemetry::Topic::UnknownAsToken => Self::UnknownAsToken,
            telemetry::Topic::HomeserverAway => Self::HomeserverAway,
            telemetry::Topic::CannotReachUs => Self::CannotReachUs,
            telemetry::Topic::PushRefused => Self::PushRefused,
            telemetry::Topic::DiskFull => Self::DiskFull,
            telemetry::Topic::StoreFailing => Self::StoreFailing,
            telemetry::Topic::SkippedEvents => Self::SkippedEvents,
            telemetry::Topic::SlowReceiver => Self::SlowReceiver,
        }
    }
}
