//! Puts the sources together: defaults, file, aliases, `DAARION_…` variables, the later one winning.
//!
//! It checks that every name is known, and leaves each value as it was found; what a value means is
//! the business of the section files. Begin at [`values`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::error::{self, ConfigError};
use super::keys::{self, ALIASES, AliasForm, KEYS, Key};
use super::source::Source;
use super::values::{Found, Values, parse_value, shown};

/// Where the configuration is looked for when nobody names a file.
pub const DEFAULT_PATH: &str = "/etc/daarion/daarion.toml";

type Environment = BTreeMap<String, String>;

/// The file to be read, and whether somebody named it.
pub(super) fn path(path: Option<&Path>, env: &Environment) -> (PathBuf, bool) {
    let named = path.map(Path::to_owned).or_else(|| {
        let variable = env.get("DAARION_CONFIG").filter(|path| !path.is_empty());
        variable.map(PathBuf::from)
    });
    let is_named = named.is_some();
    (
        named.unwrap_or_else(|| PathBuf::from(DEFAULT_PATH)),
        is_named,
    )
}

/// Reads all sources. `path` is the file of the command line.
pub(super) fn values(named: Option<&Path>, env: &Environment) -> Result<Values, ConfigError> {
    let (path, is_named) = path(named, env);
    let file = read_file(&path, is_named)?;
    join(path, file, env)
}

/// As [`values`], with a text in place of the file's.
pub(super) fn values_of_text(
    path: &Path,
    text: &str,
    env: &Environment,
) -> Result<Values, ConfigError> {
    join(path.to_owned(), Some(parse(path, text)?), env)
}

fn join(path: PathBuf, file: Option<Table>, env: &Environment) -> Result<Values, ConfigError> {
    let mut values = Values {
        keys: KEYS,
        prefix: String::new(),
        found: defaults(KEYS),
        file_exists: file.is_some(),
        file: path.clone(),
        credentials: env.get("CREDENTIALS_DIRECTORY").cloned(),
    };
    if let Some(table) = file {
        take_table(&mut values, &table, &Source::File(path))?;
    }
    refuse_database(env)?;
    let variables = read_variables(env)?;
    take_aliases(&mut values, env, &variables)?;
    values.found.extend(variables);
    Ok(values)
}

fn read_file(path: &Path, is_named: bool) -> Result<Option<Table>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if !is_named && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                problem: error::reason(&error),
            });
        }
    };
    parse(path, &text).map(Some)
}

fn parse(path: &Path, text: &str) -> Result<Table, ConfigError> {
    toml::from_str(text).map_err(|error| error::syntax(path, text, &error))
}

/// The built-in value of each key that has one.
pub(super) fn defaults(keys: &[Key]) -> BTreeMap<String, Found> {
    let default = |key: &Key| {
        let value = parse_value(key.default?).expect("every default of the catalogue is TOML");
        let source = Source::Default;
        Some((key.name.to_owned(), Found { value, source }))
    };
    keys.iter().filter_map(default).collect()
}

/// Lays the entries of a table over what is there, section by section.
pub(super) fn take_table(
    values: &mut Values,
    table: &Table,
    source: &Source,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let section = format!("{name}.");
        let is_section = values.keys.iter().any(|key| key.name.starts_with(&section));
        match value {
            Value::Table(entries) if is_section => {
                for (entry, value) in entries {
                    take(values, format!("{section}{entry}"), value, source)?;
                }
            }
            other if is_section => {
                let problem = format!("expected the section [{name}], found {}", shown(other));
                return Err(values.invalid_at(source.clone(), name, problem));
            }
            other => take(values, name.clone(), other, source)?,
        }
    }
    Ok(())
}

fn take(
    values: &mut Values,
    name: String,
    value: &Value,
    source: &Source,
) -> Result<(), ConfigError> {
    check_known(values.keys, &values.prefix, &name, source)?;
    let found = Found {
        value: value.clone(),
        source: source.clone(),
    };
    values.found.insert(name, found);
    Ok(())
}

fn check_known(keys: &[Key], prefix: &str, name: &str, source: &Source) -> Result<(), ConfigError> {
    if keys::names(keys).any(|known| known == name) {
        return Ok(());
    }
    Err(ConfigError::UnknownKey {
        at: source.clone(),
        key: format!("{prefix}{name}"),
        hint: keys::hint(keys, prefix, name),
    })
}

/// The `DAARION_<SECTION>__<KEY>` variables.
///
/// An unknown name is an error only with a double underscore: container platforms add variables
/// such as `DAARION_PORT` for a service of that name.
fn read_variables(env: &Environment) -> Result<BTreeMap<String, Found>, ConfigError> {
    let mut found = BTreeMap::new();
    for (variable, text) in env {
        let Some(name) = variable.strip_prefix("DAARION_") else {
            continue;
        };
        if !name.contains("__") && name != "DATA_DIR" {
            continue;
        }
        let name = name.replace("__", ".").to_lowercase();
        let source = Source::Variable(variable.clone());
        check_known(KEYS, "", &name, &source)?;
        let value = Value::from(text.as_str());
        found.insert(name, Found { value, source });
    }
    Ok(found)
}

fn refuse_database(env: &Environment) -> Result<(), ConfigError> {
    if env.get("DATABASE_URL").is_none_or(String::is_empty) {
        return Ok(());
    }
    Err(ConfigError::Refused {
        variable: "DATABASE_URL",
        problem: "storage is embedded and lives in data_dir, so no database is used (a PostgreSQL \
                  backend is planned); unset this variable",
    })
}

/// The variables of older installations. An empty one counts as not set, as compose files have it.
fn take_aliases(
    values: &mut Values,
    env: &Environment,
    variables: &BTreeMap<String, Found>,
) -> Result<(), ConfigError> {
    let mut taken: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (alias, name, form) in ALIASES {
        let is_set = [name.to_string(), format!("{name}_file")];
        let Some(text) = env.get(*alias).filter(|text| !text.is_empty()) else {
            continue;
        };
        if is_set.iter().any(|name| variables.contains_key(name)) {
            continue;
        }
        if let Some((first, other)) = taken.insert(name, (alias, text))
            && other != text
        {
            return Err(ConfigError::Conflict {
                first: first.to_owned(),
                second: format!("{alias} both set {name}"),
                problem: "and disagree; keep one",
            });
        }
        let source = Source::Alias(alias);
        let value = alias_value(values, name, &source, text, *form)?;
        values
            .found
            .insert(name.to_string(), Found { value, source });
    }
    Ok(())
}

fn alias_value(
    values: &Values,
    name: &str,
    source: &Source,
    text: &str,
    form: AliasForm,
) -> Result<Value, ConfigError> {
    let unexpected = |expected: &str| {
        let found = shown(&Value::from(text));
        values.invalid_at(
            source.clone(),
            name,
            format!("expected {expected}, found {found}"),
        )
    };
    match form {
        AliasForm::Plain => Ok(Value::from(text)),
        AliasForm::Milliseconds => match text.parse::<u64>() {
            Ok(milliseconds) if milliseconds > 0 => Ok(Value::from(format!("{milliseconds}ms"))),
            _ => Err(unexpected("whole milliseconds above 0 like 5000")),
        },
        AliasForm::Port => {
            let port = text
                .parse::<u16>()
                .map_err(|_| unexpected("a port like 7025"))?;
            with_port(values.items(name, "an address")?, port).ok_or_else(|| {
                values.invalid_at(source.clone(), name, "no TCP address to set the port of")
            })
        }
    }
}

/// The list of addresses with the port of its first TCP address replaced.
fn with_port(mut addresses: Vec<Value>, port: u16) -> Option<Value> {
    let first = addresses.iter_mut().find_map(|address| {
        let parsed = address.as_str()?.parse::<std::net::SocketAddr>().ok()?;
        Some((address, parsed))
    });
    let (address, mut parsed) = first?;
    parsed.set_port(port);
    *address = Value::from(parsed.to_string());
    Some(Value::Array(addresses))
}
