//! Webhooks (`/internal/matrix/webhook`), for the services that make them.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use crate::api::auth::Service;
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
pub struct WebhooksApi(pub Services);

#[OpenApi(prefix_path = "/internal/matrix/webhook", tag = "Tag::Gateway")]
impl WebhooksApi {
    /// Subscribe to events
    ///
    /// What happens in channels from now on is sent to `webhook_url`, at least once and in order
    /// per room, as a `WebhookPayload` (see the callback): the Matrix event with our own words
    /// beside it. Channels made and changed, messages, files, edits, redactions, reactions and
    /// memberships are told; events of other types are not. Signed as
    /// [Standard Webhooks](https://www.standardwebhooks.com) says; `webhook-id` is the same on every
    /// try. 2xx is success; 410 pauses the webhook; 429 and 503
    /// may say `Retry-After`; a redirect is a failure. What fails is tried three times more at
    /// once and then by `webhooks.schedule`; what is given up becomes a dead letter. A room
    /// that is no channel becomes one of kind `gateway` where the connector is in it and may set
    /// its state; 404 where it is not, as where there is no such room, and 403 where it may not.
    #[oai(
        path = "/subscribe",
        method = "post",
        operation_id = "subscribeWebhook"
    )]
    async fn subscribe(
        &self,
        service: Service,
        /// A name of this request, 1 to 128 visible ASCII characters: the same one again answers
        /// the same webhook while it is there, for 24 hours with its secret, and 409 when it was
        /// another's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<Subscribe>,
    ) -> Result<Json<Subscribed>, Failure> {
        let key = key.0;
        Desk::of(&self.0, &service).subscribe(body.0, key).await
    }

    /// List webhooks
    ///
    /// Those of the caller's service, whichever of its tokens has made them; the shared secret sees
    /// all. The oldest first.
    #[oai(path = "/subscribe", method = "get", operation_id = "listWebhooks")]
    async fn list(
        &self,
        service: Service,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<WebhookPage>, Failure> {
        Desk::of(&self.0, &service)
            .list(limit.0, cursor.0.as_deref())
            .await
    }

    /// Get a webhook
    #[oai(
        path = "/subscribe/:subscription_id",
        method = "get",
        operation_id = "getWebhook"
    )]
    async fn get(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of(&self.0, &service).get(&subscription_id.0).await
    }

    /// Change a webhook
    ///
    /// Where to, which events, and its description. What waits is sent to the new address.
    #[oai(
        path = "/subscribe/:subscription_id",
        method = "patch",
        operation_id = "updateWebhook"
    )]
    async fn update(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
        body: Body<PatchWebhook>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of(&self.0, &service)
            .update(&subscription_id.0, body.0)
            .await
    }

    /// Remove a webhook
    ///
    /// With all that waits and its dead letters. When it is answered, nothing more is sent.
    #[oai(
        path = "/subscribe/:subscription_id",
        method = "delete",
        operation_id = "unsubscribeWebhook"
    )]
    async fn unsubscribe(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Unsubscribed>, Failure> {
        Desk::of(&self.0, &service)
            .unsubscribe(&subscription_id.0)
            .await
    }

    /// Pause a webhook
    ///
    /// When it is answered, nothing more is sent. A paused webhook does not hold the journal's
    /// retention up: what is older than `journal.retention` when it is resumed is not sent.
    #[oai(
        path = "/subscribe/:subscription_id/pause",
        method = "post",
        operation_id = "pauseWebhook"
    )]
    async fn pause(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of(&self.0, &service).pause(&subscription_id.0).await
    }

    /// Resume a webhook
    ///
    /// It goes on where it was paused. What waits to be tried again is tried at once, also of a
    /// webhook that is not paused.
    #[oai(
        path = "/subscribe/:subscription_id/resume",
        method = "post",
        operation_id = "resumeWebhook"
    )]
    async fn resume(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<Webhook>, Failure> {
        Desk::of(&self.0, &service).resume(&subscription_id.0).await
    }

    /// Give a webhook another secret
    ///
    /// The secret until now signs beside the new one for a day, or as long as is asked for, so
    /// that the receiver can be told in between. Earlier ones sign as long as was asked for then;
    /// 409 when four do so already.
    #[oai(
        path = "/subscribe/:subscription_id/rotate",
        method = "post",
        operation_id = "rotateWebhook"
    )]
    async fn rotate(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
        body: Body<Option<Rotate>>,
    ) -> Result<Json<Rotated>, Failure> {
        Desk::of(&self.0, &service)
            .rotate(&subscription_id.0, body.0)
            .await
    }

    /// Send a test event
    ///
    /// Once, at once, signed like any other, whether the webhook is paused or not. Answers what
    /// came of it.
    #[oai(
        path = "/subscribe/:subscription_id/test",
        method = "post",
        operation_id = "testWebhook"
    )]
    async fn test(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
    ) -> Result<Json<WebhookDelivery>, Failure> {
        Desk::of(&self.0, &service).test(&subscription_id.0).await
    }

    /// List a webhook's deliveries
    ///
    /// Every try with its outcome and the beginning of the answer, the newest first; the latest
    /// 200 are kept.
    #[oai(
        path = "/subscribe/:subscription_id/deliveries",
        method = "get",
        operation_id = "listWebhookDeliveries"
    )]
    async fn deliveries(
        &self,
        service: Service,
        /// `sub-<uuid>`.
        subscription_id: Path<String>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<WebhookDeliveryPage>, Failure> {
        let cursor = cursor.0.as_deref();
        Desk::of(&self.0, &service)
            .deliveries(&subscription_id.0, limit.0, cursor)
            .await
    }

    /// List dead letters
    ///
    /// Deliveries that were given up: webhook by webhook, each one's oldest first.
    #[oai(
        path = "/dead-letters",
        method = "get",
        operation_id = "listDeadLetters"
    )]
    async fn dead_letters(
        &self,
        service: Service,
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
        Desk::of(&self.0, &service)
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
        operation_id = "replayDeadLetters"
    )]
    async fn replay(
        &self,
        service: Service,
        body: Body<DeadLetterPick>,
    ) -> Result<Json<Replayed>, Failure> {
        Desk::of(&self.0, &service).replay(body.0).await
    }

    /// Forget dead letters
    ///
    /// For good.
    #[oai(
        path = "/dead-letters/purge",
        method = "post",
        operation_id = "purgeDeadLetters"
    )]
    async fn purge(
        &self,
        service: Service,
        body: Body<DeadLetterPick>,
    ) -> Result<Json<Purged>, Failure> {
        Desk::of(&self.0, &service).purge(body.0).await
    }
}
