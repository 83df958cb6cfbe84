//! Webhooks of all services, for operators.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::schema::gateway::dead_letter::{DeadLetterPage, DeadLetterPick, Purged, Replayed};
use crate::api::schema::gateway::webhook::{
    PatchWebhook, Rotate, Rotated, Subscribe, Subscribed, Unsubscribed, Webhook, WebhookDelivery,
    WebhookDeliveryPage, WebhookPage,
};
use crate::api::webhooks::{Desk, Range};
use crate::api::{Services, Tag};

/// The operations.
pub struct AdminWebhooksApi(pub Services);

#[OpenApi(prefix_path = "/api/admin", tag = "Tag::Admin")]
impl AdminWebhooksApi {
    /// Make a webhook
    ///
    /// What happens from now on is sent to `webhook_url`, at least once and in order per room, as
    /// the document says, with our own words beside it: `name`, `entity_id`, `channel_id`, `seq`,
    /// `message_id`. Signed as [Standard Webhooks](https://www.standardwebhooks.com) says;
    /// `webhook-id` is the same on every try. 2xx is success; 410 pauses the webhook; 429 and 503
    /// may say `Retry-After`; a redirect is a failure. What fails is tried three times more at
    /// once and then by `webhooks.schedule`; what is given up becomes a dead letter. A room
    /// that is no channel becomes one of kind `gateway` where the connector is in it and may set
    /// its state; 404 where it is not or may not.
    #[oai(
        path = "/webhooks",
        method = "post",
        operation_id = "adminSubscribeWebhook"
    )]
    async fn subscribe(
        &self,
        _operator: Operator,
        /// A name of this request, 1 to 128 visible ASCII characters: the same one again answers
        /// the same webhook while it is there, for 24 hours with its secret, and 409 when it was
        /// another's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<Subscribe>,
    ) -> Result<Json<Subscribed>, Failure> {
        let key = key.0;
        Desk::of_all(&self.0).subscribe(body.0, key).await
    }

    /// List webhooks
    ///
    /// Those of all services and operators. The oldest first.
    #[oai(path = "/webhooks", method = "get", operation_id = "adminListWebhooks")]
    async fn list(
        &self,
        _operator: Operator,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<WebhookPage>, Failure> {
        Desk::of_all(&self.0)
            .list(limit.0, cursor.0.as_deref())
            .await
    }

    /// Get a webhook
    #[oai(
        path = "/webhooks/:subscription_id",
        method = "get",
        operation_id = "adminGetWebhook"
    )]
    async fn get(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of_all(&self.0).get(&subscription_id.0).await
    }

    /// Change a webhook
    ///
    /// Where to, which events, and its description. What waits is sent to the new address.
    #[oai(
        path = "/webhooks/:subscription_id",
        method = "patch",
        operation_id = "adminUpdateWebhook"
    )]
    async fn update(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
        body: Body<PatchWebhook>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of_all(&self.0)
            .update(&subscription_id.0, body.0)
            .await
    }

    /// Remove a webhook
    ///
    /// With all that waits and its dead letters. When it is answered, nothing more is sent.
    #[oai(
        path = "/webhooks/:subscription_id",
        method = "delete",
        operation_id = "adminUnsubscribeWebhook"
    )]
    async fn unsubscribe(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Unsubscribed>, Failure> {
        Desk::of_all(&self.0).unsubscribe(&subscription_id.0).await
    }

    /// Pause a webhook
    ///
    /// When it is answered, nothing more is sent. A paused webhook does not hold the journal's
    /// retention up: what is older than `journal.retention` when it is resumed is not sent.
    #[oai(
        path = "/webhooks/:subscription_id/pause",
        method = "post",
        operation_id = "adminPauseWebhook"
    )]
    async fn pause(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of_all(&self.0).pause(&subscription_id.0).await
    }

    /// Resume a webhook
    ///
    /// It goes on where it was paused. What waits to be tried again is tried at once, also of a
    /// webhook that is not paused.
    #[oai(
        path = "/webhooks/:subscription_id/resume",
        method = "post",
        operation_id = "adminResumeWebhook"
    )]
    async fn resume(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of_all(&self.0).resume(&subscription_id.0).await
    }

    /// Give a webhook another secret
    ///
    /// The secret until now signs beside the new one for a day, or as long as is asked for, so
    /// that the receiver can be told in between. Earlier ones sign as long as was asked for then;
    /// 409 when four do so already.
    #[oai(
        path = "/webhooks/:subscription_id/rotate",
        method = "post",
        operation_id = "adminRotateWebhook"
    )]
    async fn rotate(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
        body: Body<Option<Rotate>>,
    ) -> Result<Json<Rotated>, Failure> {
        Desk::of_all(&self.0)
            .rotate(&subscription_id.0, body.0)
            .await
    }

    /// Send a test event
    ///
    /// Once, at once, signed like any other, whether the webhook is paused or not. Answers what
    /// came of it.
    #[oai(
        path = "/webhooks/:subscription_id/test",
        method = "post",
        operation_id = "adminTestWebhook"
    )]
    async fn test(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<WebhookDelivery>, Failure> {
        Desk::of_all(&self.0).test(&subscription_id.0).await
    }

    /// List a webhook's deliveries
    ///
    /// Every try with its outcome and the beginning of the answer, the newest first; the latest
    /// 200 are kept.
    #[oai(
        path = "/webhooks/:subscription_id/deliveries",
        method = "get",
        operation_id = "adminListWebhookDeliveries"
    )]
    async fn deliveries(
        &self,
        _operator: Operator,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<WebhookDeliveryPage>, Failure> {
        let cursor = cursor.0.as_deref();
        Desk::of_all(&self.0)
            .deliveries(&subscription_id.0, limit.0, cursor)
            .await
    }

    /// List dead letters
    ///
    /// Deliveries that were given up: webhook by webhook, each one's oldest first.
    #[oai(
        path = "/dead-letters",
        method = "get",
        operation_id = "adminListDeadLetters"
    )]
    async fn dead_letters(
        &self,
        _operator: Operator,
        /// Those of this webhook.
        subscription_id: Query<Option<String>>,
        /// Those whose event reached us then or later; RFC 3339.
        from: Query<Option<String>>,
        /// Those whose event reached us before; RFC 3339.
        until: Query<Option<String>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DeadLetterPage>, Failure> {
        let range = Range {
            webhook: subscription_id.0,
            from: from.0,
            until: until.0,
        };
        Desk::of_all(&self.0)
            .dead_letters(range, limit.0, cursor.0.as_deref())
            .await
    }

    /// Deliver dead letters once more
    ///
    /// One by one, by webhook or by time, in their order, each with the whole schedule again.
    /// `replaying` of their webhooks tells how many are left.
    #[oai(
        path = "/dead-letters/replay",
        method = "post",
        operation_id = "adminReplayDeadLetters"
    )]
    async fn replay(
        &self,
        _operator: Operator,
        body: Body<DeadLetterPick>,
    ) -> Result<Json<Replayed>, Failure> {
        Desk::of_all(&self.0).replay(body.0).await
    }

    /// Forget dead letters
    ///
    /// For good.
    #[oai(
        path = "/dead-letters/purge",
        method = "post",
        operation_id = "adminPurgeDeadLetters"
    )]
    async fn purge(
        &self,
        _operator: Operator,
        body: Body<DeadLetterPick>,
    ) -> Result<Json<Purged>, Failure> {
        Desk::of_all(&self.0).purge(body.0).await
    }
}
