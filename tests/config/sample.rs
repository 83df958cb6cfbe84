//! The sample configuration against the defaults of the code.

use daarion::config::{SAMPLE, describe};

use crate::case::{AS_TOKEN, Case, HS_TOKEN, SECRET};

/// The sample with every key in force; the `*_file` forms are left out, for one form only may stand.
fn uncommented() -> toml::Table {
    let is_key = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    let lines = SAMPLE.lines().filter_map(|line| match line {
        line if is_key(&line) => Some(&line[1..]),
        line if line.starts_with('#') => None,
        line => Some(line),
    });
    toml::from_str(&lines.collect::<Vec<_>>().join("\n")).expect("the sample is TOML")
}

fn key_names(prefix: &str, table: &toml::Table) -> Vec<String> {
    let names = table.iter().flat_map(|(name, value)| match value {
        toml::Value::Table(entries) => key_names(&format!("{name}."), entries),
        _ => vec![format!("{prefix}{name}")],
    });
    names.collect()
}

#[test]
fn sample_shows_every_key_with_its_default() {
    let mut table = uncommented();
    for section in ["matrix", "internal"] {
        let entries = table[section].as_table_mut().expect("a section");
        entries.retain(|name, _| !name.ends_with("_file"));
    }
    for (section, key, value) in [
        ("matrix", "as_token", AS_TOKEN),
        ("matrix", "hs_token", HS_TOKEN),
        ("internal", "secret", SECRET),
    ] {
        assert_eq!(table[section][key].as_str(), Some(""), "{section}.{key}");
        table[section][key] = value.into();
    }
    let text = toml_text(&table);
    let from_sample = Case::bare(&text).load();
    assert_eq!(from_sample, Case::new("").load());

    let described = describe(&from_sample);
    let described = toml::Table::try_from(strip_nulls(&described)).expect("TOML");
    let mut expected = key_names("", &described);
    let mut found = key_names("", &table);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn sample_as_it_stands_sets_nothing() {
    assert_eq!(Case::new(SAMPLE).load(), Case::new("").load());
}

/// JSON is TOML's notation for the values that the sample holds, so no writer is needed.
fn toml_text(table: &toml::Table) -> String {
    let mut text = String::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(entries) => {
                for (key, value) in entries {
                    let value = serde_json::to_string(value).expect("JSON");
                    text += &format!("{name}.{key} = {value}\n");
                }
            }
            value => {
                let value = serde_json::to_string(value).expect("JSON");
                text = format!("{name} = {value}\n{text}");
            }
        }
    }
    text
}

/// TOML has no null; a key that is not set stands as an empty text.
fn strip_nulls(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Null => "".into(),
        serde_json::Value::Object(entries) => entries
            .iter()
            .map(|(name, value)| (name.clone(), strip_nulls(value)))
            .collect(),
        other => other.clone(),
    }
}
