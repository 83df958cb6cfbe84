//! Tickets: a browser cannot put a token into the headers of a WebSocket, and a token in an
//! address would end up in logs. A ticket in an address is worth nothing a moment later.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::people::SignedIn;
use super::tokens;
use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::session::Digest;
use crate::domain::{Error, Result};

/// How long a ticket is good.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// How many tickets one person may hold at once.
const EACH: usize = 50;
/// How many there may be in all.
const HELD: usize = 20_000;

struct Ticket {
    person: SignedIn,
    expires_at: Millis,
}

/// The tickets that have not been used yet; lost at a restart, like the streams.
pub struct Tickets {
    clock: Clock,
    held: Mutex<HashMap<Digest, Ticket>>,
}

impl Tickets {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            held: Mutex::default(),
        }
    }

    /// Makes a ticket for somebody.
    pub fn issue(&self, person: SignedIn) -> Result<String> {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, ticket| now < ticket.expires_at);
        let own = held
            .values()
            .filter(|ticket| ticket.person.caller.entity == person.caller.entity);
        if held.len() >= HELD || own.count() >= EACH {
            return Err(Error::TooMany {
                message: "too many tickets that were not used".to_owned(),
                retry_after: LIFETIME,
            });
        }
        let secret = self.clock.secret();
        let expires_at = now + super::millis(LIFETIME);
        held.insert(tokens::digest(&secret), Ticket { person, expires_at });
        Ok(tokens::text(&secret))
    }

    /// Takes a ticket; there is no second time.
    pub fn redeem(&self, ticket: &str) -> Option<SignedIn> {
        let key = tokens::digest(&tokens::bytes(ticket)?);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = held.remove(&key)?;
        (self.clock.now() < ticket.expires_at).then_some(ticket.person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Caller;
    use crate::domain::entity::Entity;
    use crate::domain::session::Pass;

    fn person(name: &str) -> SignedIn {
        let entity = Entity::parse(&format!("user:{name}")).expect("an entity");
        SignedIn {
            caller: Caller::new(entity, false),
            by: Pass::Trusted,
        }
    }

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let clock = Clock::manual(1_000);
        let tickets = Tickets::new(clock.clone());
        let ticket = tickets.issue(person("alice")).expect("a ticket");
        assert_eq!(tickets.redeem(&ticket), Some(person("alice")));
        assert_eq!(tickets.redeem(&ticket), None);
        let late = tickets.issue(person("alice")).expect("a ticket");
        clock.set(1_000 + 60_000);
        assert_eq!(tickets.redeem(&late), None);
        for bad in ["", "x", "кіт", &"A".repeat(43)] {
            assert_eq!(tickets.redeem(bad), None, "{bad}");
        }
    }

    #[test]
    fn nobody_hoards_tickets() {
        let clock = Clock::manual(1_000);
        let tickets = Tickets::new(clock.clone());
        for _ in 0..EACH {
            tickets.issue(person("alice")).expect("a ticket");
        }
        assert!(tickets.issue(person("alice")).is_err());
        tickets.issue(person("bob")).expect("a ticket");
        clock.set(1_000 + 60_000);
        tickets.issue(person("alice")).expect("a ticket");
    }
}
