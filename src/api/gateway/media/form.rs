//! The form of an upload, read piece by piece.

use futures_util::StreamExt;
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
        // The reader of the form takes what is there until it has to wait. Let it wait after each
        // piece: a fast sender would fill its buffer with most of a file.
        let pieces = body.take()?.into_bytes_stream().then(|piece| async {
            tokio::task::yield_now().await;
            piece
        });
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
