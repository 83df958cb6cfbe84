//! Files.

use poem_openapi::Object;

use crate::api::time::Time;
use crate::service::media;

/// A file that the homeserver has now.
#[derive(Object, Clone, Debug)]
pub struct UploadedFile {
    /// `mxc://server/id`, to be sent in a message's `url`.
    pub content_uri: String,
    /// What the file is by its first bytes; where they do not say, what it was declared as, or
    /// `application/octet-stream`.
    pub content_type: String,
    /// In bytes.
    pub size: u64,
}

impl From<media::StoredFile> for UploadedFile {
    fn from(file: media::StoredFile) -> Self {
        Self {
            content_uri: file.media.to_string(),
            content_type: file.content_type,
            size: file.size,
        }
    }
}

/// Which file is to be shown, and for how long.
#[derive(Object, Clone, Debug)]
pub struct SignRequest {
    /// `mxc://server/id`.
    pub content_uri: String,
    /// In seconds, 1 to 604,800; an hour when absent.
    pub expires_in: Option<u32>,
}

/// Addresses that show a file to whoever has them.
#[derive(Object, Clone, Debug)]
pub struct MediaAddresses {
    /// The file. Begins with `listen.public_url`; without one it is a path of either listener.
    pub url: String,
    /// A small picture of it; `width`, `height` and `method` in it may be changed.
    pub thumbnail_url: String,
    /// From when on neither shows anything.
    pub expires_at: Time,
}

impl From<media::Addresses> for MediaAddresses {
    fn from(addresses: media::Addresses) -> Self {
        Self {
            url: addresses.file,
            thumbnail_url: addresses.thumbnail,
            expires_at: Time(addresses.expires_at),
        }
    }
}
