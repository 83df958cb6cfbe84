//! The form of an upload, read piece by piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use poem::http::StatusCode;
use poem::http::header::CONTENT_LENGTH;
use poem::web::Multipart;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio_util::io::ReaderStream;

use crate::api::auth::Rejected;
use crate::api::body::is_excess;
use crate::api::error::Problem;
use crate::domain::Error;
use crate::service::media::NewFile;

/// How much of a file is handed on at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// How much of a form is read before its parts are looked for, in bytes: more than its first
/// boundary, which has at most 74 (RFC 2046, section 5.1.1).
const HEAD: usize = 1_024;

/// What a form may have around its file, in bytes.
pub const AROUND: u64 = 64 * 1024;

/// `multipart/form-data` with a `file`.
pub struct UploadForm {
    parts: Multipart,
    /// How long the whole form is, where that is said beforehand.
    length: Option<u64>,
    excess: Excess,
}

/// Whether more has come than is taken: the reader of the form does not pass on why it has failed.
type Excess = Arc<AtomicBool>;

impl UploadForm {
    /// The file, if there is one, in a form that holds files up to a limit; other parts before it
    /// are passed over.
    pub async fn file(mut self, limit: u64) -> Result<Option<NewFile>, Error> {
        loop {
            let field = self.parts.next_field().await;
            let field = field.map_err(|error| match self.excess.load(Ordering::Relaxed) {
                true => Error::TooLarge {
                    field: "body",
                    limit: limit.saturating_add(AROUND),
                },
                false => Error::invalid("body", error.to_string()),
            })?;
            let Some(field) = field else {
                return Ok(None);
            };
            if field.name() != Some("file") {
                continue;
            }
            let excess = self.excess;
            return Ok(Some(NewFile {
                name: field.file_name().map(str::to_owned),
                declared: field.content_type().map(str::to_owned),
                at_least: self.length.unwrap_or_default().saturating_sub(AROUND),
                body: ReaderStream::with_capacity(field.into_async_read(), CHUNK)
                    .map_err(move |error| match excess.load(Ordering::Relaxed) {
                        true => std::io::ErrorKind::FileTooLarge.into(),
                        false => error,
                    })
                    .boxed(),
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
        let excess = Excess::default();
        let pieces = pieces(body.take()?.into_bytes_stream().boxed(), excess.clone());
        let mut paced = RequestBody::new(poem::Body::from_bytes_stream(pieces));
        let length = request.headers().get(CONTENT_LENGTH);
        match <Multipart as FromRequest>::from_request(request, &mut paced).await {
            Ok(parts) => Ok(Self {
                parts,
                length: length.and_then(|value| value.to_str().ok()?.parse().ok()),
                excess,
            }),
            Err(error) => Err(Rejected(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "M_BAD_JSON",
                format!("Content-Type: must be multipart/form-data with a boundary: {error}"),
            ))
            .into()),
        }
    }
}

/// A form as its reader can bear it. Nothing is read before somebody takes a piece.
fn pieces(form: Pieces, excess: Excess) -> impl Stream<Item = std::io::Result<Bytes>> {
    let form = form.map_err(move |error| {
        if is_excess(&error) {
            excess.store(true, Ordering::Relaxed);
        }
        error
    });
    stream::unfold((form.boxed().fuse(), true), async |(mut form, is_first)| {
        let piece = match is_first {
            true => Some(head(&mut form).await),
            // The reader of the form takes what is there until it has to wait. Let it wait before
            // each piece: a fast sender would fill its buffer with most of a file.
            false => {
                tokio::task::yield_now().await;
                form.next().await
            }
        };
        Some((piece?, (form, false)))
    })
}

type Pieces = BoxStream<'static, std::io::Result<Bytes>>;

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
