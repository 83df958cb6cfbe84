//! Matrix for services (`/internal/matrix`): the gateway document's operations, an area each.

pub mod media;
pub mod membership;
pub mod messages;
pub mod rooms;
pub mod timeline;
pub mod users;
pub mod webhooks;

use super::Services;
use crate::service::gateway::Actor;

/// The operations.
pub type GatewayApi = (
    rooms::RoomsApi,
    messages::MessagesApi,
    membership::MembershipApi,
    users::UsersApi,
    timeline::TimelineApi,
    media::GatewayMediaApi,
    webhooks::WebhooksApi,
);

/// All of them.
#[must_use]
pub fn all(services: &Services) -> GatewayApi {
    (
        rooms::RoomsApi(services.clone()),
        messages::MessagesApi(services.clone()),
        membership::MembershipApi(services.clone()),
        users::UsersApi(services.clone()),
        timeline::TimelineApi(services.clone()),
        media::GatewayMediaApi(services.clone()),
        webhooks::WebhooksApi(services.clone()),
    )
}

/// Who acts, by the two fields that `sender` and its like are.
fn actor(
    fields: (&'static str, &'static str),
    entity: Option<String>,
    matrix_id: Option<String>,
) -> Actor {
    Actor {
        fields,
        entity,
        matrix_id,
    }
}

const SENDER: (&str, &str) = ("sender", "sender_matrix_id");
