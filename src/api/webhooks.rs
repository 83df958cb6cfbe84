//! What the operations on webhooks do and answer: for services, which see their own, and for
//! operators, who see all, alike.

use std::sync::Arc;
use std::time::Duration;

use poem_openapi::payload::Json;

use crate::api::Services;
use crate::api::auth::Service;
use crate::api::error::Failure;
use crate::api::schema::gateway::webhook::{
    DeadLetterPage, DeadLetterPick, PatchWebhook, Purged, Replayed, Rotate, Rotated, Subscribe,
    Subscribed, Unsubscribed, Webhook, WebhookDelivery, WebhookDeliveryPage, WebhookPage,
};
use crate::domain::Error;
use crate::domain::id::{Millis, SendKey};
use crate::domain::page;
use crate::domain::service::ServiceCaller;
use crate::payload::Rfc3339;
use crate::service::webhooks::{DeadPick, Webhooks};

type Answer<T> = Result<Json<T>, Failure>;

/// Webhooks, as somebody sees them.
pub struct Desk<'a> {
    webhooks: &'a Webhooks,
    caller: Arc<ServiceCaller>,
}

/// Dead letters by their webhook and by when their event reached us, in RFC 3339.
pub struct Range {
    pub webhook: Option<String>,
    pub from: Option<String>,
    pub until: Option<String>,
}

impl<'a> Desk<'a> {
    /// As a service sees them: its own.
    pub fn of(services: &'a Services, service: &Service) -> Self {
        Self {
            webhooks: &services.webhooks,
            caller: service.0.clone(),
        }
    }

    /// As operators see them: all.
    pub fn of_all(services: &'a Services) -> Self {
        Self {
            webhooks: &services.webhooks,
            caller: Arc::new(ServiceCaller::shared()),
        }
    }

    pub async fn subscribe(&self, new: Subscribe, key: Option<SendKey>) -> Answer<Subscribed> {
        let new = new.into_new(key);
        let made = self.webhooks.subscribe(&self.caller, new).await?;
        Ok(Json(made.into()))
    }

    pub async fn list(&self, limit: Option<u32>, cursor: Option<&str>) -> Answer<WebhookPage> {
        let limit = page::limit(limit)?;
        let page = self.webhooks.list(&self.caller, cursor, limit).await?;
        Ok(Json(page.into()))
    }

    pub async fn get(&self, id: &str) -> Answer<Webhook> {
        let view = self.webhooks.get(&self.caller, id).await?;
        Ok(Json(view.into()))
    }

    pub async fn update(&self, id: &str, patch: PatchWebhook) -> Answer<Webhook> {
        let view = self.webhooks.update(&self.caller, id, patch.into()).await?;
        Ok(Json(view.into()))
    }

    pub async fn unsubscribe(&self, id: &str) -> Answer<Unsubscribed> {
        self.webhooks.unsubscribe(&self.caller, id).await?;
        Ok(Json(Unsubscribed::done()))
    }

    pub async fn pause(&self, id: &str) -> Answer<Webhook> {
        let view = self.webhooks.pause(&self.caller, id).await?;
        Ok(Json(view.into()))
    }

    pub async fn resume(&self, id: &str) -> Answer<Webhook> {
        let view = self.webhooks.resume(&self.caller, id).await?;
        Ok(Json(view.into()))
    }

    pub async fn rotate(&self, id: &str, rotate: Option<Rotate>) -> Answer<Rotated> {
        let seconds = rotate.unwrap_or_default().overlap_seconds;
        let overlap = seconds.map(|it| Duration::from_secs(it.into()));
        let rotated = self.webhooks.rotate(&self.caller, id, overlap).await?;
        Ok(Json(rotated.into()))
    }

    pub async fn test(&self, id: &str) -> Answer<WebhookDelivery> {
        let attempt = self.webhooks.test(&self.caller, id).await?;
        Ok(Json(attempt.into()))
    }

    pub async fn deliveries(
        &self,
        id: &str,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Answer<WebhookDeliveryPage> {
        let limit = page::limit(limit)?;
        let page = self
            .webhooks
            .attempts(&self.caller, id, cursor, limit)
            .await?;
        Ok(Json(page.into()))
    }

    pub async fn dead_letters(
        &self,
        range: Range,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Answer<DeadLetterPage> {
        let limit = page::limit(limit)?;
        let pick = DeadPick {
            ids: None,
            webhook: range.webhook,
            from: range.from.map(|it| time("from", &it)).transpose()?,
            until: range.until.map(|it| time("until", &it)).transpose()?,
        };
        let webhooks = self.webhooks;
        let page = webhooks
            .dead_letters(&self.caller, &pick, cursor, limit)
            .await?;
        Ok(Json(page.into()))
    }

    pub async fn replay(&self, pick: DeadLetterPick) -> Answer<Replayed> {
        let pick = picked(pick)?;
        let replayed = self.webhooks.replay(&self.caller, &pick).await?;
        Ok(Json(Replayed { replayed }))
    }

    pub async fn purge(&self, pick: DeadLetterPick) -> Answer<Purged> {
        let pick = picked(pick)?;
        let purged = self.webhooks.purge(&self.caller, &pick).await?;
        Ok(Json(Purged { purged }))
    }
}

fn time(field: &'static str, text: &str) -> Result<Millis, Error> {
    let value = serde_json::Value::from(text);
    let parsed = serde_json::from_value::<Rfc3339>(value);
    let wrong = |_| Error::invalid(field, "must be a time like 2025-11-24T10:30:00Z");
    parsed.map(|time| time.0).map_err(wrong)
}

fn picked(pick: DeadLetterPick) -> Result<DeadPick, Error> {
    if let (true, Some(field)) = (pick.ids.is_some(), pick.beside_ids()) {
        let message = "stands beside ids, which name what is meant; leave one of them out";
        return Err(Error::invalid(field, message));
    }
    let nothing = "one of ids, subscription_id, from, until and all is needed";
    pick.picked().ok_or_else(|| Error::invalid("body", nothing))
}
