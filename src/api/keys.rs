//! API keys (`/api/keys`): a person lets a program use the API for them.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::{ApiKeyList, MadeApiKey, NewApiKey};
use super::sign_in::NOT_KEPT;
use super::{Services, Tag};
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::domain::key::KeyRights;
use crate::domain::service::ActAs;
use crate::domain::{Error, Result};
use crate::service::auth::keys::NewKey;

/// The operations.
pub struct KeysApi(pub Services);

/// A key was made.
#[derive(ApiResponse)]
pub enum CreatedKey {
    /// The key, shown this once.
    #[oai(status = 201)]
    Created(
        Rendered<MadeApiKey>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// A key counts no more.
#[derive(ApiResponse)]
pub enum RevokedKey {
    /// It counts no more.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/api/keys", tag = "Tag::Keys")]
impl KeysApi {
    /// List my API keys
    ///
    /// The caller's, the newest first, those that have expired too.
    #[oai(path = "/", method = "get", operation_id = "listKeys")]
    async fn list(&self, person: Person) -> Result<Json<ApiKeyList>, Failure> {
        let keys = self.0.auth.keys.list(&person.0.entity).await?;
        Ok(Json(ApiKeyList {
            items: keys.into_iter().map(Into::into).collect(),
            next: None,
        }))
    }

    /// Make an API key
    ///
    /// It is shown this once, as `Authorization: Bearer dk_…` wants it. A program that shows it is
    /// the caller, for what its scopes name, and never more than the caller may; what is for
    /// operators, and the caller's own sessions and keys, are for no key. 400 names an unknown
    /// scope or channel; 403 when the caller may not act as the agent of `act_as`; 409 when the
    /// caller has too many keys.
    #[oai(path = "/", method = "post", operation_id = "createKey")]
    async fn create(
        &self,
        person: Person,
        /// A name of this request, 1 to 128 visible ASCII characters, best a random UUID. Asked for
        /// again with the same key within 24 hours, the answer is the first one, its secret among it,
        /// and nothing is done; 409 when the key was another request's. The secret is kept in a form
        /// that only this key opens.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewApiKey>,
    ) -> Result<CreatedKey, Failure> {
        let (owner, new) = (&person.0.entity, body.0);
        let once = self.0.once(owner, "createKey", key, &new).secret();
        let (channels, act_as) = (new.channels.as_deref(), new.act_as.as_deref());
        let rights = KeyRights::parse(&new.scopes, channels, act_as)?;
        self.check(&person.0, &rights).await?;
        let new = NewKey {
            name: new.name,
            rights,
            lifetime: new.expires_in.map(|seconds| seconds.saturating_mul(1_000)),
        };
        let made = once.answer(async |attempt| {
            let (shown, key) = self.0.auth.keys.create_as(owner, new, attempt.id).await?;
            Ok(MadeApiKey {
                key: shown,
                api_key: key.into(),
            })
        });
        Ok(CreatedKey::Created(made.await?, NOT_KEPT.to_owned()))
    }

    /// Revoke an API key
    ///
    /// It counts no more from now on, and the streams that were opened with it are closed. 404
    /// when the caller has none of that id.
    #[oai(path = "/:key_id", method = "delete", operation_id = "revokeKey")]
    async fn revoke(
        &self,
        person: Person,
        /// The key's id.
        key_id: Path<Uuid>,
    ) -> Result<RevokedKey, Failure> {
        let keys = &self.0.auth.keys;
        keys.revoke(&person.0.entity, key_id.0).await?;
        Ok(RevokedKey::Done)
    }

    /// Checks that what a key is to be for is there, and is the caller's to give.
    async fn check(&self, caller: &Caller, rights: &KeyRights) -> Result<()> {
        for id in rights.channels.iter().flatten() {
            match self.0.channels.get(caller, *id).await {
                Ok(_) => {}
                Err(Error::NotFound(message)) => return Err(Error::invalid("channels", message)),
                Err(error) => return Err(error),
            }
        }
        let Some(ActAs::One(entity)) = &rights.act_as else {
            return Ok(());
        };
        let entity: &Entity = entity;
        let agents = &self.0.agents;
        if let Err(Error::NotFound(message)) = agents.get(&entity.to_string()) {
            return Err(Error::invalid("act_as", message));
        }
        if agents.may_act_as(caller, entity) {
            return Ok(());
        }
        let caller = &caller.entity;
        Err(Error::forbidden(format!(
            "{caller} may not act as {entity}"
        )))
    }
}
