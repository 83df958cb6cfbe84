//! The live stream in the public document. `web::live` serves it: a WebSocket is no operation of
//! poem-openapi, so it is described by hand, and its frames by `schema`.

use std::collections::HashMap;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{
    MetaApi, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaResponse,
    MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Person;
use super::error::Failure;
use super::schema::LiveFrame;

/// The live stream, which is described here and served elsewhere.
pub struct LiveApi;

const DESCRIPTION: &str = "The handshake of a WebSocket. Each text that the server sends is a \
    frame, but for `pong`; how a client resumes is told at the beginning of this document. \
    Members may listen, and to public channels all people of the city. A refusal is answered \
    before the handshake.";

impl OpenApi for LiveApi {
    fn meta() -> Vec<MetaApi> {
        let path = MetaPath {
            path: "/ws/messaging/{channel_id}".to_owned(),
            operations: vec![stream()],
        };
        vec![MetaApi { paths: vec![path] }]
    }

    fn register(registry: &mut Registry) {
        LiveFrame::register(registry);
        Failure::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

fn stream() -> MetaOperation {
    let query = |name, schema, text| parameter(name, MetaParamIn::Query, schema, text);
    let security = Person::security_schemes().into_iter();
    MetaOperation {
        method: Method::GET,
        tags: vec!["Messaging"],
        summary: Some("Listen to a channel"),
        description: Some(DESCRIPTION),
        external_docs: None,
        params: vec![
            parameter(
                "channel_id",
                MetaParamIn::Path,
                Uuid::schema_ref(),
                "The channel's id.",
            ),
            query(
                "ticket",
                String::schema_ref(),
                "Of `POST /api/auth/ticket`, for browsers, which send no other proof here.",
            ),
            query(
                "after",
                u64::schema_ref(),
                "The last `seq` that the client saw; from now on when absent.",
            ),
            query(
                "journal",
                String::schema_ref(),
                "The `journal` of the first frame that the client saw.",
            ),
            query(
                "include_agents",
                bool::schema_ref(),
                "For agents, which are told neither of their own posts, edits and reactions nor, \
                 unless this is `true`, of those of other bots (`sender_type` `agent`, `m.notice`). \
                 People are told of all.",
            ),
        ],
        request: None,
        responses: responses(),
        deprecated: false,
        security: security
            .map(|scheme| HashMap::from([(scheme, vec![])]))
            .collect(),
        operation_id: Some("listenToChannel"),
        code_samples: vec![],
    }
}

fn parameter(
    name: &str,
    place: MetaParamIn,
    schema: MetaSchemaRef,
    description: &str,
) -> MetaOperationParam {
    MetaOperationParam {
        name: name.to_owned(),
        schema,
        required: matches!(place, MetaParamIn::Path),
        in_type: place,
        description: Some(description.to_owned()),
        deprecated: false,
        explode: true,
        style: None,
    }
}

fn responses() -> MetaResponses {
    let stream = MetaResponse {
        description: "The stream begins. Each frame is one of these.",
        status: Some(101),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: "application/json; charset=utf-8",
            schema: LiveFrame::schema_ref(),
        }],
        headers: vec![],
    };
    let refusals = Failure::meta().responses.into_iter();
    let refusals = refusals.filter(|it| matches!(it.status, Some(400 | 401 | 403 | 404 | 503)));
    MetaResponses {
        responses: std::iter::once(stream).chain(refusals).collect(),
    }
}
