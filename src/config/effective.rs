//! The effective configuration, key by key: value, default, where it comes from, what it is for.
//!
//! For operators, who may see everything but the secrets. The descriptions are the comments of
//! the sample configuration, so that there is one text for each key. Begin at [`settings`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::keys::{KEYS, Key};
use super::source::Source;
use super::values::{Found, Values, parse_value};
use super::{Config, SAMPLE, describe};

/// A key of the configuration and what is in force for it.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Section and name, `matrix.as_token`.
    pub key: &'static str,
    /// Hidden for secrets; null when nothing is set.
    pub value: Value,
    /// Null for a key that is needed or empty by default.
    pub default: Value,
    pub is_secret: bool,
    pub source: Source,
    /// What it is for, in plain text.
    pub description: String,
}

/// Where the value of each key was found.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<&'static str, Source>);

/// Configurations are the same when their values are, wherever these were found.
impl PartialEq for Sources {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Sources {}

impl Sources {
    pub(super) fn of(values: &Values) -> Self {
        let keys = KEYS.iter().map(|key| (key.name, values.winner(key)));
        Self(keys.collect())
    }
}

/// Every key, in the order of the sample configuration.
#[must_use]
pub fn settings(config: &Config) -> Vec<Setting> {
    let values = describe(config);
    let mut descriptions = descriptions();
    let setting = |key: &'static Key| Setting {
        key: key.name,
        value: key
            .name
            .split('.')
            .fold(values.clone(), |values, name| values[name].clone()),
        default: default(key),
        is_secret: key.is_secret,
        source: config
            .sources
            .0
            .get(key.name)
            .cloned()
            .unwrap_or(Source::Default),
        description: descriptions.remove(key.name).unwrap_or_default(),
    };
    KEYS.iter().map(setting).collect()
}

fn default(key: &Key) -> Value {
    let value = key.default.and_then(parse_value);
    let value = value.and_then(|value| serde_json::to_value(value).ok());
    value.filter(|value| value != "").unwrap_or_default()
}

impl Values {
    /// The source that counts for a key: of a secret's two forms the one of the higher rank.
    fn winner(&self, key: &Key) -> Source {
        let direct = self.found.get(key.name);
        let file_name = format!("{}_file", key.name);
        let file = self.found.get(&file_name);
        let file = file.filter(|file| file.value.as_str() != Some(""));
        let of = |found: &Found| found.source.clone();
        match (direct, file) {
            (direct, Some(file))
                if direct.is_none_or(|it| it.source.rank() < file.source.rank()) =>
            {
                let path = self.credential_path(&file_name, file);
                path.map_or_else(|_| of(file), Source::SecretFile)
            }
            (direct, _) => direct.map_or(Source::Default, of),
        }
    }
}

/// The comment above each key of the sample. Keys without one of their own share the one before.
fn descriptions() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut section = String::new();
    let mut comment = String::new();
    let mut is_open = false;
    for line in SAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
            comment.clear();
        } else if let Some(words) = line.strip_prefix("# ") {
            if !is_open {
                comment.clear();
            }
            join(&mut comment, words);
            is_open = true;
            continue;
        } else if let Some((name, _)) = line.strip_prefix('#').and_then(|it| it.split_once(" = ")) {
            found.insert(format!("{section}{name}"), comment.clone());
        }
        is_open = false;
    }
    found
}

/// Lines that are indented are a list and stay lines.
fn join(comment: &mut String, words: &str) {
    if !comment.is_empty() {
        comment.push(if words.starts_with(' ') { '\n' } else { ' ' });
    }
    comment.push_str(words.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_description() {
        let found = descriptions();
        for key in KEYS {
            let text = found.get(key.name).map(String::as_str).unwrap_or_default();
            assert!(!text.is_empty(), "{} in {found:?}", key.name);
        }
        assert_eq!(found["data_dir"], "The directory of the store.");
        assert_eq!(found["matrix.as_token"], found["matrix.hs_token"]);
        assert!(found["auth.issuers"].contains("\n  [[auth.issuers]]\n"));
    }
}
