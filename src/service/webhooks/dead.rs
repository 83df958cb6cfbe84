//! Dead letters: listed, replayed, purged.

use std::collections::BTreeSet;

use super::{Webhooks, unknown};
use crate::domain::id::Millis;
use crate::domain::page::{Page, decode_cursor, encode_cursor};
use crate::domain::service::ServiceCaller;
use crate::domain::webhook::WebhookId;
use crate::domain::{Error, Result};
use crate::service::audit;
use crate::store::StoreError;
use crate::store::webhooks::{DeadLetter, DeadPlace, DeadQuery};

/// The size of the list's cursor, and of a dead letter's id: webhook and `seq`.
const CURSOR: usize = 24;
/// How many are replayed or purged in one step, so that others get their turn.
const STEP: usize = 500;
/// The most ids of one request.
const MOST_IDS: usize = 1_000;

/// Which dead letters.
#[derive(Clone, Debug, Default)]
pub struct DeadPick {
    /// These, as far as they are of the webhook; all that fit the rest when absent.
    pub ids: Option<Vec<String>>,
    /// Those of this webhook; of all that the caller may see when absent.
    pub webhook: Option<String>,
    /// Whose event arrived then or later.
    pub from: Option<Millis>,
    /// Whose event arrived before.
    pub until: Option<Millis>,
}

/// The id of a dead letter, as contracts write it.
#[must_use]
pub fn dead_id(dead: &DeadLetter) -> String {
    encode_cursor(&place_key(place(dead)))
}

fn place(dead: &DeadLetter) -> DeadPlace {
    DeadPlace {
        webhook: dead.webhook,
        seq: dead.event.seq,
    }
}

fn place_key(place: DeadPlace) -> Vec<u8> {
    let mut key = place.webhook.0.as_bytes().to_vec();
    key.extend_from_slice(&place.seq.to_be_bytes());
    key
}

fn parse_place(text: &str) -> Result<DeadPlace> {
    let key = decode_cursor(text, CURSOR)?;
    let (webhook, seq) = key.split_at(16);
    let wrong = || Error::invalid("cursor", "is none of this list");
    Ok(DeadPlace {
        webhook: WebhookId(uuid::Uuid::from_slice(webhook).map_err(|_| wrong())?),
        seq: u64::from_be_bytes(seq.try_into().map_err(|_| wrong())?),
    })
}

impl Webhooks {
    /// A page of dead letters.
    pub async fn dead_letters(
        &self,
        caller: &ServiceCaller,
        pick: &DeadPick,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<DeadLetter>> {
        let after = cursor.map(parse_place).transpose()?;
        let query = DeadQuery {
            webhooks: self.webhooks_of(caller, pick).await?,
            from: pick.from,
            until: pick.until,
            after,
            limit: limit + 1,
        };
        let mut items = self.core.store.webhooks.dead_letters(query).await?;
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| is_more).map(dead_id);
        Ok(Page { items, next })
    }

    /// Delivers dead letters once more, in their order, each with the whole schedule. Says how
    /// many; they wait like any others, and what fails again is given up again.
    pub async fn replay(&self, caller: &ServiceCaller, pick: &DeadPick) -> Result<u64> {
        let now = self.core.clock.now();
        let mut replayed = 0;
        let mut after = None;
        while let Some(step) = self.step(caller, pick, &mut after).await? {
            let touched: BTreeSet<_> = step.iter().map(|place| place.webhook).collect();
            let (store, deliveries) = (self.core.store.webhooks.clone(), self.deliveries.clone());
            // Both, also when the caller goes away in between.
            let both = tokio::spawn(async move {
                let replayed = store.replay(step, now).await?;
                for webhook in touched {
                    deliveries.nudge(webhook).await;
                }
                Ok::<_, StoreError>(replayed)
            });
            let stopped = |_| Error::StoreUnavailable("daarion is stopping".to_owned());
            replayed += both.await.map_err(stopped)??;
        }
        self.record_dead("dead_letters.replayed", pick, replayed)
            .await?;
        Ok(replayed)
    }

    /// Forgets dead letters. Says how many.
    pub async fn purge(&self, caller: &ServiceCaller, pick: &DeadPick) -> Result<u64> {
        let mut purged = 0;
        let mut after = None;
        while let Some(step) = self.step(caller, pick, &mut after).await? {
            purged += self.core.store.webhooks.purge(step).await?;
        }
        self.record_dead("dead_letters.purged", pick, purged)
            .await?;
        Ok(purged)
    }

    async fn record_dead(&self, action: &'static str, pick: &DeadPick, count: u64) -> Result<()> {
        let core = &self.core;
        let mut deed = audit::deed(&core.clock, action, "daarion");
        deed.target.clone_from(&pick.webhook);
        let deed = deed.after(serde_json::json!({ "count": count }));
        audit::record(&core.store, &core.clock, deed).await
    }

    /// The next that are picked; `None` at the end.
    async fn step(
        &self,
        caller: &ServiceCaller,
        pick: &DeadPick,
        after: &mut Option<DeadPlace>,
    ) -> Result<Option<Vec<DeadPlace>>> {
        let webhooks = self.webhooks_of(caller, pick).await?;
        if let Some(ids) = &pick.ids {
            if ids.len() > MOST_IDS {
                let message = format!("must be at most {MOST_IDS}");
                return Err(Error::invalid("ids", message));
            }
            let wrong = |_| Error::invalid("ids", "must be ids of dead letters");
            let places = ids.iter().map(|id| parse_place(id).map_err(wrong));
            let mut places = places.collect::<Result<Vec<_>>>()?;
            places.retain(|place| webhooks.contains(&place.webhook));
            places.sort_unstable();
            let rest = places.into_iter().filter(|place| Some(*place) > *after);
            let step: Vec<_> = rest.take(STEP).collect();
            *after = step.last().copied().or(*after);
            return Ok(Some(step).filter(|step| !step.is_empty()));
        }
        let query = DeadQuery {
            webhooks,
            from: pick.from,
            until: pick.until,
            after: *after,
            limit: STEP,
        };
        let found = self.core.store.webhooks.dead_letters(query).await?;
        let step: Vec<_> = found.iter().map(place).collect();
        *after = step.last().copied().or(*after);
        Ok(Some(step).filter(|step| !step.is_empty()))
    }

    async fn webhooks_of(&self, caller: &ServiceCaller, pick: &DeadPick) -> Result<Vec<WebhookId>> {
        let all = self.all(caller).await?.into_iter().map(|it| it.id);
        let Some(wanted) = pick.webhook.as_deref() else {
            return Ok(all.collect());
        };
        let wrong = || Error::invalid("subscription_id", "must be sub-<uuid>");
        let wanted_id = WebhookId::parse(wanted).ok_or_else(wrong)?;
        let mut all = all.filter(|id| *id == wanted_id);
        all.next().map(|id| vec![id]).ok_or_else(|| unknown(wanted))
    }
}
