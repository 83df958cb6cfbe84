//! A configuration to try: a file in a directory of its own, and variables.

use std::path::PathBuf;

use daarion::config::{Config, ConfigError};
use tempfile::TempDir;

pub const AS_TOKEN: &str = "as-token-0123456789";
pub const HS_TOKEN: &str = "hs-token-0123456789";
pub const SECRET: &str = "internal-0123456789";

/// A directory with a configuration file in it, which may be empty, and an environment.
pub struct Case {
    pub directory: TempDir,
    pub env: Vec<(String, String)>,
}

impl Case {
    /// All needed keys are set by variables of the lowest rank that can hold them.
    pub fn new(toml: &str) -> Self {
        let mut case = Self::bare(toml);
        case.set("MATRIX_HOMESERVER_URL", "http://127.0.0.1:8008");
        case.set("MATRIX_SERVER_NAME", "example.org");
        case.set("DAARION_MATRIX__AS_TOKEN", AS_TOKEN);
        case.set("DAARION_MATRIX__HS_TOKEN", HS_TOKEN);
        case.set("INTERNAL_SERVICE_SECRET", SECRET);
        case
    }

    pub fn bare(toml: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let case = Self {
            directory,
            env: Vec::new(),
        };
        case.write("daarion.toml", toml);
        case
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a writable temporary directory");
        path
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.env.retain(|(known, _)| known != name);
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.unset(name);
        self
    }

    pub fn load(&self) -> Config {
        Config::load_from(Some(&self.path("daarion.toml")), self.env.clone())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// What a command that asks the daemon finds out.
    pub fn admin(&self) -> Result<PathBuf, ConfigError> {
        Config::load_admin_from(Some(&self.path("daarion.toml")), self.env.clone())
    }

    /// The line of the error, with the path of the directory shortened to `DIR`.
    pub fn error(&self) -> String {
        let outcome = Config::load_from(Some(&self.path("daarion.toml")), self.env.clone());
        let line = match outcome {
            Ok(_) => "no error".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(!line.contains('\n'), "more than one line: {line}");
        line.replace(&self.directory.path().display().to_string(), "DIR")
    }
}
