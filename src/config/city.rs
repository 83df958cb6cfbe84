//! `[city]`: how the city and its rooms are called, and who may create rooms.

use serde::Serialize;

use super::error::ConfigError;
use super::names;
use super::values::Values;

/// The section `[city]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CityConfig {
    /// The name of the city, as members read it. Default `DAARION City`.
    pub name: String,
    /// What stands before the slug in the alias of a city room, `[a-z0-9_-]`.
    /// Default `city_`.
    pub room_prefix: String,
    /// The microdao that stands for the city itself, `microdao:<name>`. Default `microdao:daarion`.
    pub microdao: String,
    /// The Matrix name of a city room; `{city}` and `{room}`, which stands once, are filled in.
    /// Default `{city} — {room}`.
    pub matrix_name: String,
    /// Who may create city rooms. Default `members`.
    pub create: CreateBy,
}

/// Who may create something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreateBy {
    /// Any authenticated local person.
    Members,
    /// Operators only.
    Operators,
}

impl CreateBy {
    pub(super) fn read(values: &Values, key: &'static str) -> Result<Self, ConfigError> {
        values.parsed(key, "\"members\" or \"operators\"", |text| match text {
            "members" => Some(Self::Members),
            "operators" => Some(Self::Operators),
            _ => None,
        })
    }
}

impl CityConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            name: values.parsed("city.name", "a name on one line", |text| {
                let is_name = !text.trim().is_empty() && !text.contains(char::is_control);
                is_name.then(|| text.trim().to_owned())
            })?,
            room_prefix: values.parsed(
                "city.room_prefix",
                "one or more of the characters a-z 0-9 _ -",
                |text| names::is_slug(text).then(|| text.to_owned()),
            )?,
            microdao: values.parsed(
                "city.microdao",
                "\"microdao:<name>\" with a name of 1 to 64 characters a-z 0-9 _ -",
                |text| names::is_microdao(text).then(|| text.to_owned()),
            )?,
            matrix_name: values.parsed(
                "city.matrix_name",
                "text with {room} in it, and no other braces than {room} and {city}",
                |text| is_room_name_pattern(text).then(|| text.to_owned()),
            )?,
            create: CreateBy::read(values, "city.create")?,
        })
    }
}

fn is_room_name_pattern(text: &str) -> bool {
    let rest = text.replace("{room}", "").replace("{city}", "");
    text.matches("{room}").count() == 1
        && !rest.contains(['{', '}'])
        && !rest.contains(char::is_control)
}
