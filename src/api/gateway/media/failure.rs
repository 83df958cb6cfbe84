//! What an upload can fail with: what everything can, and that the file does not come.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use crate::api::error::{ErrorBody, Failure, Problem};
use crate::domain::Error;

/// Why a file was not taken.
#[derive(Debug)]
pub struct UploadFailure {
    failure: Failure,
    /// Of what only uploads can fail with.
    status: Option<StatusCode>,
}

impl From<Error> for UploadFailure {
    fn from(error: Error) -> Self {
        let problem = Problem::from(error);
        Self {
            status: Some(problem.status).filter(|it| *it == StatusCode::REQUEST_TIMEOUT),
            failure: problem.into(),
        }
    }
}

impl IntoResponse for UploadFailure {
    fn into_response(self) -> Response {
        let mut response = self.failure.into_response();
        if let Some(status) = self.status {
            response.set_status(status);
        }
        response
    }
}

impl From<UploadFailure> for poem::Error {
    fn from(failure: UploadFailure) -> Self {
        Self::from_response(failure.into_response())
    }
}

impl ApiResponse for UploadFailure {
    fn meta() -> MetaResponses {
        let mut meta = Failure::meta();
        meta.responses.push(MetaResponse {
            description: "Nothing has come of the form for `limits.stall`.",
            status: Some(StatusCode::REQUEST_TIMEOUT.as_u16()),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: Json::<ErrorBody>::CONTENT_TYPE,
                schema: ErrorBody::schema_ref(),
            }],
            headers: vec![],
        });
        meta
    }

    fn register(registry: &mut Registry) {
        Failure::register(registry);
    }
}
