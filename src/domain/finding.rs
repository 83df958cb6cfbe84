//! What an examination of the installation finds: one finding a check, with what mends it.

use super::id::Millis;

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
    /// The name of the check, for programs: it is never renamed.
    pub check: &'static str,
    pub outcome: Outcome,
    /// What was seen.
    pub seen: String,
    /// The line that mends it.
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Outcome::Ok, seen, None)
    }

    pub fn skipped(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Outcome::Skipped, seen, None)
    }

    pub fn warning(
        check: &'static str,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(check, Outcome::Warning, seen, Some(advice.into()))
    }

    pub fn failed(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Outcome::Failed, seen, Some(advice.into()))
    }

    fn new(
        check: &'static str,
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
            Finding::skipped("a", ""),
            Finding::warning("b", "", ""),
            Finding::ok("c", ""),
        ];
        assert_eq!(worst(&found), Outcome::Warning);
        assert_eq!(worst(&found[..1]), Outcome::Ok);
        assert_eq!(worst(&[]), Outcome::Ok);
    }
}
