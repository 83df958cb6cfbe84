//! The form of an upload, read piece by piece.

use std::future::ready;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use poem::http::StatusCode;
use poem::web::Multipart;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio_util::io::ReaderStream;

use crate::api::auth::Rejected;
use crate::api::error::Problem;
use crate::domain::Error;
use crate::service::media::NewFile;

/// How much of a file is handed on at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// How much of a form is read before its parts are looked for, in bytes: more than its first
/// boundary, which has at most 74 (RFC 2046, section 5.1.1).
const HEAD: usize = 1_024;

/// `multipart/form-data` with a `file`.
pub struct UploadForm(Multipart);

impl UploadForm {
    /// The file, if there is one; other parts before it are passed over.
    pub async fn file(mut self) -> Result<Option<NewFile>, Error> {
        loop {
            let field = self.0.next_field().await;
            let field = field.map_err(|error| Error::invalid("body", error.to_string()))?;
            let Some(field) = field else {
                return Ok(None);
            };
            if field.name() != Some("file") {
                continue;
            }
            return Ok(Some(NewFile {
                name: field.file_name().map(str::to_owned),
                declared: field.content_type().map(str::to_owned),
                body: ReaderStream::with_capacity(field.into_async_read(), CHUNK).boxed(),
            }));
        }
    }
}

impl<'a> ApiExtractor<'a> for UploadForm {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let mut file = MetaSchema::new_with_format("string", "binary");
        file.description = Some("The file; its name and type are passed on.");
        let mut form = MetaSchema::new("object");
        form.properties
            .push(("file", MetaSchemaRef::Inline(Box::new(file))));
        form.required.push("file");
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "multipart/form-data",
                schema: MetaSchemaRef::Inline(Box::new(form)),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let mut pieces = body.take()?.into_bytes_stream().boxed().fuse();
        let head = head(&mut pieces).await;
        // The reader of the form takes what is there until it has to wait. Let it wait before each
        // piece: a fast sender would fill its buffer with most of a file.
        let rest = pieces.then(|piece| async {
            tokio::task::yield_now().await;
            piece
        });
        let pieces = stream::once(ready(head)).chain(rest);
        let mut paced = RequestBody::new(poem::Body::from_bytes_stream(pieces));
        match <Multipart as FromRequest>::from_request(request, &mut paced).await {
            Ok(form) => Ok(Self(form)),
            Err(error) => Err(Rejected(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "M_BAD_JSON",
                format!("Content-Type: must be multipart/form-data with a boundary: {error}"),
            ))
            .into()),
        }
    }
}

/// The beginning of the form, in one piece. The reader gives up on a form that has come to its end
/// before the first boundary was found in what had come until then.
async fn head(
    pieces: &mut (impl Stream<Item = std::io::Result<Bytes>> + Unpin),
) -> std::io::Result<Bytes> {
    let mut head = BytesMut::new();
    while head.len() < HEAD {
        match pieces.next().await {
            Some(piece) => head.extend_from_slice(&piece?),
            None => break,
        }
    }
    Ok(head.freeze())
}
