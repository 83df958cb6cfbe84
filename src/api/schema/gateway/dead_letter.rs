//! Deliveries that were given up.

use poem_openapi::Object;
use uuid::Uuid;

use crate::api::time::Time;
use crate::domain::page::Page;
use crate::service::webhooks::{DeadLetter as GivenUp, DeadPick, dead_id};

/// A delivery that was given up.
#[derive(Object, Clone, Debug)]
pub struct DeadLetter {
    pub id: String,
    pub subscription_id: String,
    /// Our name of the event.
    pub name: String,
    /// The Matrix event; null when it has none.
    pub event_id: Option<String>,
    pub channel_id: Uuid,
    /// The event's place in the stream.
    pub seq: u64,
    /// When the event reached us.
    pub arrived_at: Time,
    /// When it was given up.
    pub given_up_at: Time,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last try, for people.
    pub reason: String,
}

impl From<GivenUp> for DeadLetter {
    fn from(dead: GivenUp) -> Self {
        Self {
            id: dead_id(&dead),
            subscription_id: dead.webhook.to_string(),
            name: dead.event.what.name().to_owned(),
            event_id: dead.event.event.map(|event| event.to_string()),
            channel_id: dead.event.channel.0,
            seq: dead.event.seq,
            arrived_at: Time(dead.event.arrived_at),
            given_up_at: Time(dead.died_at),
            attempts: dead.tries,
            reason: dead.reason,
        }
    }
}

/// A page of dead letters: webhook by webhook, each one's oldest first.
#[derive(Object, Clone, Debug)]
pub struct DeadLetterPage {
    pub items: Vec<DeadLetter>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<GivenUp>> for DeadLetterPage {
    fn from(page: Page<GivenUp>) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }
    }
}

/// Which dead letters. One of the fields has to be there, so that not all are meant by mistake.
#[derive(Object, Clone, Debug, Default)]
pub struct DeadLetterPick {
    /// These, at most 1,000; of `subscription_id` alone when that is there, too. `from`, `until` and
    /// `all` cannot stand beside it.
    pub ids: Option<Vec<String>>,
    /// Those of this webhook.
    pub subscription_id: Option<String>,
    /// Those whose event reached us then or later.
    pub from: Option<Time>,
    /// Those whose event reached us before.
    pub until: Option<Time>,
    /// All that the caller may see.
    #[oai(default)]
    pub all: bool,
}

impl DeadLetterPick {
    /// The field that means more than `ids` and cannot stand beside it.
    pub fn beside_ids(&self) -> Option<&'static str> {
        let is_there = [
            ("from", self.from.is_some()),
            ("until", self.until.is_some()),
            ("all", self.all),
        ];
        let mut there = is_there.into_iter().filter(|(_, is_there)| *is_there);
        there.next().map(|(field, _)| field)
    }

    /// What is picked; `None` when nothing is.
    pub fn picked(self) -> Option<DeadPick> {
        let is_narrowed = self.ids.is_some()
            || self.subscription_id.is_some()
            || self.from.is_some()
            || self.until.is_some();
        (is_narrowed || self.all).then(|| DeadPick {
            ids: self.ids,
            webhook: self.subscription_id,
            from: self.from.map(|time| time.0),
            until: self.until.map(|time| time.0),
        })
    }
}

/// Dead letters are delivered once more.
#[derive(Object, Clone, Debug)]
pub struct Replayed {
    /// How many. They wait like other deliveries: `replaying` of their webhook counts down to what is
    /// left of them and of earlier replays.
    pub replayed: u64,
}

/// Dead letters are forgotten.
#[derive(Object, Clone, Debug)]
pub struct Purged {
    /// How many.
    pub purged: u64,
}
