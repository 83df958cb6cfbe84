//! What the doctor has found.

use poem_openapi::{Enum, Object};

use crate::api::time::Time;
use crate::domain::finding::{self, Outcome, worst};

/// What is looked at. Once given, a name is never another's; there may be more of them later.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "snake_case")]
pub enum DoctorCheck {
    Homeserver,
    Versions,
    Clock,
    AsToken,
    ConnectorUrl,
    HsToken,
    ActAsUsers,
    ActAsAgents,
    RoomVersion,
    /// Only when the room in which things are tried could not be made.
    CanaryRoom,
    Aliases,
    Directory,
    Canary,
    Ephemeral,
    Presence,
    DataDir,
    Disk,
    /// Only where `X-User-Id` alone is believed.
    InsecureUserHeader,
    /// Of `daarion doctor` alone.
    Configuration,
    /// Of `daarion doctor` alone, when the daemon does not run.
    Daemon,
}

impl From<finding::Check> for DoctorCheck {
    fn from(check: finding::Check) -> Self {
        use finding::Check as Is;
        match check {
            Is::Homeserver => Self::Homeserver,
            Is::Versions => Self::Versions,
            Is::Clock => Self::Clock,
            Is::AsToken => Self::AsToken,
            Is::ConnectorUrl => Self::ConnectorUrl,
            Is::HsToken => Self::HsToken,
            Is::ActAsUsers => Self::ActAsUsers,
            Is::ActAsAgents => Self::ActAsAgents,
            Is::RoomVersion => Self::RoomVersion,
            Is::CanaryRoom => Self::CanaryRoom,
            Is::Aliases => Self::Aliases,
            Is::Directory => Self::Directory,
            Is::Canary => Self::Canary,
            Is::Ephemeral => Self::Ephemeral,
            Is::Presence => Self::Presence,
            Is::DataDir => Self::DataDir,
            Is::Disk => Self::Disk,
            Is::InsecureUserHeader => Self::InsecureUserHeader,
            Is::Configuration => Self::Configuration,
            Is::Daemon => Self::Daemon,
        }
    }
}

/// How a check came out.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum FindingStatus {
    Ok,
    /// It works, but not as well as it could.
    Warning,
    Failed,
    /// It could not be tried, because of another finding or because it is not wanted.
    Skipped,
}

impl From<Outcome> for FindingStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok => Self::Ok,
            Outcome::Warning => Self::Warning,
            Outcome::Failed => Self::Failed,
            Outcome::Skipped => Self::Skipped,
        }
    }
}

/// The worst of all findings.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum DoctorStatus {
    Ok,
    Warning,
    Failed,
}

/// What one check has found.
#[derive(Object, Clone, Debug)]
pub struct Finding {
    pub id: DoctorCheck,
    pub status: FindingStatus,
    /// What was seen, in English.
    pub seen: String,
    /// The line that mends it; null when there is nothing to mend.
    pub advice: Option<String>,
}

/// One examination, as `daarion doctor --json` prints it.
#[derive(Object, Clone, Debug)]
pub struct DoctorReport {
    /// The worst of the findings; what was skipped does not count.
    pub status: DoctorStatus,
    /// In the order in which they were looked for.
    pub findings: Vec<Finding>,
    /// When the examination began.
    pub examined_at: Time,
}

impl From<&finding::Finding> for Finding {
    fn from(finding: &finding::Finding) -> Self {
        Self {
            id: finding.check.into(),
            status: finding.outcome.into(),
            seen: finding.seen.clone(),
            advice: finding.advice.clone(),
        }
    }
}

impl From<&finding::Examination> for DoctorReport {
    fn from(examination: &finding::Examination) -> Self {
        let findings = &examination.findings;
        Self {
            status: match worst(findings) {
                Outcome::Failed => DoctorStatus::Failed,
                Outcome::Warning => DoctorStatus::Warning,
                Outcome::Ok | Outcome::Skipped => DoctorStatus::Ok,
            },
            findings: findings.iter().map(Into::into).collect(),
            examined_at: Time(examination.at),
        }
    }
}
