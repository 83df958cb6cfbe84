//! Attempts to sign in: after failures the next one has to wait, longer each time.
//!
//! Counted by name and address together; by address, so that one address cannot try many
//! accounts; and, much later, by name alone, so that many addresses cannot try one account. The
//! last one does not hold up an address from which that name has signed in: nobody is kept out
//! by what strangers do elsewhere. An attempt counts as failed from its beginning, so that many
//! at once are no way around. Who shows a token says no name: that is counted by address alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::{Error, Result};
use crate::service::audit::failures::Failures as Counted;

/// How many names and addresses are remembered; beyond them the ones that have been quiet for
/// longest are forgotten.
const HELD: usize = 10_000;
/// After so long without an attempt a name or an address begins anew.
const FORGET: Duration = Duration::from_secs(15 * 60);

/// How patient we are with one name or one address.
struct Patience {
    /// Failures without a wait.
    free: u32,
    /// The longest wait; the first is a second, and each one is twice the one before.
    longest: Duration,
}

const BOTH: Patience = Patience {
    free: 5,
    longest: Duration::from_secs(60),
};
/// Late, and not long: somebody else could keep its owner out.
const NAME: Patience = Patience {
    free: 100,
    longest: Duration::from_secs(60),
};
/// Many people may share an address.
const ADDRESS: Patience = Patience {
    free: 20,
    longest: Duration::from_secs(15 * 60),
};

/// From where somebody tries to sign in; `None` when that is not known.
type Address = Option<IpAddr>;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    Both(String, Address),
    Name(String),
    Address(IpAddr),
}

impl Key {
    fn patience(&self) -> &'static Patience {
        match self {
            Self::Both(..) => &BOTH,
            Self::Name(_) => &NAME,
            Self::Address(_) => &ADDRESS,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Millis,
}

impl Failures {
    /// When the next attempt may be made.
    fn next(&self, patience: &Patience) -> Millis {
        let Some(beyond) = self.count.checked_sub(patience.free + 1) else {
            return 0;
        };
        let wait = Duration::from_secs(1 << beyond.min(20)).min(patience.longest);
        self.last + super::millis(wait)
    }
}

/// What is remembered.
#[derive(Default)]
struct Memory {
    failures: HashMap<Key, Failures>,
    /// From where which name has signed in, and when.
    welcome: HashMap<(String, Address), Millis>,
}

/// The failures of late.
pub struct Attempts {
    clock: Clock,
    held: Mutex<Memory>,
    /// Those that have failed, for the audit log.
    pub(super) failed: Counted,
}

/// One attempt; dropped, it has failed.
#[must_use]
pub struct Attempt<'a> {
    attempts: &'a Attempts,
    /// `None` for whoever shows a token.
    name: Option<String>,
    /// The network that it comes from.
    from: Address,
    begun: Millis,
    /// What it counts by, and when the attempt before it was made.
    counted: Vec<(Key, Millis)>,
    outcome: Outcome<'a>,
}

/// An attempt that nothing good is heard of has failed, which the audit log counts.
struct Outcome<'a> {
    failures: &'a Counted,
    from: Address,
    is_good: bool,
}

impl Drop for Outcome<'_> {
    fn drop(&mut self) {
        if !self.is_good {
            self.failures.count(self.from);
        }
    }
}

impl Attempts {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            held: Mutex::default(),
            failed: Counted::default(),
        }
    }

    /// Begins an attempt, or says how long to wait.
    pub fn begin(&self, name: &str, address: Address) -> Result<Attempt<'_>> {
        self.begin_as(Some(name.to_owned()), address.map(network))
    }

    /// Begins an attempt of somebody who says no name but shows a token. From an unknown address
    /// there is nothing that it could count by; tokens are not guessed.
    pub fn begin_unnamed(&self, address: Address) -> Result<Attempt<'_>> {
        self.begin_as(None, address.map(network))
    }

    fn begin_as(&self, name: Option<String>, from: Address) -> Result<Attempt<'_>> {
        let now = self.clock.now();
        let both = |name: &String| Key::Both(name.clone(), from);
        let keys = [
            name.as_ref().map(both),
            name.clone().map(Key::Name),
            from.map(Key::Address),
        ];
        let mut held = self.held();
        let welcome = name.clone().map(|name| (name, from));
        let is_welcome = welcome.is_some_and(|who| held.welcome.contains_key(&who));
        let holds_up = |key: &&Key| !(is_welcome && matches!(key, Key::Name(_)));
        let next = keys
            .iter()
            .flatten()
            .filter(holds_up)
            .filter_map(|key| Some(held.failures.get(key)?.next(key.patience())))
            .max()
            .unwrap_or(0);
        if now < next {
            return Err(Error::TooMany {
                message: "too many failed attempts to sign in; wait before the next one".to_owned(),
                retry_after: Duration::from_millis(next - now),
            });
        }
        let mut counted = Vec::new();
        for key in keys.into_iter().flatten() {
            make_room(&mut held.failures, now, |failures| failures.last);
            let failures = held.failures.entry(key.clone()).or_insert(Failures {
                count: 0,
                last: now,
            });
            counted.push((key, failures.last));
            if now.saturating_sub(failures.last) > super::millis(FORGET) {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
        drop(held);
        Ok(Attempt {
            outcome: Outcome {
                failures: &self.failed,
                from,
                is_good: false,
            },
            attempts: self,
            name,
            from,
            begun: now,
            counted,
        })
    }

    fn held(&self) -> MutexGuard<'_, Memory> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// It was the right password: the name begins anew at this address. The address itself does
    /// not, or whoever has one account could try all others.
    pub fn succeeded(mut self) {
        self.outcome.is_good = true;
        self.take_back();
        let Some(name) = self.name else {
            return;
        };
        let mut held = self.attempts.held();
        held.failures.remove(&Key::Both(name.clone(), self.from));
        make_room(&mut held.welcome, self.begun, |at| *at);
        held.welcome.insert((name, self.from), self.begun);
    }

    /// Nobody could say whether it was the right password.
    pub fn undecided(mut self) {
        self.outcome.is_good = true;
        self.take_back();
    }

    /// As if it had not been made. What failed before fades from when that was.
    fn take_back(&self) {
        let mut held = self.attempts.held();
        for (key, before) in &self.counted {
            let Some(failures) = held.failures.get_mut(key) else {
                continue;
            };
            failures.count = failures.count.saturating_sub(1);
            if failures.last == self.begun {
                failures.last = *before;
            }
        }
    }
}

/// What one subscriber has: an IPv4 address, or a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            IpAddr::V6(prefix.into())
        }
        address => address,
    }
}

/// Makes room for one more.
fn make_room<K, V>(held: &mut HashMap<K, V>, now: Millis, last: impl Fn(&V) -> Millis) {
    if held.len() < HELD {
        return;
    }
    held.retain(|_, value| now.saturating_sub(last(value)) <= super::millis(FORGET));
    if held.len() < HELD {
        return;
    }
    // Half of them at once, so that the search is seldom.
    let mut times: Vec<_> = held.values().map(&last).collect();
    let (_, middle, _) = times.select_nth_unstable(HELD / 2);
    let middle = *middle;
    let mut surplus = HELD / 2;
    held.retain(|_, value| {
        let goes = last(value) <= middle && surplus > 0;
        surplus -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(attempts: &Attempts, name: &str, address: &str) -> Result<()> {
        attempts.begin(name, address.parse().ok()).map(drop)
    }

    fn wait(refused: Result<()>) -> Duration {
        match refused {
            Err(Error::TooMany { retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_double_and_end() {
        let clock = Clock::manual(1_000_000);
        let attempts = Attempts::new(clock.clone());
        for _ in 0..=BOTH.free {
            fail(&attempts, "root", "192.0.2.1").expect("tried");
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let after = wait(fail(&attempts, "root", "192.0.2.1"));
            waits.push(after.as_secs());
            clock.set(clock.now() + super::super::millis(after));
            fail(&attempts, "root", "192.0.2.1").expect("tried");
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        fail(&attempts, "root", "192.0.2.2").expect("another address");
        clock.set(clock.now() + super::super::millis(FORGET) + 1);
        for _ in 0..=BOTH.free {
            fail(&attempts, "root", "192.0.2.1").expect("tried");
        }
        wait(fail(&attempts, "root", "192.0.2.1"));
        fail(&attempts, "olena", "192.0.2.1").expect("another name");
    }

    #[test]
    fn many_addresses_try_a_name_no_more_often_than_they_may() {
        let attempts = Attempts::new(Clock::manual(1));
        let owner = "192.0.2.1".parse().ok();
        attempts.begin("root", owner).expect("tried").succeeded();
        for number in 0..=NAME.free {
            fail(&attempts, "root", &format!("198.51.100.{number}")).expect("tried");
        }
        wait(fail(&attempts, "root", "203.0.113.1"));
        // Its owner, at home, does not even notice; nor does anybody else.
        let own = attempts.begin("root", owner);
        own.expect("not kept out").succeeded();
        fail(&attempts, "olena", "203.0.113.1").expect("another name");
        wait(fail(&attempts, "root", "203.0.113.1"));
    }

    #[test]
    fn failures_of_a_busy_address_fade_though_others_sign_in_there() {
        let clock = Clock::manual(1);
        let attempts = Attempts::new(clock.clone());
        let office = "192.0.2.1".parse().ok();
        for number in 0..=ADDRESS.free {
            fail(&attempts, &format!("name{number}"), "192.0.2.1").expect("tried");
        }
        clock.set(clock.now() + super::super::millis(FORGET) / 2);
        attempts.begin("own", office).expect("waited").succeeded();
        clock.set(clock.now() + super::super::millis(FORGET) / 2 + 1);
        for number in 0..ADDRESS.free {
            fail(&attempts, &format!("other{number}"), "192.0.2.1").expect("faded");
        }
    }

    #[test]
    fn an_address_tries_no_more_names_than_it_may() {
        let attempts = Attempts::new(Clock::manual(1));
        for number in 0..=ADDRESS.free {
            fail(&attempts, &format!("name{number}"), "2001:db8::1").expect("tried");
        }
        // A neighbour in the same /64 is the same subscriber.
        wait(fail(&attempts, "another", "2001:db8::2"));
        fail(&attempts, "another", "2001:db8:0:1::2").expect("another network");
        attempts.begin("unknown", None).expect("tried").succeeded();
    }

    #[test]
    fn whoever_shows_tokens_is_counted_by_address() {
        let attempts = Attempts::new(Clock::manual(1));
        let address = "192.0.2.1".parse().ok();
        for _ in 0..=ADDRESS.free {
            let attempt = attempts.begin_unnamed(address);
            attempt.map(drop).expect("tried");
            let good = attempts.begin_unnamed("192.0.2.2".parse().ok());
            good.expect("tried").succeeded();
            attempts.begin_unnamed(None).map(drop).expect("unknown");
        }
        wait(attempts.begin_unnamed(address).map(drop));
        wait(fail(&attempts, "alice", "192.0.2.1"));
        fail(&attempts, "alice", "192.0.2.2").expect("another address");
    }

    #[test]
    fn success_frees_the_name_there_and_not_the_address() {
        let attempts = Attempts::new(Clock::manual(1));
        let address = "192.0.2.1".parse().ok();
        for round in 0..u64::from(ADDRESS.free) {
            fail(&attempts, &format!("other{round}"), "192.0.2.1").expect("tried");
            let own = attempts.begin("own", address);
            own.expect("tried").succeeded();
        }
        fail(&attempts, "own", "192.0.2.1").expect("tried");
        wait(fail(&attempts, "own", "192.0.2.1"));
    }

    #[test]
    fn undecided_attempts_do_not_count() {
        let attempts = Attempts::new(Clock::manual(1));
        for _ in 0..100 {
            let attempt = attempts.begin("root", "192.0.2.1".parse().ok());
            attempt.expect("tried").undecided();
        }
    }

    #[test]
    fn memory_is_bounded() {
        let clock = Clock::manual(1);
        let attempts = Attempts::new(clock.clone());
        for number in 0..2 * HELD {
            clock.set(1 + number as u64 / 1_000);
            fail(&attempts, &format!("name{number}"), "").expect("tried");
        }
        assert!(attempts.held().failures.len() <= HELD);
        for number in 0..2 * HELD {
            let attempt = attempts.begin(&format!("name{number}"), None);
            attempt.expect("tried").succeeded();
        }
        assert!(attempts.held().welcome.len() <= HELD);
    }
}
