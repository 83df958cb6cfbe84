//! The files that the homeserver keeps. They stream through: nobody here holds one whole.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::Result;
use crate::domain::media::{MediaId, Thumbnail};

/// A file in pieces.
pub type Chunks = BoxStream<'static, io::Result<Bytes>>;

/// A file for the homeserver.
pub struct Upload {
    pub content_type: String,
    pub name: Option<String>,
    /// In bytes. Homeservers want to know before they read.
    pub size: u64,
    pub body: Chunks,
}

/// A file of the homeserver's.
pub struct Download {
    /// As the homeserver says, which has it from whoever uploaded it.
    pub content_type: Option<String>,
    pub name: Option<String>,
    /// In bytes, when it is known.
    pub size: Option<u64>,
    pub body: Chunks,
}

/// What is asked of a homeserver's media repository, by the connector.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Stores a file. Never repeated: its pieces are gone.
    async fn upload(&self, upload: Upload) -> Result<MediaId>;

    /// The largest file that it takes, in bytes; `None` when it does not say.
    async fn upload_limit(&self) -> Result<Option<u64>>;

    /// A file, of this homeserver or of another one.
    async fn download(&self, media: &MediaId) -> Result<Download>;

    /// A picture of about this size.
    async fn thumbnail(&self, media: &MediaId, size: &Thumbnail) -> Result<Download>;
}
