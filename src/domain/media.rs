//! Media: files that the homeserver keeps, by their `mxc://` address.

use std::fmt;

use super::error::{Error, Result};
use super::id::is_server_name;

/// The largest thumbnail that is asked for, in pixels a side.
const LARGEST_SIDE: u32 = 2_048;

/// `mxc://server/id`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MediaId {
    server: String,
    id: String,
}

impl MediaId {
    /// Accepts what a Matrix media id may be (client-server API, "Matrix Content (`mxc://`) URIs");
    /// anything else could lead elsewhere when it stands in a path.
    #[must_use]
    pub fn new(server: &str, id: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_id = (1..=255).contains(&id.len()) && id.bytes().all(fits);
        (is_id && is_server_name(server)).then(|| Self {
            server: server.to_owned(),
            id: id.to_owned(),
        })
    }

    /// Reads an address.
    #[must_use]
    pub fn parse(uri: &str) -> Option<Self> {
        let (server, id) = uri.strip_prefix("mxc://")?.split_once('/')?;
        Self::new(server, id)
    }

    /// The homeserver that has the file.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mxc://{}/{}", self.server, self.id)
    }
}

/// How a picture is made smaller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fit {
    /// Whole, within the size.
    #[default]
    Scale,
    /// Cut to the size.
    Crop,
}

/// The size of a thumbnail, in pixels. The homeserver answers the next one that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thumbnail {
    pub width: u32,
    pub height: u32,
    pub fit: Fit,
}

impl Thumbnail {
    /// Sides of 1 to 2048 pixels.
    pub fn new(width: u32, height: u32, fit: Fit) -> Result<Self> {
        for (field, side) in [("width", width), ("height", height)] {
            if !(1..=LARGEST_SIDE).contains(&side) {
                return Err(Error::invalid(
                    field,
                    format!("must be 1 to {LARGEST_SIDE}"),
                ));
            }
        }
        Ok(Self { width, height, fit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_media_are_what_they_seem() {
        let media = MediaId::parse("mxc://example.org:8448/AbC_-9").expect("an address");
        assert_eq!((media.server(), media.id()), ("example.org:8448", "AbC_-9"));
        assert_eq!(media.to_string(), "mxc://example.org:8448/AbC_-9");
        for bad in [
            "",
            "mxc://",
            "mxc://example.org",
            "mxc://example.org/",
            "mxc:///id",
            "mxc://example.org/../x",
            "mxc://example.org/a/b",
            "mxc://example.org/a?b",
            "mxc://exa mple/a",
            "https://example.org/a",
        ] {
            assert!(MediaId::parse(bad).is_none(), "{bad:?}");
        }
    }
}
