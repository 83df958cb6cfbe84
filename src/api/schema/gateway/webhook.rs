//! Webhooks and their deliveries.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use crate::api::time::Time;
use crate::domain::id::SendKey;
use crate::domain::page::Page;
use crate::domain::webhook::PauseReason;
use crate::service::webhooks::{
    Attempt, Fate, NewWebhook, Rotated as WithSecret, Subscribed as Made, WebhookPatch, WebhookView,
};

/// A receiver to be told of what happens.
#[derive(Object, Clone, Debug)]
pub struct Subscribe {
    /// The Matrix room, `!id` or `#alias:server`; every channel that the token may use when
    /// absent, those yet to be made included.
    pub room_id: Option<String>,
    /// `http` or `https`, without a user name. Loopback and private addresses have to be listed in
    /// `webhooks.allow`.
    pub webhook_url: String,
    /// Types of Matrix events (`m.room.message`) and our names of events
    /// (`messaging.message.created`); everything when absent or empty.
    pub events: Option<Vec<String>>,
    /// Your own words, at most 256 characters on one line.
    pub description: Option<String>,
    /// `agent:<name>`: the agent hears by it. It is told of what happens in the channels that the
    /// agent is a member of, not of the agent's own posts, edits and reactions, nor of other
    /// agents'. Nothing while the agent is deactivated. Cannot be changed later.
    pub agent: Option<String>,
    /// Beside `agent`: whether it is told of other agents' posts, edits and reactions, too.
    #[oai(default)]
    pub include_agents: bool,
}

impl Subscribe {
    pub fn into_new(self, key: Option<SendKey>) -> NewWebhook {
        NewWebhook {
            room: self.room_id,
            url: self.webhook_url,
            events: self.events.unwrap_or_default(),
            description: self.description,
            agent: self.agent,
            include_agents: self.include_agents,
            key,
        }
    }
}

/// A webhook was made.
#[derive(Object, Clone, Debug)]
pub struct Subscribed {
    /// `sub-<uuid>`.
    pub subscription_id: String,
    /// Deliveries are signed with it, as Standard Webhooks says. It is shown to whoever makes the
    /// webhook: null when a request with the same `Idempotency-Key` has made it more than 24 hours
    /// ago.
    pub secret: Option<String>,
    /// What to do when `secret` is null; null when it is not.
    pub hint: Option<String>,
}

/// What to do when the answer to a request of long ago was lost.
const SHOWN_BEFORE: &str = "the secret was shown when the webhook was made; POST …/rotate gives it \
                            another one";

impl From<Made> for Subscribed {
    fn from(made: Made) -> Self {
        Self {
            subscription_id: made.id.to_string(),
            hint: made.secret.is_none().then(|| SHOWN_BEFORE.to_owned()),
            secret: made.secret,
        }
    }
}

/// A webhook is gone.
#[derive(Object, Clone, Debug)]
pub struct Unsubscribed {
    /// `unsubscribed`.
    pub status: String,
}

impl Unsubscribed {
    pub fn done() -> Self {
        Self {
            status: "unsubscribed".to_owned(),
        }
    }
}

/// Whether a webhook is at work.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum WebhookStatus {
    Active,
    /// Nothing is sent.
    Paused,
}

/// Why nothing is sent.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum PausedBecause {
    /// A service or an operator has asked for it.
    Asked,
    /// The receiver has answered 410.
    Gone,
    /// The service has no token that may look after webhooks. It goes on with the next one.
    Revoked,
}

impl From<PauseReason> for PausedBecause {
    fn from(reason: PauseReason) -> Self {
        match reason {
            PauseReason::Asked => Self::Asked,
            PauseReason::Gone => Self::Gone,
            PauseReason::Revoked => Self::Revoked,
        }
    }
}

/// A webhook.
#[derive(Object, Clone, Debug)]
pub struct Webhook {
    /// `sub-<uuid>`.
    pub subscription_id: String,
    /// The Matrix room; null when it is told of all channels.
    pub room_id: Option<String>,
    /// The channel of that room.
    pub channel_id: Option<Uuid>,
    /// That channel's name.
    pub channel_name: Option<String>,
    pub webhook_url: String,
    /// Empty: everything.
    pub events: Vec<String>,
    /// May be empty.
    pub description: String,
    /// The agent that hears by it; null when it is told of what everybody does.
    pub agent: Option<String>,
    /// Whether that agent is told of other agents' posts.
    pub include_agents: bool,
    pub status: WebhookStatus,
    /// Null while it is active.
    pub paused_because: Option<PausedBecause>,
    /// Null while it is active.
    pub paused_at: Option<Time>,
    /// Until when an earlier secret signs, or has signed, too; null when there is none.
    pub previous_secret_until: Option<Time>,
    pub created_at: Time,
    /// The service that it belongs to, whichever token the service has; null for operators and for the
    /// shared secret.
    pub service: Option<String>,
    /// The token that it was made with; null for operators and for the shared secret.
    pub token_id: Option<Uuid>,
    /// The place in the stream up to which it has looked.
    pub position: u64,
    /// How many events of the journal it has not looked at yet.
    pub lag: u64,
    /// How many deliveries wait to be tried (again).
    pub pending: u64,
    /// How many of these were dead letters and are being replayed; what happens meanwhile is not
    /// among them.
    pub replaying: u64,
    /// When the next of them is tried; null when nothing waits.
    pub next_try_at: Option<Time>,
    /// How many deliveries were given up and lie in the dead letters.
    pub dead_letters: u64,
    /// The latest try, test events included; null when nothing was sent yet.
    pub last_delivery: Option<WebhookDelivery>,
}

impl From<WebhookView> for Webhook {
    fn from(view: WebhookView) -> Self {
        let webhook = view.webhook;
        let paused = webhook.paused;
        let previous = webhook.secrets.previous.iter().map(|(_, until)| *until);
        let previous = previous.max().map(Time);
        let channel = view.channel;
        Self {
            subscription_id: webhook.id.to_string(),
            room_id: channel.as_ref().map(|channel| channel.room.to_string()),
            channel_name: channel.map(|channel| channel.name.clone()),
            channel_id: webhook.channel.map(|channel| channel.0),
            webhook_url: webhook.url,
            events: webhook.events,
            description: webhook.description,
            agent: webhook.agent.map(|agent| agent.to_string()),
            include_agents: webhook.include_agents,
            status: match paused {
                None => WebhookStatus::Active,
                Some(_) => WebhookStatus::Paused,
            },
            paused_because: paused.map(|pause| pause.reason.into()),
            paused_at: paused.map(|pause| Time(pause.at)),
            previous_secret_until: previous,
            created_at: Time(webhook.created_at),
            service: webhook.service,
            token_id: webhook.created_by,
            position: webhook.position,
            lag: view.lag,
            pending: view.pending,
            replaying: view.replayed,
            next_try_at: view.next_at.map(Time),
            dead_letters: view.dead_letters,
            last_delivery: view.latest.map(Into::into),
        }
    }
}

/// A page of webhooks.
#[derive(Object, Clone, Debug)]
pub struct WebhookPage {
    pub items: Vec<Webhook>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<WebhookView>> for WebhookPage {
    fn from(page: Page<WebhookView>) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }
    }
}

/// What of a webhook is to be changed; what is absent stays.
#[derive(Object, Clone, Debug)]
pub struct PatchWebhook {
    pub webhook_url: Option<String>,
    pub events: Option<Vec<String>>,
    pub description: Option<String>,
}

impl From<PatchWebhook> for WebhookPatch {
    fn from(patch: PatchWebhook) -> Self {
        Self {
            url: patch.webhook_url,
            events: patch.events,
            description: patch.description,
        }
    }
}

/// How a secret is replaced.
#[derive(Object, Clone, Debug, Default)]
pub struct Rotate {
    /// How long the secret until now signs beside the new one, in seconds: at most 604,800 (a
    /// week), 86,400 (a day) when absent, 0 for a secret that has got about.
    pub overlap_seconds: Option<u32>,
}

/// A webhook has another secret.
#[derive(Object, Clone, Debug)]
pub struct Rotated {
    pub subscription_id: String,
    /// The new secret. It is not shown again.
    pub secret: String,
    /// Until when deliveries bear a second signature, of the secret until now; null when they
    /// do not.
    pub previous_secret_until: Option<Time>,
}

impl From<WithSecret> for Rotated {
    fn from(rotated: WithSecret) -> Self {
        let webhook = rotated.view.webhook;
        let previous = webhook.secrets.previous.first();
        Self {
            subscription_id: webhook.id.to_string(),
            secret: rotated.secret,
            previous_secret_until: previous.map(|(_, until)| Time(*until)),
        }
    }
}

/// What became of a try.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "snake_case")]
pub enum WebhookOutcome {
    Delivered,
    /// It is tried again.
    Retried,
    /// It became a dead letter.
    GivenUp,
    /// The receiver answered 410, and the webhook is paused.
    Paused,
    /// A test event, which is sent once.
    Test,
}

impl From<Fate> for WebhookOutcome {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Delivered => Self::Delivered,
            Fate::Retried => Self::Retried,
            Fate::GivenUp => Self::GivenUp,
            Fate::Paused => Self::Paused,
            Fate::Test => Self::Test,
        }
    }
}

/// One try of a delivery.
#[derive(Object, Clone, Debug)]
pub struct WebhookDelivery {
    /// When it was sent.
    pub at: Time,
    /// Our name of the event.
    pub name: String,
    /// What was sent as `webhook-id`: the same for every try.
    pub webhook_id: String,
    /// The Matrix event; null for a test event.
    pub event_id: Option<String>,
    /// Null for a test event of a webhook that is told of all channels.
    pub channel_id: Option<Uuid>,
    /// The event's place in the stream; 0 for a test event.
    pub seq: u64,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// The receiver's HTTP status; null when there was no answer.
    pub status: Option<u16>,
    /// Why there was none; null when there was.
    pub error: Option<String>,
    /// Until the answer was there, or until there was none.
    pub latency_ms: u64,
    /// The first 1,024 bytes of the answer; empty when there was none.
    pub answer: String,
    pub outcome: WebhookOutcome,
    /// When it is tried again; null when it is not.
    pub next_try_at: Option<Time>,
}

impl From<Attempt> for WebhookDelivery {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: Time(attempt.at),
            name: attempt.name,
            webhook_id: attempt.delivery_id,
            event_id: attempt.event.map(|event| event.to_string()),
            channel_id: attempt.channel.map(|channel| channel.0),
            seq: attempt.seq,
            attempt: attempt.number,
            status: attempt.status,
            error: attempt.error,
            latency_ms: attempt.latency_ms,
            answer: attempt.answer,
            outcome: attempt.fate.into(),
            next_try_at: attempt.next_at.map(Time),
        }
    }
}

/// A page of tries, the newest first. The latest 200 are kept.
#[derive(Object, Clone, Debug)]
pub struct WebhookDeliveryPage {
    pub items: Vec<WebhookDelivery>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<Attempt>> for WebhookDeliveryPage {
    fn from(page: Page<Attempt>) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }
    }
}
