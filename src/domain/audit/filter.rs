//! Which records somebody wants to see.

use serde_json::{Map, Value};

use super::at;
use crate::domain::error::{Error, Result};
use crate::domain::id::{ChannelId, Millis};

/// Which records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    pub actor: Option<String>,
    /// An action, or a kind of them: `member` for `member.banned` and the like.
    pub action: Option<String>,
    pub target: Option<String>,
    pub channel: Option<ChannelId>,
    pub since: Option<Millis>,
    /// Not later than this.
    pub until: Option<Millis>,
}

impl AuditFilter {
    /// Checks that it can be met at all.
    pub fn check(&self) -> Result<()> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since > until => {
                Err(Error::invalid("until", "must not be before since"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a record is one of them.
    #[must_use]
    pub fn admits(&self, record: &Map<String, Value>) -> bool {
        let text = |field: &str| record.get(field).and_then(Value::as_str);
        let is = |field, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|it| text(field) == Some(it))
        };
        let at = at(record);
        let channel = self.channel.map(|id| id.0.to_string());
        is("actor", &self.actor)
            && is("target", &self.target)
            && is("channel_id", &channel)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at <= until)
            && self.admits_action(text("action").unwrap_or_default())
    }

    fn admits_action(&self, action: &str) -> bool {
        let Some(wanted) = &self.action else {
            return true;
        };
        let rest = action.strip_prefix(wanted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}
