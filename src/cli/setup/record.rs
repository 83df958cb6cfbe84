//! What setup has done to the homeserver, kept beside the configuration so that it can be undone.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::change;

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// As it was given.
    pub homeserver_config: Vec<PathBuf>,
    pub registration: PathBuf,
    /// The file of the homeserver that was changed; `None` when it named the registration already.
    pub edited: Option<Edited>,
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
}
