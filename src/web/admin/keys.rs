//! The keys that sign, for the command line.

use poem::web::Data;
use poem::{Response, handler};
use serde_json::{Value, json};

use super::{Admin, answer};
use crate::domain::Result;
use crate::payload::Rfc3339;
use crate::service::auth::Auth;
use crate::service::auth::rotation::KeyView;

#[handler]
pub(super) async fn list(admin: Data<&Admin>) -> Response {
    answer(list_keys(&admin.auth).await)
}

#[handler]
pub(super) async fn rotate(admin: Data<&Admin>) -> Response {
    answer(rotate_keys(&admin.auth).await)
}

/// As `daarion key list --json` prints it.
pub async fn list_keys(auth: &Auth) -> Result<Value> {
    let keys = auth.signing_keys().await?;
    let items: Vec<_> = keys.iter().map(key_json).collect();
    Ok(json!({ "items": items }))
}

/// Replaces the keys; what there is then, as `daarion key rotate --json` prints it.
pub async fn rotate_keys(auth: &Auth) -> Result<Value> {
    auth.rotate_keys().await?;
    list_keys(auth).await
}

fn key_json(key: &KeyView) -> Value {
    json!({
        "id": key.id,
        "use": key.signs(),
        "made_at": key.made_at.map(Rfc3339),
        "retired_at": key.retired_at.map(Rfc3339),
        "forgotten_at": key.forgotten_at.map(Rfc3339),
    })
}
