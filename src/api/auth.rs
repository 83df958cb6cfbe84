//! Who is calling: the extractors that stand first in every operation, so that nothing of
//! an anonymous request is parsed.

use std::collections::HashSet;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use subtle::ConstantTimeEq;

use super::error::Problem;
use crate::domain::access::{self, Caller};
use crate::domain::entity::Entity;
use crate::service::agents::Agents;

/// The header of a service's shared secret.
pub const SERVICE_TOKEN: &str = "X-Internal-Service-Token";
/// The header with which a service says for whom it acts.
pub const USER_ID: &str = "X-User-Id";

/// What callers are checked against.
pub struct Gate {
    pub service_secret: String,
    /// Whether `X-User-Id` counts without a service token (loopback listeners only).
    pub insecure_user_header: bool,
    /// Entities that are operators.
    pub operators: HashSet<Entity>,
    /// Who knows which Matrix user an entity is.
    pub agents: Arc<Agents>,
}

impl Gate {
    /// The person on whose behalf a request is made.
    pub fn caller(&self, request: &Request) -> Result<Caller, Problem> {
        let has_token = request.headers().contains_key(SERVICE_TOKEN);
        if has_token {
            self.service(request)?;
        } else if !self.insecure_user_header {
            return Err(missing(format!("{SERVICE_TOKEN} and {USER_ID} are needed")));
        }
        let user = header(request, USER_ID)
            .ok_or_else(|| missing(format!("{USER_ID} is needed: user:<localpart>")))?;
        let entity = Entity::parse(user).ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "M_INVALID_PARAM",
                format!("{USER_ID}: must be user:<localpart> or agent:<name>"),
            )
        })?;
        let Some(entity) = self.agents.acting(&entity) else {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "M_FORBIDDEN",
                format!("{entity} is the connector itself; nobody can act for it"),
            ));
        };
        if let Entity::User {
            server: Some(_), ..
        } = entity
        {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "M_FORBIDDEN",
                format!("{entity} belongs to another homeserver; nobody can act for them here"),
            ));
        }
        Ok(Caller {
            operator: self.operators.contains(&entity),
            entity,
        })
    }

    /// The operator by whom a request is made.
    pub fn operator(&self, request: &Request) -> Result<access::Operator, Problem> {
        let caller = self.caller(request)?;
        if !caller.operator {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "M_FORBIDDEN",
                format!("{} is no operator here (auth.operators)", caller.entity),
            ));
        }
        Ok(access::Operator::Person(caller))
    }

    /// Checks a service's secret, in a time that does not depend on it.
    pub fn service(&self, request: &Request) -> Result<(), Problem> {
        let Some(token) = header(request, SERVICE_TOKEN) else {
            return Err(missing(format!("{SERVICE_TOKEN} is needed")));
        };
        if token
            .as_bytes()
            .ct_eq(self.service_secret.as_bytes())
            .into()
        {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "M_UNKNOWN_TOKEN",
            format!("{SERVICE_TOKEN} is not known"),
        ))
    }
}

fn missing(message: String) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", message)
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The gate that a request came through.
pub fn gate(request: &Request) -> Result<&Arc<Gate>, Problem> {
    request.data::<Arc<Gate>>().ok_or_else(|| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "internal error",
        )
    })
}

/// An operation for a person.
pub struct Person(pub Caller);

/// An operation for a service of the installation.
pub struct Service;

/// An operation for whoever runs the place.
pub struct Operator(pub access::Operator);

impl<'a> ApiExtractor<'a> for Person {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Service::register(registry);
        registry.create_security_scheme(
            "UserId",
            api_key(
                USER_ID,
                "For whom the service acts: `user:<localpart>`. Counts only beside a valid \
                 service token, or alone where `auth.insecure_user_header` is set.",
            ),
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["ServiceToken", "UserId"]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let caller = gate(request).and_then(|gate| gate.caller(request));
        Ok(Self(caller.map_err(Rejected)?))
    }
}

impl<'a> ApiExtractor<'a> for Operator {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Person::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Person::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let operator = gate(request).and_then(|gate| gate.operator(request));
        Ok(Self(operator.map_err(Rejected)?))
    }
}

impl<'a> ApiExtractor<'a> for Service {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            "ServiceToken",
            api_key(SERVICE_TOKEN, "The installation's shared secret."),
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["ServiceToken"]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        gate(request)
            .and_then(|gate| gate.service(request))
            .map_err(Rejected)?;
        Ok(Self)
    }
}

/// A problem on its way through poem; the error map at the door gives it its shape.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Rejected(pub Problem);

impl poem::error::ResponseError for Rejected {
    fn status(&self) -> StatusCode {
        self.0.status
    }
}

fn api_key(name: &'static str, description: &'static str) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "apiKey",
        description: Some(description),
        name: Some(name),
        key_in: Some("header"),
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}
