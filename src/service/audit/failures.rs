//! Failed attempts to sign in, counted by the minute and by where they come from: however many there
//! are, the log grows by a few records a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::clock::Clock;
use crate::domain::Result;
use crate::domain::audit::{Deed, Origin};
use crate::store::Store;

/// How many networks are told apart in a minute; the rest is counted together.
const NETWORKS: usize = 32;

/// Those that are not written down yet.
#[derive(Default)]
pub struct Failures(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    networks: HashMap<Option<IpAddr>, u64>,
    /// Those of all other networks.
    others: u64,
}

impl Failures {
    /// Counts one from a network.
    pub fn count(&self, network: Option<IpAddr>) {
        let counted = &mut *lock(&self.0);
        let is_new = !counted.networks.contains_key(&network);
        if is_new && counted.networks.len() >= NETWORKS {
            counted.others += 1;
            return;
        }
        *counted.networks.entry(network).or_default() += 1;
    }

    /// Writes down what was counted since this was done last.
    pub async fn write(&self, store: &Store, clock: &Clock) -> Result<()> {
        let Counted { networks, others } = std::mem::take(&mut *lock(&self.0));
        let now = clock.now();
        let deed = |address, after| {
            let mut deed = Deed::new("sign_in.failed", "unknown", now).after(after);
            deed.origin = Origin {
                address,
                ..Origin::default()
            };
            deed
        };
        let mut deeds: Vec<_> = networks
            .into_iter()
            .map(|(network, count)| deed(network, json!({ "attempts": count })))
            .collect();
        if others > 0 {
            let after = json!({ "attempts": others, "networks": "others" });
            deeds.push(deed(None, after));
        }
        if deeds.is_empty() {
            return Ok(());
        }
        super::keep(store, clock, deeds).await
    }
}

fn lock(counted: &Mutex<Counted>) -> MutexGuard<'_, Counted> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::AuditFilter;

    #[tokio::test]
    async fn a_flood_makes_a_few_records() {
        let (failures, clock) = (Failures::default(), Clock::manual(1_000));
        let store = crate::store::in_memory().expect("a store");
        for attempt in 0..10_000_u32 {
            let address = IpAddr::from(std::net::Ipv4Addr::from(attempt % 1_000));
            failures.count(Some(address));
        }
        failures.write(&store, &clock).await.expect("written");
        failures
            .write(&store, &clock)
            .await
            .expect("nothing is left");
        let page = store.audit.list(AuditFilter::default(), None, 200).await;
        let records = page.expect("listed").items;
        assert_eq!(records.len(), NETWORKS + 1);
        let attempts = records
            .iter()
            .filter_map(|it| it.fields()["after"]["attempts"].as_u64());
        assert_eq!(attempts.sum::<u64>(), 10_000);
    }
}
