//! Files for services (`/internal/matrix/upload`, `/internal/matrix/media/sign`).

mod failure;
mod form;

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;
use serde_json::json;

use self::failure::UploadFailure;
pub use self::form::AROUND;
use self::form::UploadForm;
use crate::api::auth::Service;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::rendered::Rendered;
use crate::api::schema::gateway::{MediaAddresses, SignRequest, UploadedFile};
use crate::api::{Services, Tag};
use crate::domain::Error;
use crate::domain::service::Scope;
use crate::service::media::in_time;

/// The operations.
pub struct GatewayMediaApi(pub Services);

#[OpenApi(prefix_path = "/internal/matrix", tag = "Tag::Gateway")]
impl GatewayMediaApi {
    /// Upload a file
    ///
    /// To the homeserver, as the connector. The file streams through: its size is bounded by
    /// `limits.upload` and by the homeserver alone.
    ///
    /// For services with the scope `gateway:media`. 400 when the form has no `file` or is broken
    /// off; 408 when nothing has come of it for `limits.stall`; 413 `M_TOO_LARGE`, which names the
    /// limit, when the file is larger than `limits.upload` or than the homeserver takes, or the form
    /// has more than 64 KiB around it; 503 with a time to come back when too many files are on their
    /// way.
    #[oai(path = "/upload", method = "post", operation_id = "uploadMedia")]
    async fn upload(
        &self,
        service: Service,
        /// A name of this upload, 1 to 128 visible ASCII characters. The same file sent again with the
        /// same key within 24 hours has the first answer and is not stored again, unless daarion was
        /// ended while the homeserver stored it; 409 when the key was another file's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        form: UploadForm,
    ) -> Result<Rendered<UploadedFile>, UploadFailure> {
        service.0.require(Scope::Media)?;
        let media = &self.0.media;
        let file = in_time("body", media.stall(), form.file(media.limit())).await??;
        let file = file.ok_or_else(|| Error::invalid("file", "is needed"))?;
        let mut received = media.receive(&service.0, file).await?;
        let asked = json!({
            "name": received.name,
            "content_type": received.content_type,
            "digest": match key.0 {
                Some(_) => Some(received.digest().await?),
                None => None,
            },
        });
        let once = self.0.once(&service.0.name, "uploadMedia", key, &asked);
        let store = |_| async { Ok(UploadedFile::from(media.store(received).await?)) };
        Ok(once.answer(store).await?)
    }

    /// Sign addresses of a file
    ///
    /// Matrix shows files to its users only. The addresses show this one, and small pictures of it,
    /// to whoever has them, until they expire: browsers, receivers of webhooks.
    ///
    /// For services with the scope `gateway:media`. Whether the homeserver has such a file is seen
    /// when an address is used.
    #[oai(
        path = "/media/sign",
        method = "post",
        operation_id = "signMediaAddresses"
    )]
    async fn sign(
        &self,
        service: Service,
        body: Body<SignRequest>,
    ) -> Result<Json<MediaAddresses>, Failure> {
        let SignRequest {
            content_uri,
            expires_in,
        } = body.0;
        let addresses = self.0.media.sign(&service.0, &content_uri, expires_in)?;
        Ok(Json(addresses.into()))
    }
}
