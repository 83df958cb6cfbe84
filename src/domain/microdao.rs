//! Microdaos: groups of channels. A channel belongs to one.
//!
//! One that nobody has named is there because a channel says that it belongs to it. One that was
//! named is a Matrix space as well, so that Matrix remembers what it is called.

use super::channel::Visibility;
use super::error::{Error, Result};
use super::id::{Millis, RoomAlias, RoomId};
use super::slug;

/// The type of the state event that makes a Matrix space a microdao.
pub const STATE_TYPE: &str = "city.daarion.microdao";
const PREFIX: &str = "microdao:";

/// A microdao that was named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Microdao {
    /// `microdao:<name>`.
    pub id: String,
    pub name: String,
    pub description: String,
    /// Whether everybody may know of it, or only those who may know of one of its channels.
    pub visibility: Visibility,
    /// The entity that named it.
    pub created_by: Option<String>,
    pub created_at: Millis,
    /// Its Matrix space.
    pub room: RoomId,
}

/// The id without its prefix, which is what one without a name is called.
#[must_use]
pub fn bare(id: &str) -> &str {
    id.strip_prefix(PREFIX).unwrap_or(id)
}

/// Whether a text is `microdao:<name>`, the name being 1 to 64 of `a-z 0-9 - _`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let name = text.strip_prefix(PREFIX);
    name.is_some_and(|name| slug::check(name).is_ok())
}

/// Checks an id that a caller gave in this field.
pub fn check(field: &'static str, id: &str) -> Result<()> {
    if is_id(id) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        "must be microdao:<name>, the name 1 to 64 characters from a-z, 0-9, \"-\" and \"_\"",
    ))
}

/// The alias of a microdao's space, which anchors it. No channel's alias has a dot in it.
pub fn alias(id: &str, server_name: &str) -> Result<RoomAlias> {
    let localpart = format!("microdao.{}", bare(id));
    RoomAlias::new(&localpart, server_name)
        .ok_or_else(|| Error::invalid("id", "makes a Matrix alias of more than 255 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked() {
        assert_eq!(check("id", "microdao:7"), Ok(()));
        for bad in ["", "daarion", "microdao:", "microdao:A B", "microdao:a:b"] {
            assert!(check("id", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn its_alias_is_no_channels() {
        let alias = alias("microdao:a-b", "example.org").expect("an alias");
        assert_eq!(alias.as_str(), "#microdao.a-b:example.org");
        assert_eq!(bare("microdao:a-b"), "a-b");
    }
}
