//! Files by signed address (`/api/media/{server}/{media_id}`), on both listeners.

mod file;

use poem_openapi::param::{Path, Query};
use poem_openapi::{Enum, OpenApi};

use self::file::ShownFile;
use super::error::Failure;
use super::{Services, Tag};
use crate::domain::media::{Fit, MediaId, Thumbnail};
use crate::domain::{Error, Result};
use crate::service::media::Proof;

/// The operations.
pub struct MediaApi(pub Services);

/// How a picture is made smaller.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum ThumbnailMethod {
    /// Whole, within the size.
    Scale,
    /// Cut to the size.
    Crop,
}

#[OpenApi(prefix_path = "/api/media", tag = "Tag::Media")]
impl MediaApi {
    /// Show a file
    ///
    /// For whoever has an address that `getMessageFile` or `POST /internal/matrix/media/sign` has
    /// made; no token is needed. Pictures, sounds, films and plain text may be shown by a browser where they are,
    /// everything else is to be saved; nothing in a file is ever run.
    ///
    /// 403 `M_FORBIDDEN` when the signature is wrong or has expired; 404 when the homeserver has no
    /// such file.
    #[oai(
        path = "/:server/:media_id",
        method = "get",
        operation_id = "showMedia"
    )]
    async fn download(
        &self,
        /// The homeserver that has the file.
        server: Path<String>,
        /// The file.
        media_id: Path<String>,
        /// Seconds since the Unix epoch.
        expires: Query<u64>,
        /// What makes the address good until then.
        signature: Query<String>,
    ) -> Result<ShownFile, Failure> {
        let media = media(&server.0, &media_id.0)?;
        let proof = Proof {
            expires: expires.0,
            signature: &signature.0,
        };
        let download = self.0.media.download(&media, proof).await?;
        Ok(ShownFile::new(download, self.0.media.remaining(proof)))
    }

    /// Show a small picture of a file
    ///
    /// As the file itself, with the same signature. The homeserver answers with the nearest size
    /// that it has.
    ///
    /// 400 when the homeserver makes no small picture of it, or a side is not 1 to 2048 pixels.
    #[oai(
        path = "/:server/:media_id/thumbnail",
        method = "get",
        operation_id = "showMediaThumbnail"
    )]
    #[expect(clippy::too_many_arguments, reason = "each is a part of the address")]
    async fn thumbnail(
        &self,
        /// The homeserver that has the file.
        server: Path<String>,
        /// The file.
        media_id: Path<String>,
        /// In pixels.
        width: Query<u32>,
        /// In pixels.
        height: Query<u32>,
        /// `scale` when absent.
        method: Query<Option<ThumbnailMethod>>,
        /// Seconds since the Unix epoch.
        expires: Query<u64>,
        /// What makes the address good until then.
        signature: Query<String>,
    ) -> Result<ShownFile, Failure> {
        let media = media(&server.0, &media_id.0)?;
        let fit = match method.0 {
            Some(ThumbnailMethod::Crop) => Fit::Crop,
            Some(ThumbnailMethod::Scale) | None => Fit::Scale,
        };
        let size = Thumbnail::new(width.0, height.0, fit)?;
        let proof = Proof {
            expires: expires.0,
            signature: &signature.0,
        };
        let download = self.0.media.thumbnail(&media, &size, proof).await?;
        Ok(ShownFile::new(download, self.0.media.remaining(proof)))
    }
}

fn media(server: &str, id: &str) -> Result<MediaId> {
    MediaId::new(server, id)
        .ok_or_else(|| Error::invalid("media_id", "is no address of a file on a homeserver"))
}
