//! `[log]`: what is written to the standard error stream, and how.

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use super::error::ConfigError;
use super::values::Values;

/// The section `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogConfig {
    /// How a line looks. Default `auto`.
    pub format: LogFormat,
    /// A level, or filter directives like `info,daarion::matrix=debug`. Default `info`.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// Lines for reading.
    Human,
    /// One JSON object a line.
    Json,
}

impl LogConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            format: values.parsed("log.format", "\"auto\", \"human\" or \"json\"", |text| {
                match text {
                    "auto" => Some(LogFormat::Auto),
                    "human" => Some(LogFormat::Human),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                }
            })?,
            level: values.parsed(
                "log.level",
                "off, error, warn, info, debug, trace, or directives like \
                 \"info,daarion::matrix=debug\"",
                |text| is_filter(text).then(|| text.to_owned()),
            )?,
        })
    }
}

/// The filter takes a bare word that is no level for the name of a module, and would then show
/// nothing at all; here it is a typing error.
fn is_filter(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_sound = |directive: &str| {
        let is_level = LEVELS.contains(&directive.to_lowercase().as_str());
        is_level || directive.contains(['=', '['])
    };
    text.split(',').map(str::trim).all(is_sound) && EnvFilter::builder().parse(text).is_ok()
}
