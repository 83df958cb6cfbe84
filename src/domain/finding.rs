//! What an examination of the installation finds: one finding a check, with what mends it.

use super::id::Millis;

/// What is looked at. The name of a check is for programs: it is never renamed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    Homeserver,
    Versions,
    Clock,
    AsToken,
    ConnectorUrl,
    HsToken,
    ActAsUsers,
    ActAsAgents,
    RoomVersion,
    CanaryRoom,
    Aliases,
    Directory,
    Canary,
    Ephemeral,
    Presence,
    DataDir,
    Disk,
    InsecureUserHeader,
    Configuration,
    Daemon,
}

impl Check {
    /// As programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Homeserver => "homeserver",
            Self::Versions => "versions",
            Self::Clock => "clock",
            Self::AsToken => "as_token",
            Self::ConnectorUrl => "connector_url",
            Self::HsToken => "hs_token",
            Self::ActAsUsers => "act_as_users",
            Self::ActAsAgents => "act_as_agents",
            Self::RoomVersion => "room_version",
            Self::CanaryRoom => "canary_room",
            Self::Aliases => "aliases",
            Self::Directory => "directory",
            Self::Canary => "canary",
            Self::Ephemeral => "ephemeral",
            Self::Presence => "presence",
            Self::DataDir => "data_dir",
            Self::Disk => "disk",
            Self::InsecureUserHeader => "insecure_user_header",
            Self::Configuration => "configuration",
            Self::Daemon => "daemon",
        }
    }
}

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// It could not be tried, because of another finding or because it is not wanted.
    Skipped,
    Ok,
    /// It works, but not as well as it could.
    Warning,
    Failed,
}

impl Outcome {
    /// As people and programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What one check has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub check: Check,
    pub outcome: Outcome,
    /// What was seen.
    pub seen: String,
    /// The line that mends it.
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(check: Check, seen: impl Into<String>) -> Self {
        Self::new(check, Outcome::Ok, seen, None)
    }

    pub fn skipped(check: Check, seen: impl Into<String>) -> Self {
        Self::new(check, Outcome::Skipped, seen, None)
    }

    pub fn warning(check: Check, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Outcome::Warning, seen, Some(advice.into()))
    }

    pub fn failed(check: Check, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Outcome::Failed, seen, Some(advice.into()))
    }

    fn new(
        check: Check,
        outcome: Outcome,
        seen: impl Into<String>,
        advice: Option<String>,
    ) -> Self {
        Self {
            check,
            outcome,
            seen: seen.into(),
            advice,
        }
    }
}

/// All that one examination has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Examination {
    /// When it began.
    pub at: Millis,
    /// In the order in which they were looked for.
    pub findings: Vec<Finding>,
}

/// The worst outcome of all; nothing found is ok.
#[must_use]
pub fn worst(findings: &[Finding]) -> Outcome {
    let outcomes = findings.iter().map(|finding| finding.outcome);
    outcomes.max().unwrap_or(Outcome::Ok).max(Outcome::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worst_finding_decides() {
        let found = [
            Finding::skipped(Check::Clock, ""),
            Finding::warning(Check::Disk, "", ""),
            Finding::ok(Check::Canary, ""),
        ];
        assert_eq!(worst(&found), Outcome::Warning);
        assert_eq!(worst(&found[..1]), Outcome::Ok);
        assert_eq!(worst(&[]), Outcome::Ok);
    }
}
