//! Webhooks, for the services that make them and for operators.
//!
//! A service sees the webhooks of its own name, whichever of its tokens has made them, as far as it
//! may work in their rooms; the shared secret and operators see all. What is set here is stored
//! first and then told to the deliveries.

mod dead;
mod orphans;
mod secrets;
mod tries;

use std::sync::Arc;

pub use self::dead::{DeadPick, dead_id};
pub use self::secrets::Rotated;
use super::auth::Auth;
use super::gateway::Gateway;
use super::{Core, audit};
use crate::consumer::webhooks::Deliveries;
use crate::domain::channel::Channel;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, Millis, SendKey, Seq, UserId};
use crate::domain::page::{Page, decode_cursor, encode_cursor};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::webhook::{
    Pause, PauseReason, Secrets, Webhook, WebhookId, description, wanted_events,
};
use crate::domain::{Error, Result};
use crate::store::StoreError;
use crate::store::webhooks::WebhookChange;
pub use crate::store::webhooks::{Attempt, DeadLetter, Fate};

/// How many webhooks there may be.
const MOST: usize = 1_000;
/// The size of a list's cursor: the time of creation and the id.
const CURSOR: usize = 24;

/// The webhooks service.
pub struct Webhooks {
    core: Arc<Core>,
    deliveries: Arc<Deliveries>,
    /// Knows rooms.
    gateway: Arc<Gateway>,
    /// Knows when a token counts no more.
    auth: Arc<Auth>,
}

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// The Matrix room, by id or alias; `None` for all channels that the token may use.
    pub room: Option<String>,
    pub url: String,
    pub events: Vec<String>,
    pub description: Option<String>,
    /// The agent that hears by it.
    pub agent: Option<String>,
    pub include_agents: bool,
    /// Makes the same request answer the same webhook.
    pub key: Option<SendKey>,
}

/// What of a webhook is to be changed.
#[derive(Clone, Debug, Default)]
pub struct WebhookPatch {
    pub url: Option<String>,
    pub events: Option<Vec<String>>,
    pub description: Option<String>,
}

/// A webhook that was asked for.
#[derive(Clone)]
pub struct Subscribed {
    pub id: WebhookId,
    /// `None` when it has been there for long: it was shown then.
    pub secret: Option<String>,
}

/// A webhook with how it does.
#[derive(Clone, Debug)]
pub struct WebhookView {
    pub webhook: Webhook,
    pub channel: Option<Arc<Channel>>,
    /// How many events of the journal it has not looked at yet.
    pub lag: u64,
    /// How many deliveries wait to be tried again.
    pub pending: u64,
    /// Of these, how many were dead letters.
    pub replayed: u64,
    /// When the next of them is.
    pub next_at: Option<Millis>,
    pub dead_letters: u64,
    /// The latest try, test events included.
    pub latest: Option<Attempt>,
}

impl Webhooks {
    #[must_use]
    pub fn new(
        core: Arc<Core>,
        deliveries: Arc<Deliveries>,
        gateway: Arc<Gateway>,
        auth: Arc<Auth>,
    ) -> Self {
        Self {
            core,
            deliveries,
            gateway,
            auth,
        }
    }

    /// Makes a webhook, which is told of what happens from now on.
    pub async fn subscribe(&self, caller: &ServiceCaller, new: NewWebhook) -> Result<Subscribed> {
        caller.require(Scope::Webhooks)?;
        let events = wanted_events(&new.events)?;
        let description = description(new.description.as_deref())?;
        let url = self.deliveries.outlet().check(&new.url).await?;
        let channel = match &new.room {
            Some(room) => Some(self.gateway.channel(caller, room, "room_id").await?),
            None => None,
        };
        let agent = match &new.agent {
            Some(agent) => Some(self.agent(caller, agent)?),
            None if new.include_agents => {
                let message = "is for the webhook of an agent";
                return Err(Error::invalid("include_agents", message));
            }
            None => None,
        };
        let webhook = Webhook {
            id: self.id(caller, new.key.as_ref()),
            agent,
            include_agents: new.include_agents,
            channel: channel.map(|channel| channel.id),
            url: url.into(),
            events,
            description,
            secrets: Secrets::new(self.secret()),
            paused: None,
            service: caller.token.is_some().then(|| caller.name.clone()),
            created_by: caller.token,
            created_at: self.core.clock.now(),
            position: self.core.store.journal.head(),
        };
        let store = &self.core.store.webhooks;
        if let Some(found) = store.webhook(webhook.id).await? {
            return repeated(&found, &webhook);
        }
        if store.webhooks().await?.len() >= MOST {
            let message = format!("there are {MOST} webhooks already; remove one first");
            return Err(Error::conflict(message));
        }
        let (adding, new) = (store.clone(), webhook.clone());
        let added = async move {
            match adding.add(new).await {
                // The same request has come twice at once.
                Err(StoreError::Exists(_)) => Ok(false),
                added => added.map(|()| true),
            }
        };
        if self.set(webhook.id, added).await? {
            self.record("webhook.created", None, &webhook).await?;
            return Ok(Subscribed {
                id: webhook.id,
                secret: Some(webhook.secrets.current),
            });
        }
        let found = store.webhook(webhook.id).await?;
        let removed = || Error::conflict("the webhook was made and removed just now");
        repeated(&found.ok_or_else(removed)?, &webhook)
    }

    /// An agent that is there, as which the caller may act.
    fn agent(&self, caller: &ServiceCaller, given: &str) -> Result<Entity> {
        let wrong = |message: &str| Error::invalid("agent", message);
        let Some(Entity::Agent { name }) = Entity::parse(given) else {
            return Err(wrong("must be agent:<name>"));
        };
        let agent = self.core.directory.agent(&name);
        let entity = Entity::Agent { name };
        caller.require_act_as(&entity)?;
        agent
            .map(|_| entity)
            .ok_or_else(|| wrong("is no agent here"))
    }

    /// One webhook.
    pub async fn get(&self, caller: &ServiceCaller, id: &str) -> Result<WebhookView> {
        let webhook = self.find(caller, id).await?;
        self.view(webhook).await
    }

    /// A page of webhooks, the oldest first.
    pub async fn list(
        &self,
        caller: &ServiceCaller,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<WebhookView>> {
        let after = cursor.map(|cursor| decode_cursor(cursor, CURSOR));
        let after = after.transpose()?;
        let mut rest = self.all(caller).await?.into_iter().filter(|webhook| {
            let after = after.as_deref();
            after.is_none_or(|after| key(webhook).as_slice() > after)
        });
        let mut items = Vec::new();
        for webhook in rest.by_ref().take(limit) {
            items.push(self.view(webhook).await?);
        }
        let is_more = rest.next().is_some();
        let last = items.last().map(|last| encode_cursor(&key(&last.webhook)));
        Ok(Page {
            next: last.filter(|_| is_more),
            items,
        })
    }

    /// Changes a webhook. What is on its way to the old address is given up and sent to the new.
    pub async fn update(
        &self,
        caller: &ServiceCaller,
        id: &str,
        patch: WebhookPatch,
    ) -> Result<WebhookView> {
        let webhook = self.find(caller, id).await?;
        let url = match &patch.url {
            Some(url) => Some(self.deliveries.outlet().check(url).await?.into()),
            None => None,
        };
        let events = patch.events.as_deref().map(wanted_events);
        let given = patch.description.as_deref();
        let change = WebhookChange {
            url,
            events: events.transpose()?,
            description: given.map(|given| description(Some(given))).transpose()?,
            ..WebhookChange::default()
        };
        let view = self.change(webhook.id, change).await?;
        let action = "webhook.updated";
        self.record(action, Some(&webhook), &view.webhook).await?;
        Ok(view)
    }

    /// Keeps what was done to a webhook; of its address only where it leads, as the rest may hold a
    /// secret.
    async fn record(
        &self,
        action: &'static str,
        before: Option<&Webhook>,
        webhook: &Webhook,
    ) -> Result<()> {
        let told = |webhook: &Webhook| {
            let url = url::Url::parse(&webhook.url).ok();
            serde_json::json!({
                "host": url.as_ref().and_then(url::Url::host_str),
                "events": webhook.events,
                "paused": webhook.paused.is_some(),
            })
        };
        let core = &self.core;
        let mut deed = audit::deed(&core.clock, action, "daarion").target(webhook.id);
        deed.channel = webhook.channel;
        deed.before = before.map(told);
        deed.after = (action != "webhook.deleted").then(|| told(webhook));
        audit::record(&core.store, &core.clock, deed).await
    }

    /// Stops sending. When this returns, nothing more is sent.
    pub async fn pause(&self, caller: &ServiceCaller, id: &str) -> Result<WebhookView> {
        let webhook = self.find(caller, id).await?;
        // One that waits for a token would go on with it.
        let by_itself = |pause: &Pause| pause.reason == PauseReason::Revoked;
        if webhook.paused.as_ref().is_some_and(|it| !by_itself(it)) {
            return self.view(webhook).await;
        }
        let pause = Pause {
            reason: PauseReason::Asked,
            at: self.core.clock.now(),
        };
        let view = self.set_paused(webhook.id, Some(pause)).await?;
        let action = "webhook.paused";
        self.record(action, Some(&webhook), &view.webhook).await?;
        Ok(view)
    }

    /// Goes on where the webhook was paused, as far as the journal still has it. What waits is
    /// tried at once.
    pub async fn resume(&self, caller: &ServiceCaller, id: &str) -> Result<WebhookView> {
        let webhook = self.find(caller, id).await?;
        if self.is_orphan(&webhook) {
            let service = webhook.service.as_deref().unwrap_or("that made it");
            return Err(Error::conflict(format!(
                "the service {service} has no token that may look after webhooks"
            )));
        }
        let view = self.set_paused(webhook.id, None).await?;
        let action = "webhook.resumed";
        self.record(action, Some(&webhook), &view.webhook).await?;
        Ok(view)
    }

    /// Removes a webhook with all that waits and all that was given up.
    pub async fn unsubscribe(&self, caller: &ServiceCaller, id: &str) -> Result<()> {
        let webhook = self.find(caller, id).await?;
        let store = self.core.store.webhooks.clone();
        let removal = async move { store.remove_webhook(webhook.id).await };
        match self.set(webhook.id, removal).await? {
            true => {
                let action = "webhook.deleted";
                self.record(action, Some(&webhook), &webhook).await
            }
            false => Err(unknown(id)),
        }
    }

    /// All that a caller may see, the oldest first.
    async fn all(&self, caller: &ServiceCaller) -> Result<Vec<Webhook>> {
        caller.require(Scope::Webhooks)?;
        let mut all = self.core.store.webhooks.webhooks().await?;
        all.retain(|webhook| self.is_seen(caller, webhook));
        Ok(all)
    }

    async fn find(&self, caller: &ServiceCaller, id: &str) -> Result<Webhook> {
        caller.require(Scope::Webhooks)?;
        let parsed = WebhookId::parse(id).ok_or_else(|| unknown(id))?;
        let found = self.core.store.webhooks.webhook(parsed).await?;
        let seen = found.filter(|webhook| self.is_seen(caller, webhook));
        seen.ok_or_else(|| unknown(id))
    }

    fn is_seen(&self, caller: &ServiceCaller, webhook: &Webhook) -> bool {
        if caller.token.is_none() {
            return true;
        }
        let is_in_reach = || match webhook.channel {
            Some(_) if caller.rights.rooms.is_none() => true,
            Some(id) => {
                let channel = self.core.directory.channel(id);
                channel.is_some_and(|channel| caller.may_work_for(&channel))
            }
            None => true,
        };
        webhook.service.as_ref() == Some(&caller.name) && is_in_reach()
    }

    async fn set_paused(&self, id: WebhookId, paused: Option<Pause>) -> Result<WebhookView> {
        let change = WebhookChange {
            paused: Some(paused),
            ..WebhookChange::default()
        };
        self.change(id, change).await
    }

    async fn change(&self, id: WebhookId, change: WebhookChange) -> Result<WebhookView> {
        let store = self.core.store.webhooks.clone();
        let changed = self.set(id, async move { store.change(id, change).await });
        let webhook = changed.await?;
        let webhook = webhook.ok_or_else(|| unknown(&id.to_string()))?;
        self.view(webhook).await
    }

    /// Stores something of a webhook and lets the deliveries go by it: both, also when the
    /// caller goes away in between.
    async fn set<T: Send + 'static>(
        &self,
        id: WebhookId,
        change: impl Future<Output = std::result::Result<T, StoreError>> + Send + 'static,
    ) -> Result<T> {
        let deliveries = self.deliveries.clone();
        let both = tokio::spawn(async move {
            let stored = change.await?;
            deliveries.refresh(id).await?;
            Ok(stored)
        });
        let stopped = |_| Error::StoreUnavailable("daarion is stopping".to_owned());
        both.await.map_err(stopped)?
    }

    async fn view(&self, webhook: Webhook) -> Result<WebhookView> {
        let store = &self.core.store;
        let counts = store.webhooks.counts(webhook.id).await?;
        let lanes = match counts.pending {
            0 => Vec::new(),
            _ => store.webhooks.lanes(webhook.id).await?,
        };
        let tries = store.webhooks.attempts(webhook.id, None, 1).await?;
        let head: Seq = store.journal.head();
        Ok(WebhookView {
            channel: webhook
                .channel
                .and_then(|id| self.core.directory.channel(id)),
            lag: head.saturating_sub(webhook.position),
            pending: counts.pending,
            replayed: counts.replayed,
            next_at: lanes.iter().map(|lane| lane.due_at).min(),
            dead_letters: counts.dead,
            latest: tries.into_iter().next().map(|(_, latest)| latest),
            webhook,
        })
    }

    /// A fresh id, or the one that a caller's key stands for.
    fn id(&self, caller: &ServiceCaller, key: Option<&SendKey>) -> WebhookId {
        let Some(key) = key else {
            return WebhookId(self.core.clock.uuid());
        };
        // Of the service, whichever token it has.
        let scope = ChannelId(uuid::Uuid::nil());
        let maker = UserId::trusted(format!("webhook {}", caller.name));
        WebhookId(key.transaction(scope, &maker))
    }
}

/// The same request again, by its key.
fn repeated(found: &Webhook, asked: &Webhook) -> Result<Subscribed> {
    let what = |it: &Webhook| {
        let hears = (it.agent.clone(), it.include_agents);
        (it.channel, it.url.clone(), it.events.clone(), hears)
    };
    let is_same = what(found) == what(asked);
    if is_same {
        return Ok(Subscribed {
            id: found.id,
            secret: found.secret_again(asked.created_at).map(str::to_owned),
        });
    }
    Err(Error::conflict(
        "Idempotency-Key: was used for another webhook",
    ))
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("no webhook {id}"))
}

/// The order of the list.
fn key(webhook: &Webhook) -> Vec<u8> {
    let mut key = webhook.created_at.to_be_bytes().to_vec();
    key.extend_from_slice(webhook.id.0.as_bytes());
    key
}
