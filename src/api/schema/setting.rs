//! The effective configuration.

use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;

use crate::config;

/// Where a value was found.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "snake_case")]
pub enum SettingSource {
    /// Built in.
    Default,
    /// The configuration file.
    File,
    /// A variable of the environment.
    Variable,
    /// The file that the key's `*_file` form names.
    SecretFile,
}

/// A key of the configuration.
#[derive(Object, Clone, Debug)]
pub struct ConfigSetting {
    /// Section and name, `matrix.heal_interval`.
    pub key: String,
    /// Text, number, flag or list; `(hidden)` for a secret that is set, null when nothing is
    /// set.
    pub value: Any<Value>,
    /// Null for a key that is needed, or that is not set by default.
    pub default: Any<Value>,
    /// Whether the value is a secret.
    pub is_secret: bool,
    pub source: SettingSource,
    /// The path of the file or the name of the variable; null for a default.
    pub source_name: Option<String>,
    /// What it is for.
    pub description: String,
}

/// The effective configuration.
#[derive(Object, Clone, Debug)]
pub struct EffectiveConfig {
    /// Every key, in the order of the sample configuration.
    pub items: Vec<ConfigSetting>,
}

impl From<config::Setting> for ConfigSetting {
    fn from(setting: config::Setting) -> Self {
        let (source, source_name) = match &setting.source {
            config::Source::Default => (SettingSource::Default, None),
            config::Source::File(_) => (SettingSource::File, Some(setting.source.to_string())),
            config::Source::Alias(_) | config::Source::Variable(_) => {
                (SettingSource::Variable, Some(setting.source.to_string()))
            }
            config::Source::SecretFile(_) => {
                (SettingSource::SecretFile, Some(setting.source.to_string()))
            }
        };
        Self {
            key: setting.key.to_owned(),
            value: Any(setting.value),
            default: Any(setting.default),
            is_secret: setting.is_secret,
            source,
            source_name,
            description: setting.description,
        }
    }
}
