//! How often somebody may ask: each service, person and API key has an allowance of its own, so that a
//! flood of one is no other's trouble; the keys of one owner share one beside that, and what a service
//! asks for somebody is counted apart from what they ask themselves. In a channel all members share
//! one, of which nobody takes more than half, and the quiet are kept a part.
//!
//! The generic cell rate algorithm (governor): requests come in at a steady rate, and some of them at
//! once. An entry that is as good as a new one is dropped; names that somebody invents grow nothing.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use crate::acts;
use crate::domain::entity::Entity;
use crate::domain::id::ChannelId;
use crate::domain::rate::Allowance;
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};

/// After how many requests those that are as good as new are dropped.
const SWEEP: u64 = 1_024;
/// How many are told apart at the most. While there are as many, all share one allowance.
const MOST: usize = 100_000;
/// How many keys of one owner may be used to the full at the same time.
const KEYS_OF_ONE: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
/// How many changes a second each member has for itself in a channel, and how many at once.
const OWN: NonZeroU32 = NonZeroU32::MIN;
const OWN_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, MonotonicClock, StateInformationMiddleware>;

/// The allowances of one kind.
struct Allowances<K: Hash + Eq + Clone> {
    limiter: Limiter<K>,
    per_second: NonZeroU32,
    counted: AtomicU64,
    /// Whose allowance all those have that there is no room for.
    others: K,
}

impl<K: Hash + Eq + Clone> Allowances<K> {
    fn new(per_second: NonZeroU32, at_once: NonZeroU32, others: K) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(at_once);
        Self {
            limiter: Limiter::new(quota, HashMapStateStore::default(), MonotonicClock),
            per_second,
            counted: AtomicU64::default(),
            others,
        }
    }

    /// Counts a request.
    fn count(&self, key: &K) -> Allowance {
        let counted = self.counted.fetch_add(1, Ordering::Relaxed);
        if counted % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let key = match self.limiter.len() < MOST {
            true => key,
            false => &self.others,
        };
        let limit = self.per_second.get();
        match self.limiter.check_key(key) {
            Ok(left) => Allowance {
                limit,
                // More may come at once than in a second, but no more than the limit is promised.
                remaining: left.remaining_burst_capacity().min(limit),
                refused_for: None,
            },
            Err(refused) => Allowance {
                limit,
                remaining: 0,
                refused_for: Some(refused.wait_time_from(MonotonicClock.now())),
            },
        }
    }
}

/// The allowances of services.
pub struct ServiceLimits(Allowances<Uuid>);

impl ServiceLimits {
    /// So many requests a second for each token, half of them at once. Over a minute that is the rate
    /// to within one per cent.
    #[must_use]
    pub fn new(per_second: NonZeroU32) -> Self {
        let at_once = NonZeroU32::new(per_second.get() / 2).unwrap_or(NonZeroU32::MIN);
        Self(Allowances::new(per_second, at_once, Uuid::max()))
    }

    /// Counts a request of a service.
    #[must_use]
    pub fn count(&self, caller: &ServiceCaller) -> Allowance {
        // The shared secret is one service, whoever holds it.
        self.0.count(&caller.token.unwrap_or_default())
    }
}

/// The allowances of people and of their API keys.
pub struct PersonLimits {
    /// Somebody, as they ask themselves or as a service does for them.
    people: Allowances<(Option<Uuid>, Entity)>,
    keys: Allowances<Uuid>,
    /// All keys of one owner.
    owners: Allowances<Entity>,
}

impl PersonLimits {
    /// So many requests a second; the double of that at once, as a page asks for much when it opens.
    #[must_use]
    pub fn new(person_per_second: NonZeroU32, key_per_second: NonZeroU32) -> Self {
        let of_keys = key_per_second.saturating_mul(KEYS_OF_ONE);
        let people = double(person_per_second);
        Self {
            people: Allowances::new(person_per_second, people, (None, nobody())),
            keys: Allowances::new(key_per_second, double(key_per_second), Uuid::max()),
            owners: Allowances::new(of_keys, double(of_keys), nobody()),
        }
    }

    /// Counts a request of a person, or of a service for them.
    pub fn count(&self, service: Option<Uuid>, person: &Entity) -> Result<()> {
        let allowance = self.people.count(&(service, person.clone()));
        noted(allowance, || {
            format!("{person} asks more than {} times a second", allowance.limit)
        })
    }

    /// Counts a request by an API key. Its owner's own requests are counted apart from it.
    pub fn count_key(&self, key: Uuid, owner: &Entity) -> Result<()> {
        // Before the owner's: what is refused to one key uses up nothing of the others.
        let allowance = self.keys.count(&key);
        noted(allowance, || {
            format!(
                "the key {key} asks more than {} times a second",
                allowance.limit
            )
        })?;
        let allowance = self.owners.count(owner);
        noted(allowance, || {
            let limit = allowance.limit;
            format!("the keys of {owner} ask more than {limit} times a second")
        })
    }
}

/// The allowances of channels.
pub struct ChannelLimits {
    shared: Allowances<ChannelId>,
    /// What one of them may take of the shared one.
    share: Allowances<(ChannelId, Entity)>,
    own: Allowances<(ChannelId, Entity)>,
}

impl ChannelLimits {
    /// So many changes a second in each channel, of all members together.
    #[must_use]
    pub fn new(per_second: NonZeroU32) -> Self {
        let nowhere = ChannelId(Uuid::max());
        let others = || (nowhere, nobody());
        let half = NonZeroU32::new(per_second.get() / 2).unwrap_or(NonZeroU32::MIN);
        Self {
            shared: Allowances::new(per_second, double(per_second), nowhere),
            share: Allowances::new(half, double(half), others()),
            own: Allowances::new(OWN, OWN_AT_ONCE, others()),
        }
    }

    /// Counts a change by somebody who may make it: a stranger must not see by this that there is a
    /// channel. Whoever changes little is never refused because of others.
    pub fn count(&self, channel: ChannelId, by: &Entity) -> Result<()> {
        let own = self.own.count(&(channel, by.clone()));
        if own.refused_for.is_none() {
            return Ok(());
        }
        let allowance = self.share.count(&(channel, by.clone()));
        noted(allowance, || {
            let limit = allowance.limit;
            format!("{by} makes more than {limit} changes a second in this channel")
        })?;
        let allowance = self.shared.count(&channel);
        noted(allowance, || {
            let limit = allowance.limit;
            format!("there are more than {limit} changes a second in this channel")
        })
    }
}

/// Notes what is left, for the answer, and refuses when nothing is.
fn noted(allowance: Allowance, message: impl FnOnce() -> String) -> Result<()> {
    acts::counted(allowance);
    match allowance.refused_for {
        None => Ok(()),
        Some(retry_after) => Err(Error::TooMany {
            message: message(),
            retry_after,
        }),
    }
}

/// Whose allowance all those have that there is no room for.
fn nobody() -> Entity {
    Entity::Agent {
        name: String::new(),
    }
}

fn double(rate: NonZeroU32) -> NonZeroU32 {
    rate.saturating_mul(NonZeroU32::MIN.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rate(per_second: u32) -> NonZeroU32 {
        NonZeroU32::new(per_second).expect("a number")
    }

    #[test]
    fn a_minute_lets_through_the_rate_to_one_per_cent() {
        let clock = FakeRelativeClock::default();
        let quota = Quota::per_second(rate(100)).allow_burst(rate(50));
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        // Three times as many ask as may.
        let asked = (0..60 * 300).filter(|_| {
            clock.advance(Duration::from_micros(3_333));
            limiter.check().is_ok()
        });
        let passed = asked.count();
        assert!((5_940..=6_060).contains(&passed), "{passed} in a minute");
    }

    fn caller(token: u128) -> ServiceCaller {
        ServiceCaller {
            token: Some(Uuid::from_u128(token)),
            ..ServiceCaller::shared()
        }
    }

    fn person(name: &str) -> Entity {
        Entity::parse(&format!("user:{name}")).expect("an entity")
    }

    #[test]
    fn a_flood_of_one_service_is_no_others_trouble() {
        let limits = ServiceLimits::new(rate(10));
        let (flood, quiet) = (caller(1), caller(2));
        let refused = (0..100).filter(|_| limits.count(&flood).refused_for.is_some());
        assert!(refused.count() >= 90);
        let allowance = limits.count(&quiet);
        assert_eq!(allowance.refused_for, None);
        assert_eq!((allowance.limit, allowance.remaining), (10, 4));
        let wait = limits.count(&flood).refused_for.expect("refused");
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
    }

    #[test]
    fn a_flood_of_one_person_or_key_is_no_others_trouble() {
        let limits = PersonLimits::new(rate(20), rate(20));
        let (flood, quiet) = (person("flood"), person("quiet"));
        let passed = (0..1_000).filter(|_| limits.count(None, &flood).is_ok());
        assert!((40..=60).contains(&passed.count()));
        limits.count(None, &quiet).expect("its own");
        let key = Uuid::from_u128(1);
        while limits.count_key(key, &quiet).is_ok() {}
        limits.count(None, &quiet).expect("a key is counted apart");
        for _ in 0..1_000 {
            let _ = limits.count_key(key, &quiet);
        }
        let another = Uuid::from_u128(2);
        limits.count_key(another, &quiet).expect("its own");
        let refused = limits.count(None, &flood).expect_err("refused");
        assert!(matches!(refused, Error::TooMany { .. }), "{refused}");
    }

    #[test]
    fn fifty_keys_are_not_fifty_people() {
        let limits = PersonLimits::new(rate(20), rate(20));
        let (flood, quiet) = (person("flood"), person("quiet"));
        let asked = (0..50_u128).flat_map(|key| (0..40).map(move |_| Uuid::from_u128(key)));
        let passed = asked.filter(|key| limits.count_key(*key, &flood).is_ok());
        let passed = passed.count();
        assert!((160..=240).contains(&passed), "{passed}");
        let key = Uuid::from_u128(99);
        limits.count_key(key, &quiet).expect("another's");
    }

    #[test]
    fn what_a_service_asks_for_somebody_is_not_their_own_doing() {
        let limits = PersonLimits::new(rate(20), rate(20));
        let (alice, bridge) = (person("alice"), Some(Uuid::from_u128(1)));
        while limits.count(bridge, &alice).is_ok() {}
        limits.count(None, &alice).expect("her own");
    }

    #[test]
    fn nobody_takes_more_than_half_of_a_channel() {
        let limits = ChannelLimits::new(rate(50));
        let here = ChannelId(Uuid::from_u128(1));
        let count = |name: &str| {
            let passed = (0..1_000).filter(|_| limits.count(here, &person(name)).is_ok());
            passed.count()
        };
        let first = count("flood");
        assert!((50..=80).contains(&first), "{first}");
        let second = count("another");
        assert!(second >= 45, "{second} are left for others");
    }

    #[test]
    fn no_more_is_promised_than_the_limit() {
        let allowances = Allowances::new(rate(20), rate(40), Uuid::max());
        let allowance = allowances.count(&Uuid::nil());
        assert_eq!((allowance.limit, allowance.remaining), (20, 20));
    }

    #[test]
    fn a_flooded_channel_takes_what_the_quiet_say() {
        let limits = ChannelLimits::new(rate(50));
        let (here, there) = (ChannelId(Uuid::from_u128(1)), ChannelId(Uuid::from_u128(2)));
        for flooder in ["a", "b", "c"] {
            while limits.count(here, &person(flooder)).is_ok() {}
        }
        for _ in 0..OWN_AT_ONCE.get() {
            limits.count(here, &person("quiet")).expect("its own");
        }
        limits.count(there, &person("a")).expect("another channel");
    }

    #[test]
    fn invented_names_grow_nothing() {
        let limits = PersonLimits::new(rate(1_000_000), rate(1));
        for name in 0..50_000 {
            let _ = limits.count(None, &person(&format!("invented{name}")));
        }
        for _ in 0..SWEEP {
            let _ = limits.count(None, &person("one"));
        }
        let held = limits.people.limiter.len() as u64;
        assert!(held < 2 * SWEEP, "{held} are held");
        let keys = Allowances::new(rate(1), rate(1), Uuid::max());
        for id in 0..MOST as u128 + 10 {
            let _ = keys.count(&Uuid::from_u128(id));
        }
        assert!(keys.limiter.len() <= MOST + 1);
    }
}
