//! The values as they were found, each with its source, and typed reading of them.
//!
//! A [`Values`] is what `load` has put together; the section files read from it. Each reader names
//! what it expects, so that a wrong value ends in one line that says key, source and expectation.
//! Nothing here knows a section. Begin at [`Values::parsed`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use humantime_serde::re::humantime;
use toml::Value;
use url::Url;

use super::error::ConfigError;
use super::keys::Key;
use super::source::Source;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub value: Value,
    pub source: Source,
}

/// All values of one table of keys, the winning one for each.
pub(super) struct Values {
    pub keys: &'static [Key],
    /// What stands before a key in messages: empty, or `auth.issuers[0].`.
    pub prefix: String,
    pub found: BTreeMap<String, Found>,
    /// The configuration file, named in the message about a missing key.
    pub file: PathBuf,
    pub file_exists: bool,
    /// `CREDENTIALS_DIRECTORY` of the environment, set by systemd.
    pub credentials: Option<String>,
}

impl Values {
    pub fn key(&self, name: &str) -> &'static Key {
        self.keys
            .iter()
            .find(|key| key.name == name)
            .expect("a key that is read stands in the catalogue")
    }

    /// The value of a key, or that it is missing.
    pub fn get(&self, name: &str) -> Result<&Found, ConfigError> {
        self.found.get(name).ok_or_else(|| ConfigError::Missing {
            key: format!("{}{name}", self.prefix),
            file: self.file.clone(),
            file_exists: self.file_exists,
            example: self.key(name).example,
        })
    }

    /// The error for a key whose value cannot be used.
    pub fn invalid(&self, name: &str, problem: impl Into<String>) -> ConfigError {
        self.invalid_at(self.source(name), name, problem)
    }

    /// The error for two keys that do not fit together, at the source of the one that was set.
    pub fn invalid_beside(
        &self,
        name: &str,
        other: &str,
        problem: impl Into<String>,
    ) -> ConfigError {
        let source = match self.source(name) {
            Source::Default => self.source(other),
            source => source,
        };
        self.invalid_at(source, name, problem)
    }

    fn source(&self, name: &str) -> Source {
        let file_form = || self.found.get(&format!("{name}_file"));
        let found = self.found.get(name).or_else(file_form);
        found.map_or(Source::Default, |found| found.source.clone())
    }

    pub fn invalid_at(&self, at: Source, name: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            at,
            key: format!("{}{name}", self.prefix),
            problem: problem.into(),
        }
    }

    fn unexpected(&self, name: &str, expected: &str, found: &str) -> ConfigError {
        self.invalid(name, format!("expected {expected}, found {found}"))
    }

    /// Text that `parse` accepts.
    pub fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let value = &self.get(name)?.value;
        value
            .as_str()
            .and_then(parse)
            .ok_or_else(|| self.unexpected(name, expected, &shown(value)))
    }

    /// As [`Values::parsed`], where empty text means "not set".
    pub fn optional<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.parsed(name, expected, |text| {
            if text.is_empty() {
                Some(None)
            } else {
                parse(text).map(Some)
            }
        })
    }

    pub fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        let found = self.get(name)?;
        match (&found.value, found.value.as_str()) {
            (Value::Boolean(flag), _) => Ok(*flag),
            (_, Some("true")) if found.source.is_environment() => Ok(true),
            (_, Some("false")) if found.source.is_environment() => Ok(false),
            (value, _) => Err(self.unexpected(name, "true or false", &shown(value))),
        }
    }

    /// A whole number from 1 to the largest of its type.
    pub fn count(&self, name: &str) -> Result<u32, ConfigError> {
        let found = self.get(name)?;
        let number = match &found.value {
            Value::Integer(number) => u32::try_from(*number).ok(),
            Value::String(text) if found.source.is_environment() => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| self.unexpected(name, "a whole number above 0", &shown(&found.value)))
    }

    pub fn duration(&self, name: &str) -> Result<Duration, ConfigError> {
        self.parsed(name, DURATION, parse_duration)
    }

    /// As [`duration`](Self::duration); nothing is one, too.
    pub fn duration_or_none(&self, name: &str) -> Result<Duration, ConfigError> {
        self.parsed(name, DURATION, |text| humantime::parse_duration(text).ok())
    }

    /// Bytes.
    pub fn size(&self, name: &str) -> Result<usize, ConfigError> {
        self.parsed(name, "a size like \"32MiB\"", |text| {
            let bytes = text.parse::<ByteSize>().ok()?.as_u64();
            usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)
        })
    }

    pub fn path(&self, name: &str) -> Result<PathBuf, ConfigError> {
        self.parsed(name, "a path", |text| {
            (!text.is_empty()).then(|| PathBuf::from(text))
        })
    }

    /// A list of texts; one text alone is a list of one, and a variable separates by commas.
    pub fn list<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let parse_one = |item: &Value| {
            item.as_str()
                .and_then(&parse)
                .ok_or_else(|| self.unexpected(name, expected, &shown(item)))
        };
        self.items(name, expected)?.iter().map(parse_one).collect()
    }

    /// The entries of a list before they are parsed.
    pub fn items(&self, name: &str, expected: &str) -> Result<Vec<Value>, ConfigError> {
        let found = self.get(name)?;
        match &found.value {
            Value::Array(items) => Ok(items.clone()),
            Value::String(text) if found.source.is_environment() => {
                split(text).ok_or_else(|| self.unexpected(name, "a list", &shown(&found.value)))
            }
            Value::String(_) => Ok(vec![found.value.clone()]),
            other => {
                let expected = format!("a list, each entry {expected}");
                Err(self.unexpected(name, &expected, &shown(other)))
            }
        }
    }
}

pub(super) const DURATION: &str = "a duration above zero like \"30s\" or \"15m\"";

pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| !duration.is_zero())
}

/// An `http` or `https` URL without credentials, query and fragment.
pub(super) fn parse_http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain).then_some(url)
}

/// A list in a variable: TOML in brackets, or entries separated by commas.
fn split(text: &str) -> Option<Vec<Value>> {
    if text.trim_start().starts_with('[') {
        return match parse_value(text)? {
            Value::Array(items) => Some(items),
            _ => None,
        };
    }
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    Some(items.map(Value::from).collect())
}

/// One TOML value.
pub(super) fn parse_value(text: &str) -> Option<Value> {
    let mut table = toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?;
    table.remove("value").filter(|_| table.is_empty())
}

/// A value as a message shows it: short, on one line, without the password of a URL.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 80;
    match value {
        Value::String(text) => {
            let hidden = hide_credentials(text);
            let short = hidden.chars().take(LONGEST).collect::<String>();
            let more = if short.len() < hidden.len() {
                "…"
            } else {
                ""
            };
            format!("{:?}", short + more)
        }
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

/// Hides what may be a password or token: all from the first `://` to the last `@`, and what looks
/// like `name:password@` without a scheme. A list of URLs loses its middle, which is the safe side.
pub(super) fn hide_credentials(text: &str) -> String {
    let scheme = text.find("://").map(|at| at + 3);
    let start = scheme.unwrap_or(0);
    match text.rfind('@').filter(|at| *at > start) {
        Some(at) if scheme.is_some() || text[..at].contains(':') => {
            format!("{}{}{}", &text[..start], super::secret::HIDDEN, &text[at..])
        }
        _ => text.to_owned(),
    }
}
