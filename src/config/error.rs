//! What is wrong with the configuration, in one line.
//!
//! Each error says where the value stands (file or variable), which key it is, what was found and
//! what is expected. No error may quote a secret. Begin at [`ConfigError`].

use std::path::{Path, PathBuf};

use super::keys::variable;
use super::source::Source;

/// The first thing that is wrong with the configuration. Its text is one line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The configuration file was named but cannot be read.
    #[error("{}: cannot read the configuration: {problem}", path.display())]
    Unreadable { path: PathBuf, problem: String },

    /// The file is not TOML.
    #[error("{}: line {line}: {problem}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        problem: String,
    },

    /// A key that no part of daarion reads, most often a typing error.
    #[error("{at}: unknown key \"{key}\"; {hint}")]
    UnknownKey {
        at: Source,
        key: String,
        hint: String,
    },

    /// A key without a default was given nowhere.
    #[error(
        "missing key \"{key}\": set it in {}{} or with {}, for example {example}",
        file.display(),
        if *file_exists { "" } else { " (no such file)" },
        variable(key)
    )]
    Missing {
        key: String,
        file: PathBuf,
        file_exists: bool,
        example: &'static str,
    },

    /// A value that cannot be used.
    #[error("{at}: {key}: {problem}")]
    Invalid {
        at: Source,
        key: String,
        problem: String,
    },

    /// A file that the service manager hands to the daemon alone.
    #[error(
        "{at}: {key}: {path:?} needs CREDENTIALS_DIRECTORY, which systemd sets for a unit with \
         LoadCredential=; for a command that runs while daarion does not, say where the files are \
         that it names: CREDENTIALS_DIRECTORY=/etc/daarion daarion setup"
    )]
    NoCredentials {
        at: Source,
        key: String,
        path: String,
    },

    /// Two settings of one key where only one may stand.
    #[error("{first} and {second} {problem}")]
    Conflict {
        first: String,
        second: String,
        problem: &'static str,
    },

    /// A variable that older installations set and that has no meaning here.
    #[error("{variable}: {problem}")]
    Refused {
        variable: &'static str,
        problem: &'static str,
    },
}

/// The reason of an input/output failure in words that fit a one-line message.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "not UTF-8 text".to_owned(),
        kind => kind.to_string(),
    }
}

/// Turns the several lines of a TOML syntax error into one.
pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let offset = error.span().map_or(0, |span| span.start);
    let before = text.as_bytes().iter().take(offset);
    ConfigError::Syntax {
        path: path.to_owned(),
        line: before.filter(|byte| **byte == b'\n').count() + 1,
        problem: error.message().replace('\n', ", "),
    }
}
