//! Tokens of services, for operators.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::schema::{MadeServiceToken, NewServiceToken, ServiceToken, ServiceTokenList};
use crate::api::sign_in::NOT_KEPT;
use crate::api::{Services, Tag};
use crate::domain::service::Rights;
use crate::service::auth::services;

/// The operations.
pub struct ServicesApi(pub Services);

/// A token was made.
#[derive(ApiResponse)]
pub enum CreatedToken {
    /// The token, shown this once.
    #[oai(status = 201)]
    Created(
        Json<MadeServiceToken>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

#[OpenApi(prefix_path = "/api/admin/services", tag = "Tag::Admin")]
impl ServicesApi {
    /// List the tokens of services
    ///
    /// Those that have expired or were revoked, too.
    #[oai(path = "/", method = "get", operation_id = "listServiceTokens")]
    async fn list(&self, _operator: Operator) -> Result<Json<ServiceTokenList>, Failure> {
        let services = &self.0.auth.services;
        let (all, now) = (services.list().await?, services.now());
        let items = all.into_iter().map(|token| ServiceToken::at(token, now));
        Ok(Json(ServiceTokenList {
            items: items.collect(),
            next: None,
        }))
    }

    /// Make a token for a service
    ///
    /// 409 when the service has one that counts: revoke it first.
    #[oai(path = "/", method = "post", operation_id = "createServiceToken")]
    async fn create(
        &self,
        operator: Operator,
        body: Body<NewServiceToken>,
    ) -> Result<CreatedToken, Failure> {
        let new = body.0;
        let services = &self.0.auth.services;
        let rights = Rights::parse(&new.scopes, &new.act_as, new.rooms.as_deref())?;
        let (token, made) = services
            .create(services::NewServiceToken {
                name: new.name,
                rights,
                lifetime: new.expires_in.map(|seconds| seconds.saturating_mul(1_000)),
                created_by: operator.0.name(),
            })
            .await?;
        let service = ServiceToken::at(made, services.now());
        let body = Json(MadeServiceToken { token, service });
        Ok(CreatedToken::Created(body, NOT_KEPT.to_owned()))
    }

    /// Revoke a service's token
    ///
    /// It counts no more from now on, and the streams that were opened with it are closed. 404
    /// when there is none that is not revoked.
    #[oai(
        path = "/:token_id",
        method = "delete",
        operation_id = "revokeServiceToken"
    )]
    async fn revoke(
        &self,
        _operator: Operator,
        /// The token's id, or the service's name.
        token_id: Path<String>,
    ) -> Result<Json<ServiceToken>, Failure> {
        let services = &self.0.auth.services;
        let revoked = services.revoke(&token_id.0).await?;
        Ok(Json(ServiceToken::at(revoked, services.now())))
    }
}
