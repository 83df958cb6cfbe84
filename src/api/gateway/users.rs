//! Users of the gateway.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use crate::api::auth::Service;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::rendered::Rendered;
use crate::api::schema::gateway::{
    Deactivate, Deactivated, NewUser, NewUserAvatar, NewUserName, RegisteredUser, Updated,
};
use crate::api::{Services, Tag};
use crate::service::gateway::Traces;
use crate::service::idempotency::Try;

/// The operations.
pub struct UsersApi(pub Services);

#[OpenApi(prefix_path = "/internal/matrix", tag = "Tag::Gateway")]
impl UsersApi {
    /// Register a user of the homeserver
    ///
    /// An agent is registered by the application service alone, and is in the list of agents
    /// afterwards. A person with a password is registered through Synapse's admin API, which wants
    /// `matrix.admin_token`: 403 says so where it is missing or wrong, and where an authentication
    /// service makes the accounts instead. Needs the scope `gateway:users` and the right to act as
    /// the user. 400 `M_USER_IN_USE` when a person's name is taken, 409 when an agent's is; of two
    /// who ask for one name at once, one gets it. After 503 ask again: what was made half-way is
    /// completed. A person's account whose 503 was followed by 400 `M_USER_IN_USE` may have been
    /// made without a password; an administrator of the homeserver can give it one.
    #[oai(
        path = "/register-user",
        method = "post",
        operation_id = "registerMatrixUser"
    )]
    async fn register(
        &self,
        service: Service,
        /// A name of this request, 1 to 128 visible ASCII characters. Repeated with the same key
        /// within 24 hours, the answer is the first one; 409 when the key was another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewUser>,
    ) -> Result<Rendered<RegisteredUser>, Failure> {
        let gateway = &self.0.gateway;
        let once = self
            .0
            .once(&service.0.name, "registerMatrixUser", key, &body.0);
        let new = body.0.into();
        // There is a token in the answer, which is not given again to whoever may not have it now.
        gateway.newcomer(&service.0, &new)?;
        let register = |attempt: Try| async move {
            let registered = gateway.register_user(&service.0, new, attempt.is_again);
            Ok(RegisteredUser::from(registered.await?))
        };
        Ok(once.secret().answer(register).await?)
    }

    /// Name a user
    ///
    /// Needs the scope `gateway:users` and the right to act as the user.
    #[oai(
        path = "/users/:user_id/display-name",
        method = "put",
        operation_id = "setMatrixUserDisplayName"
    )]
    async fn set_display_name(
        &self,
        service: Service,
        /// `@localpart:server` or an entity, percent-encoded.
        user_id: Path<String>,
        body: Body<NewUserName>,
    ) -> Result<Json<Updated>, Failure> {
        let gateway = &self.0.gateway;
        let name = &body.0.display_name;
        gateway
            .set_display_name(&service.0, &user_id.0, name)
            .await?;
        Ok(Json(Updated::DONE))
    }

    /// Give a user a picture
    ///
    /// Needs the scope `gateway:users` and the right to act as the user.
    #[oai(
        path = "/users/:user_id/avatar",
        method = "put",
        operation_id = "setMatrixUserAvatar"
    )]
    async fn set_avatar(
        &self,
        service: Service,
        /// `@localpart:server` or an entity, percent-encoded.
        user_id: Path<String>,
        body: Body<NewUserAvatar>,
    ) -> Result<Json<Updated>, Failure> {
        let gateway = &self.0.gateway;
        let url = &body.0.avatar_url;
        gateway.set_avatar(&service.0, &user_id.0, url).await?;
        Ok(Json(Updated::DONE))
    }

    /// Close a user's account
    ///
    /// For good: the name is not free again. An agent stays in the list, with `deactivated_at`; of a
    /// person the sessions and API keys here end, too.
    /// Needs the scope `gateway:users` and the right to act as the user; no admin token.
    #[oai(
        path = "/users/:user_id/deactivate",
        method = "post",
        operation_id = "deactivateMatrixUser"
    )]
    async fn deactivate(
        &self,
        service: Service,
        /// `@localpart:server` or an entity, percent-encoded.
        user_id: Path<String>,
        body: Body<Deactivate>,
    ) -> Result<Json<Deactivated>, Failure> {
        let traces = match body.0.erase {
            true => Traces::Erased,
            false => Traces::Kept,
        };
        let gateway = &self.0.gateway;
        gateway.deactivate(&service.0, &user_id.0, traces).await?;
        Ok(Json(Deactivated::DONE))
    }
}
