//! Tokens of services, for the command line.

use poem::web::{Data, Json};
use poem::{Response, handler};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Admin, COMMAND_LINE, answer};
use crate::domain::Result;
use crate::domain::service::{Rights, Scope, ServiceToken};
use crate::payload::Rfc3339;
use crate::service::auth::Auth;
use crate::service::auth::services::NewServiceToken;

/// A token to be made.
#[derive(Serialize, Deserialize)]
pub struct NewTokenJson {
    pub name: String,
    pub scopes: Vec<String>,
    pub act_as: Vec<String>,
    pub rooms: Option<Vec<String>>,
    /// In seconds.
    pub expires_in: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct RevokeJson {
    service: String,
}

#[handler]
pub(super) async fn list(admin: Data<&Admin>) -> Response {
    answer(list_tokens(&admin.auth).await)
}

#[handler]
pub(super) async fn create(admin: Data<&Admin>, body: Json<NewTokenJson>) -> Response {
    answer(create_token(&admin.auth, body.0).await)
}

#[handler]
pub(super) async fn revoke(admin: Data<&Admin>, body: Json<RevokeJson>) -> Response {
    answer(revoke_token(&admin.auth, &body.0.service).await)
}

/// As `daarion token list --json` prints it.
pub async fn list_tokens(auth: &Auth) -> Result<Value> {
    let (all, now) = (auth.services.list().await?, auth.services.now());
    let items: Vec<_> = all.iter().map(|token| token_json(token, now)).collect();
    Ok(json!({ "items": items }))
}

/// As `daarion token create --json` prints it.
pub async fn create_token(auth: &Auth, new: NewTokenJson) -> Result<Value> {
    let rights = Rights::parse(&new.scopes, &new.act_as, new.rooms.as_deref())?;
    let new = NewServiceToken {
        name: new.name,
        rights,
        lifetime: new.expires_in.map(|seconds| seconds.saturating_mul(1_000)),
        created_by: COMMAND_LINE.to_owned(),
    };
    let (token, made) = auth.services.create(new).await?;
    let service = token_json(&made, auth.services.now());
    Ok(json!({ "token": token, "service": service }))
}

/// As `daarion token revoke --json` prints it.
pub async fn revoke_token(auth: &Auth, given: &str) -> Result<Value> {
    let revoked = auth.services.revoke(given).await?;
    Ok(token_json(&revoked, auth.services.now()))
}

fn token_json(token: &ServiceToken, now: u64) -> Value {
    let rights = &token.rights;
    let scopes = rights.scopes.iter().map(|scope| Scope::as_str(*scope));
    let act_as = rights.act_as.iter().map(ToString::to_string);
    json!({
        "id": token.id,
        "name": token.name,
        "scopes": scopes.collect::<Vec<_>>(),
        "act_as": act_as.collect::<Vec<_>>(),
        "rooms": rights.rooms,
        "created_at": Rfc3339(token.created_at),
        "created_by": token.created_by,
        "expires_at": token.expires_at.map(Rfc3339),
        "last_used_at": token.last_used_at.map(Rfc3339),
        "revoked_at": token.revoked_at.map(Rfc3339),
        "is_good": token.is_good(now),
    })
}
