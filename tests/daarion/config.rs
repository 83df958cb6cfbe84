//! The configuration file of a daarion under test: every key may be replaced.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a test wants to differ. Begin with `DaarionOptions::default()`.
#[derive(Clone, Debug)]
pub struct DaarionOptions {
    pub server_name: String,
    /// Where daarion finds the homeserver.
    pub homeserver_url: String,
    /// Where the homeserver finds daarion; its internal listener when not set. A test that puts
    /// something slow or broken in between sets it.
    pub connector_url: Option<String>,
    /// Whether `X-User-Id` alone is believed.
    pub insecure_user_header: bool,
    pub heal_interval: String,
    /// Further keys, as dotted key and TOML value: `("city.name", "\"Kyiv\"")`. They replace the
    /// ones that the harness sets.
    pub settings: Vec<(String, String)>,
    /// Text appended to the file, for what `settings` cannot say (arrays of tables).
    pub extra_toml: String,
    /// Environment variables of the process and of its command line.
    pub environment: Vec<(String, String)>,
}

impl Default for DaarionOptions {
    fn default() -> Self {
        Self {
            server_name: "test.localhost".into(),
            homeserver_url: "http://127.0.0.1:1".into(),
            connector_url: None,
            insecure_user_header: true,
            heal_interval: "15m".into(),
            settings: Vec::new(),
            extra_toml: String::new(),
            environment: Vec::new(),
        }
    }
}

impl DaarionOptions {
    /// Adds a key: `.set("webhooks.timeout", "\"1s\"")`.
    #[must_use]
    pub fn set(mut self, key: &str, toml_value: &str) -> Self {
        self.settings.push((key.into(), toml_value.into()));
        self
    }
}

/// The keys of a configuration file, by section; the empty section stands first.
#[derive(Debug, Default)]
pub struct Toml {
    sections: BTreeMap<String, BTreeMap<String, String>>,
}

impl Toml {
    /// Sets `section.key` to a TOML value.
    pub fn set(&mut self, dotted_key: &str, toml_value: impl Into<String>) {
        let (section, key) = dotted_key.rsplit_once('.').unwrap_or(("", dotted_key));
        self.sections
            .entry(section.into())
            .or_default()
            .insert(key.into(), toml_value.into());
    }

    pub fn set_text(&mut self, dotted_key: &str, text: &str) {
        // A JSON string is a TOML basic string.
        self.set(dotted_key, serde_json::Value::from(text).to_string());
    }

    pub fn render(&self) -> String {
        let mut text = String::new();
        for (section, keys) in &self.sections {
            if !section.is_empty() {
                let _ = writeln!(text, "[{section}]");
            }
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
            text.push('\n');
        }
        text
    }
}
