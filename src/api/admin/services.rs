//! Tokens of services, for operators.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::rendered::Rendered;
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
        Rendered<MadeServiceToken>,
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
        /// A name of this request, 1 to 128 visible ASCII characters, best a random UUID. Asked for
        /// again with the same key within 24 hours, the answer is the first one, its secret among it,
        /// and nothing is done; 409 when the key was another request's. The secret is kept in a form
        /// that only this key opens.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewServiceToken>,
    ) -> Result<CreatedToken, Failure> {
        let (caller, new) = (operator.0.name(), body.0);
        let once = self
            .0
            .once(&caller, "createServiceToken", key, &new)
            .secret();
        let services = &self.0.auth.services;
        let rights = Rights::parse(&new.scopes, &new.act_as, new.rooms.as_deref())?;
        let new = services::NewServiceToken {
            name: new.name,
            rights,
            lifetime: new.expires_in.map(|seconds| seconds.saturating_mul(1_000)),
            created_by: caller,
        };
        let made = once.answer(async |attempt| {
            let (token, made) = services.create_as(new, attempt.id).await?;
            let service = ServiceToken::at(made, services.now());
            Ok(MadeServiceToken { token, service })
        });
        Ok(CreatedToken::Created(made.await?, NOT_KEPT.to_owned()))
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
