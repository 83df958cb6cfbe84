//! What setup has done to the homeserver, kept beside the configuration so that it can be undone.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Deserializer, Serialize};

use super::change;

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// As it was given.
    pub homeserver_config: Vec<PathBuf>,
    pub registration: PathBuf,
    /// What the registration was before, when somebody else had made it.
    #[serde(default)]
    pub registration_copy: Option<PathBuf>,
    /// The files of the homeserver that were changed; none when it named the registration already.
    #[serde(default, deserialize_with = "one_or_many")]
    pub edited: Vec<Edited>,
}

/// A file that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    pub file: PathBuf,
    /// What it was before; `None` when there was no such file.
    pub copy: Option<PathBuf>,
}

impl Record {
    /// Where the record of a configuration stands.
    pub fn path(config: &Path) -> PathBuf {
        config.with_file_name("setup.json")
    }

    pub fn read(config: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(config);
        let Some(text) = change::read(&path)? else {
            return Ok(None);
        };
        let record = serde_json::from_str(&text);
        record.with_context(|| format!("{} is no record of a set-up", path.display()))
    }

    pub fn text(&self) -> String {
        format!("{:#}\n", serde_json::json!(self))
    }

    /// Whether a registration is setup's own work, or was seen to when it was taken over.
    pub fn knows(&self, registration: &Path) -> bool {
        self.registration == registration
    }
}

/// Records were made that know one file at the most.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Edited>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Many(Vec<Edited>),
        One(Edited),
    }
    Ok(match Option::deserialize(from)? {
        Some(Form::Many(edited)) => edited,
        Some(Form::One(edited)) => vec![edited],
        None => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_form_is_read() {
        let text = r#"{"homeserver_config": [], "registration": "/r", "edited": EDITED}"#;
        let read = |edited: &str| {
            let text = text.replace("EDITED", edited);
            let record: Record = serde_json::from_str(&text).expect("a record");
            record.edited
        };
        let one = Edited {
            file: "/h".into(),
            copy: None,
        };
        let form = r#"{"file": "/h", "copy": null}"#;
        assert_eq!(read("null"), []);
        assert_eq!(read(form), std::slice::from_ref(&one));
        assert_eq!(read(&format!("[{form}]")), [one]);
    }
}
