//! Who is calling: the extractors that stand first in every operation, so that nothing of
//! an anonymous request is parsed.

mod door;
mod program;
mod scheme;

use std::sync::{Arc, Once};

use poem::http::StatusCode;
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use subtle::ConstantTimeEq;
use url::Url;
use uuid::Uuid;

pub use self::door::Door;
use super::error::Problem;
use super::visit::{Cookie, Transport};
use crate::acts;
use crate::config::IpRange;
use crate::domain::Error;
use crate::domain::access::{self, Caller};
use crate::domain::audit::Via;
use crate::domain::entity::Entity;
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::session::{Pass, Visitor};
use crate::service::agents::Agents;
use crate::service::auth::operators::OperatorSession;
use crate::service::auth::people::SignedIn;
use crate::service::auth::{Auth, keys};
use crate::service::limits::{PersonLimits, ServiceLimits};

/// The header of a service's shared secret.
pub const SERVICE_TOKEN: &str = "X-Internal-Service-Token";
/// The header with which a service says for whom it acts.
pub const USER_ID: &str = "X-User-Id";

/// The header with which an operator's page proves that it is ours.
pub const CSRF_TOKEN: &str = "X-CSRF-Token";

/// What callers are checked against.
pub struct Gate {
    pub service_secret: String,
    /// Whoever shows it.
    pub shared: Arc<ServiceCaller>,
    /// How often services may ask.
    pub limits: ServiceLimits,
    /// How often people and their programs may.
    pub person_limits: PersonLimits,
    /// Whether `X-User-Id` counts without a service token, from the machine itself only.
    pub insecure_user_header: bool,
    /// Who knows which Matrix user an entity is.
    pub agents: Arc<Agents>,
    /// Sessions of people and operators.
    pub auth: Arc<Auth>,
    /// As members reach us, when that is known.
    pub public_url: Option<Url>,
    /// Whose word counts for where a request comes from.
    pub trusted_proxies: Vec<IpRange>,
    /// That a proxy is not trusted is told once.
    pub unheard_proxy: Once,
}

/// An operator, and the session that it has when it has an account of its own.
pub struct OperatorCall {
    pub operator: access::Operator,
    pub session: Option<OperatorSession>,
}

impl Gate {
    /// The person on whose behalf a request is made.
    pub async fn person(&self, request: &Request) -> Result<SignedIn, Problem> {
        let person = match bearer(request) {
            Some(key) if keys::is_key(key) => self.program(request, key)?,
            Some(token) => {
                let visitor = || self.visitor(request);
                self.auth.authenticate(token, visitor).await?
            }
            None => self.represented(request)?,
        };
        acts::acts(person.caller.entity.to_string());
        let entity = &person.caller.entity;
        match person.by {
            // It was counted when it was shown.
            Pass::Key(_) => {}
            Pass::Service(token) => self.person_limits.count(Some(token), entity)?,
            Pass::Trusted => self.person_limits.count(Some(Uuid::nil()), entity)?,
            Pass::Session(_) | Pass::Issued { .. } => self.person_limits.count(None, entity)?,
        }
        match person.by {
            Pass::Session(session) => acts::let_in(Via::Session(session.handle())),
            Pass::Key(key) => acts::let_in(Via::Key(key)),
            Pass::Issued { .. } => acts::let_in(Via::Issuer),
            // The service has said so itself.
            Pass::Service(_) | Pass::Trusted => {}
        }
        Ok(person)
    }

    /// Who somebody seems to be.
    #[must_use]
    pub fn visitor(&self, request: &Request) -> Visitor {
        Visitor::new(self.visit(request).address, header(request, "user-agent"))
    }

    /// The operator by whom a request is made: a person, or whoever has the cookie of an
    /// operator's session and, to change something, the proof that belongs to it.
    pub async fn operator(&self, request: &Request) -> Result<OperatorCall, Problem> {
        let cookie = Cookie::Operator.read(request, self.visit(request));
        let is_person = bearer(request).is_some() || request.headers().contains_key(SERVICE_TOKEN);
        if let Some(cookie) = cookie.filter(|_| !is_person) {
            return self.account(request, cookie).await;
        }
        let caller = self.person(request).await?.caller;
        if !caller.operator {
            return Err(forbidden(format!(
                "{} is no operator here (auth.operators)",
                caller.entity
            )));
        }
        Ok(OperatorCall {
            operator: access::Operator::Person(caller),
            session: None,
        })
    }

    async fn account(&self, request: &Request, cookie: &str) -> Result<OperatorCall, Problem> {
        self.check_origin(request)?;
        let session = self.auth.operators.session(cookie).await?;
        let session = session.ok_or_else(|| {
            let message = "the operator's session has ended; sign in again";
            Problem::new(StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", message)
        })?;
        if !request.method().is_safe() {
            let shown = header(request, CSRF_TOKEN)
                .ok_or_else(|| forbidden(format!("{CSRF_TOKEN} is needed to change something")))?;
            if !self.auth.operators.is_proved(cookie, shown) {
                let message = format!("{CSRF_TOKEN} is not the one of this session");
                return Err(forbidden(message));
            }
        }
        acts::acts(format!("operator:{}", session.name));
        acts::let_in(Via::Session(session.id));
        Ok(OperatorCall {
            operator: access::Operator::Account {
                name: session.name.clone(),
            },
            session: Some(session),
        })
    }

    /// The person for whom a service acts.
    fn represented(&self, request: &Request) -> Result<SignedIn, Problem> {
        let has_token = request.headers().contains_key(SERVICE_TOKEN);
        let service = match has_token {
            true => Some(self.service(request)?),
            false => None,
        };
        if service.is_none() {
            acts::let_in(Via::Header);
        }
        if service.is_none() && !self.believes_header_alone(request) {
            return Err(missing(format!(
                "Authorization: Bearer is needed, or {SERVICE_TOKEN} and {USER_ID}"
            )));
        }
        let user = header(request, USER_ID)
            .ok_or_else(|| missing(format!("{USER_ID} is needed: user:<localpart>")))?;
        let entity = self.agents.acting(USER_ID, user)?;
        if let Entity::User {
            server: Some(_), ..
        } = entity
        {
            return Err(forbidden(format!(
                "{entity} belongs to another homeserver; nobody can act for them here"
            )));
        }
        if let Some(service) = &service {
            service.require(Scope::Api)?;
            service.require_act_as(&entity)?;
        }
        let token = service.and_then(|service| service.token);
        Ok(SignedIn {
            caller: self.auth.caller(entity),
            by: token.map_or(Pass::Trusted, Pass::Service),
        })
    }

    /// Whether `X-User-Id` counts without a service token. Behind a proxy it would be anybody in
    /// the world who sends it, and with another host's name a page that such a host serves.
    fn believes_header_alone(&self, request: &Request) -> bool {
        self.insecure_user_header && self.visit(request).transport == Transport::Loopback
    }

    /// The service by which a request is made, with the request counted.
    pub fn service(&self, request: &Request) -> Result<Arc<ServiceCaller>, Problem> {
        let caller = self.known_service(request)?;
        let allowance = self.limits.count(&caller);
        acts::counted(allowance);
        match allowance.refused_for {
            None => {
                acts::acts(format!("service:{}", caller.name));
                acts::let_in(Via::Service(caller.name.clone()));
                Ok(caller)
            }
            Some(retry_after) => Err(Error::TooMany {
                message: format!(
                    "the service {} asks more than {} times a second",
                    caller.name, allowance.limit
                ),
                retry_after,
            }
            .into()),
        }
    }

    /// Whose token is shown; the shared secret is compared in a time that does not depend on it.
    fn known_service(&self, request: &Request) -> Result<Arc<ServiceCaller>, Problem> {
        let Some(token) = header(request, SERVICE_TOKEN) else {
            return Err(missing(format!("{SERVICE_TOKEN} is needed")));
        };
        if token
            .as_bytes()
            .ct_eq(self.service_secret.as_bytes())
            .into()
        {
            return Ok(self.shared.clone());
        }
        let known = self.auth.services.authenticate(token);
        known.ok_or_else(|| {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "M_UNKNOWN_TOKEN",
                format!("{SERVICE_TOKEN} is not known, has expired or was revoked"),
            )
        })
    }
}

fn missing(message: String) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", message)
}

fn forbidden(message: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message)
}

/// An access token. Other schemes are for somebody before us, such as a proxy with a password.
#[must_use]
pub fn bearer(request: &Request) -> Option<&str> {
    let given = header(request, "authorization")?;
    // A token that is empty is one that we do not know, and not none.
    let (scheme, token) = given.split_once(' ').unwrap_or((given, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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

/// An operation of a person about their own session.
pub struct Myself(pub SignedIn);

/// An operation for a service of the installation.
pub struct Service(pub Arc<ServiceCaller>);

/// An operation of an agent, for services that may act as it and for the agent itself.
pub struct ForAgent(pub Door);

/// An operation for whoever runs the place.
pub struct Operator(pub access::Operator);

/// An operation of an operator about their own session.
pub struct OperatorSelf(pub OperatorCall);

/// An extractor that finds out who is calling: which documents it has to be named in, and how.
macro_rules! extractor {
    ($name:ident, $schemes:expr, |$gate:ident, $request:ident| $who:expr) => {
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                for name in Self::security_schemes() {
                    registry.create_security_scheme(name, scheme::named(name));
                }
            }

            fn security_schemes() -> Vec<&'static str> {
                $schemes.to_vec()
            }

            async fn from_request(
                $request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let $gate = gate($request).map_err(Rejected)?;
                let who: Result<_, Problem> = $who;
                Ok(who.map_err(Rejected)?)
            }
        }
    };
}

const FOR_PEOPLE: &[&str] = &[
    "AccessToken",
    "ApiKey",
    "AgentToken",
    "ServiceToken",
    "UserId",
];
const FOR_OPERATORS: &[&str] = &[
    "AccessToken",
    "OperatorSession",
    "CsrfToken",
    "ServiceToken",
    "UserId",
];

extractor!(Person, FOR_PEOPLE, |gate, request| {
    let person = gate.person(request).await;
    person.map(|person| Self(person.caller))
});
extractor!(Myself, FOR_PEOPLE, |gate, request| {
    gate.person(request).await.map(Self)
});
extractor!(Operator, FOR_OPERATORS, |gate, request| {
    let call = gate.operator(request).await;
    call.map(|call| Self(call.operator))
});
extractor!(OperatorSelf, FOR_OPERATORS, |gate, request| {
    gate.operator(request).await.map(Self)
});
extractor!(
    ForAgent,
    &["ServiceToken", "AgentToken"],
    |gate, request| { gate.door(request).map(Self) }
);
extractor!(Service, &["ServiceToken"], |gate, request| {
    gate.service(request).map(Self)
});

/// A problem on its way through poem; the error map at the door gives it its shape.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Rejected(pub Problem);

impl poem::error::ResponseError for Rejected {
    fn status(&self) -> StatusCode {
        self.0.status
    }
}
