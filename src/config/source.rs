//! Where a value of the configuration came from, so that an error can point at it.
//!
//! The order of the variants is the order of precedence: a later one wins over an earlier one.

use std::fmt;
use std::path::PathBuf;

/// The place that a value was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable of an older installation, such as `SYNAPSE_URL`.
    Alias(&'static str),
    /// A variable of the form `DAARION_<SECTION>__<KEY>`.
    Variable(String),
    /// The file that a `*_file` key names.
    SecretFile(PathBuf),
}

impl Source {
    /// Whether the value arrived as bare text, which then stands for a number, a flag or a list.
    pub(super) fn is_environment(&self) -> bool {
        matches!(self, Self::Alias(_) | Self::Variable(_))
    }

    /// Precedence: the higher rank wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Alias(_) => 2,
            Self::Variable(_) | Self::SecretFile(_) => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) | Self::SecretFile(path) => write!(f, "{}", path.display()),
            Self::Alias(name) => f.write_str(name),
            Self::Variable(name) => f.write_str(name),
        }
    }
}
