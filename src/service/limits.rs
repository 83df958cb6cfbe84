//! How often a service may ask: each token has an allowance of its own, so that a flood of one
//! is no other's trouble.
//!
//! The generic cell rate algorithm (governor): requests come in at a steady rate, and half a
//! second's worth of them at once. Over a minute that is the rate to within one per cent.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use crate::domain::service::ServiceCaller;

/// What is left of an allowance after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Requests per second.
    pub limit: u32,
    /// How many more may come at once.
    pub remaining: u32,
    /// Until the next one may come, when this one was refused.
    pub refused_for: Option<Duration>,
}

/// By token; there are few, so that none is ever forgotten.
type Limiter =
    RateLimiter<Uuid, HashMapStateStore<Uuid>, MonotonicClock, StateInformationMiddleware>;

/// The allowances of services.
pub struct ServiceLimits {
    limiter: Limiter,
    per_second: NonZeroU32,
}

impl ServiceLimits {
    /// So many requests a second for each token.
    #[must_use]
    pub fn new(per_second: NonZeroU32) -> Self {
        Self {
            limiter: Limiter::new(
                quota(per_second),
                HashMapStateStore::default(),
                MonotonicClock,
            ),
            per_second,
        }
    }

    /// Counts a request of a service.
    #[must_use]
    pub fn count(&self, caller: &ServiceCaller) -> Allowance {
        let limit = self.per_second.get();
        // The shared secret is one service, whoever holds it.
        let key = caller.token.unwrap_or_default();
        match self.limiter.check_key(&key) {
            Ok(left) => Allowance {
                limit,
                remaining: left.remaining_burst_capacity(),
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

fn quota(per_second: NonZeroU32) -> Quota {
    let at_once = NonZeroU32::new(per_second.get() / 2).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(per_second).allow_burst(at_once)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_minute_lets_through_the_rate_to_one_per_cent() {
        let clock = FakeRelativeClock::default();
        let rate = NonZeroU32::new(100).expect("a number");
        let limiter = RateLimiter::direct_with_clock(quota(rate), clock.clone());
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

    #[test]
    fn a_flood_of_one_service_is_no_others_trouble() {
        let limits = ServiceLimits::new(NonZeroU32::new(10).expect("a number"));
        let (flood, quiet) = (caller(1), caller(2));
        let refused = (0..100).filter(|_| limits.count(&flood).refused_for.is_some());
        assert!(refused.count() >= 90);
        let allowance = limits.count(&quiet);
        assert_eq!(allowance.refused_for, None);
        assert_eq!((allowance.limit, allowance.remaining), (10, 4));
        let wait = limits.count(&flood).refused_for.expect("refused");
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
    }
}
