//! Webhooks of all services, for operators.

use std::time::Duration;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::gateway::webhooks::{picked, time};
use crate::api::messages::send_key;
use crate::api::schema::gateway::webhook::{
    DeadLetterPage, DeadLetterPick, PatchWebhook, Purged, Replayed, Rotate, Rotated, Subscribe,
    Subscribed, Unsubscribed, Webhook, WebhookDelivery, WebhookDeliveryPage, WebhookPage,
};
use crate::api::{Services, Tag};
use crate::domain::page;
use crate::domain::service::ServiceCaller;
use crate::service::webhooks::DeadPick;

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
        request: &Request,
        /// A name of this request, 1 to 128 visible ASCII characters: the same one again answers
        /// the same webhook while it is there, and 409 when it was another's.
        #[oai(name = "Idempotency-Key")]
        _idempotency_key: Header<Option<String>>,
        body: Body<Subscribe>,
    ) -> Result<Json<Subscribed>, Failure> {
        let new = body.0.into_new(send_key(request)?);
        let view = self
            .0
            .webhooks
            .subscribe(&ServiceCaller::shared(), new)
            .await?;
        Ok(Json(view.into()))
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
        let limit = page::limit(limit.0)?;
        let cursor = cursor.0.as_deref();
        let page = self
            .0
            .webhooks
            .list(&ServiceCaller::shared(), cursor, limit)
            .await?;
        Ok(Json(page.into()))
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
        let id = &subscription_id.0;
        let view = self.0.webhooks.get(&ServiceCaller::shared(), id).await?;
        Ok(Json(view.into()))
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
        let (id, patch) = (&subscription_id.0, body.0.into());
        let view = self
            .0
            .webhooks
            .update(&ServiceCaller::shared(), id, patch)
            .await?;
        Ok(Json(view.into()))
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
        let id = &subscription_id.0;
        self.0
            .webhooks
            .unsubscribe(&ServiceCaller::shared(), id)
            .await?;
        Ok(Json(Unsubscribed::done()))
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
        let id = &subscription_id.0;
        let view = self.0.webhooks.pause(&ServiceCaller::shared(), id).await?;
        Ok(Json(view.into()))
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
        let id = &subscription_id.0;
        let view = self.0.webhooks.resume(&ServiceCaller::shared(), id).await?;
        Ok(Json(view.into()))
    }

    /// Give a webhook another secret
    ///
    /// The secret until now signs beside the new one for a day, or as long as is asked for, so
    /// that the receiver can be told in between.
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
        let rotate = body.0.unwrap_or_default();
        let overlap = rotate
            .overlap_seconds
            .map(|it| Duration::from_secs(it.into()));
        let id = &subscription_id.0;
        let view = self
            .0
            .webhooks
            .rotate(&ServiceCaller::shared(), id, overlap)
            .await?;
        Ok(Json(view.into()))
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
        let id = &subscription_id.0;
        let attempt = self.0.webhooks.test(&ServiceCaller::shared(), id).await?;
        Ok(Json(attempt.into()))
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
        let limit = page::limit(limit.0)?;
        let (id, cursor) = (&subscription_id.0, cursor.0.as_deref());
        let webhooks = &self.0.webhooks;
        let page = webhooks
            .attempts(&ServiceCaller::shared(), id, cursor, limit)
            .await?;
        Ok(Json(page.into()))
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
        let limit = page::limit(limit.0)?;
        let pick = DeadPick {
            ids: None,
            webhook: subscription_id.0,
            from: from.0.map(|it| time("from", &it)).transpose()?,
            until: until.0.map(|it| time("until", &it)).transpose()?,
        };
        let cursor = cursor.0.as_deref();
        let webhooks = &self.0.webhooks;
        let page = webhooks
            .dead_letters(&ServiceCaller::shared(), &pick, cursor, limit)
            .await?;
        Ok(Json(page.into()))
    }

    /// Deliver dead letters once more
    ///
    /// One by one, by webhook or by time, in their order, each with the whole schedule again.
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
        let pick = picked(body.0)?;
        let replayed = self
            .0
            .webhooks
            .replay(&ServiceCaller::shared(), &pick)
            .await?;
        Ok(Json(Replayed { replayed }))
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
        let pick = picked(body.0)?;
        let purged = self
            .0
            .webhooks
            .purge(&ServiceCaller::shared(), &pick)
            .await?;
        Ok(Json(Purged { purged }))
    }
}
