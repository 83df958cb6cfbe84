//! Turns: how many requests are with the homeserver at once, and who comes next.
//!
//! Each service has a line of its own. When a place is free, it goes to whoever has the fewest
//! requests with the homeserver, of equals to whoever waited longest for a turn: a flood of one
//! service waits behind itself. [`Lines`] decides and knows no time and no tasks; [`Turns`] lets
//! tasks wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::{Error, Result};

/// When whoever finds a line full may come back.
const COME_BACK: Duration = Duration::from_secs(1);
/// When whoever has waited in vain may come back.
const COME_BACK_LATER: Duration = Duration::from_secs(5);

/// How much is let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// At once, of all services together.
    pub total: usize,
    /// At once, of one service.
    pub each: usize,
    /// How many of one service may wait.
    pub waiting: usize,
    /// How long they may wait.
    pub patience: Duration,
}

/// Requests to the homeserver.
pub const REQUESTS: Bounds = Bounds {
    total: 64,
    each: 64,
    waiting: 1_000,
    patience: Duration::from_secs(30),
};

/// Polls that wait for news, which cost next to nothing.
pub const POLLS: Bounds = Bounds {
    total: 1_024,
    each: 256,
    waiting: 0,
    patience: Duration::ZERO,
};

/// Files on their way.
pub const FILES: Bounds = Bounds {
    total: 96,
    each: 48,
    waiting: 256,
    patience: Duration::from_secs(30),
};

/// What is said to somebody who comes.
#[derive(PartialEq, Eq, Debug)]
enum Said {
    Go,
    Wait,
    /// Too many of the same service wait already.
    Full,
}

/// Who is being served and who waits. `W` is how whoever waits is called.
struct Lines<W> {
    bounds: Bounds,
    /// Served at once, of all.
    served: usize,
    lines: HashMap<String, Line<W>>,
    /// Grows with each turn that is given.
    turns: u64,
}

struct Line<W> {
    served: usize,
    waiting: VecDeque<W>,
    /// When it was last given a turn.
    last: u64,
}

impl<W> Lines<W> {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            served: 0,
            lines: HashMap::new(),
            turns: 0,
        }
    }

    /// Somebody comes. `waiter` is made when there is a place in the line; `has_left` tells who
    /// of those in it has gone meanwhile.
    fn come(
        &mut self,
        who: &str,
        waiter: impl FnOnce() -> W,
        has_left: impl Fn(&W) -> bool,
    ) -> Said {
        let (bounds, is_free) = (self.bounds, self.served < self.bounds.total);
        let line = self.lines.entry(who.to_owned()).or_insert_with(|| Line {
            served: 0,
            waiting: VecDeque::new(),
            last: 0,
        });
        if is_free && line.served < bounds.each && line.waiting.is_empty() {
            self.give(who);
            return Said::Go;
        }
        if line.waiting.len() >= bounds.waiting {
            line.waiting.retain(|waiter| !has_left(waiter));
        }
        if line.waiting.len() >= bounds.waiting {
            return Said::Full;
        }
        line.waiting.push_back(waiter());
        Said::Wait
    }

    /// Somebody is done: who is called next, if anybody.
    fn leave(&mut self, who: &str) -> Option<(String, W)> {
        self.served = self.served.saturating_sub(1);
        if let Some(line) = self.lines.get_mut(who) {
            line.served = line.served.saturating_sub(1);
            if line.served == 0 && line.waiting.is_empty() {
                self.lines.remove(who);
            }
        }
        let each = self.bounds.each;
        let next = self
            .lines
            .iter()
            .filter(|(_, line)| !line.waiting.is_empty() && line.served < each)
            .min_by_key(|(_, line)| (line.served, line.last))
            .map(|(name, _)| name.clone())?;
        let waiter = self.lines.get_mut(&next)?.waiting.pop_front()?;
        self.give(&next);
        Some((next, waiter))
    }

    fn give(&mut self, who: &str) {
        self.turns += 1;
        self.served += 1;
        if let Some(line) = self.lines.get_mut(who) {
            line.served += 1;
            line.last = self.turns;
        }
    }
}

/// Lets tasks wait for their turn.
pub struct Turns {
    lines: Mutex<Lines<oneshot::Sender<Turn>>>,
    patience: Duration,
}

/// A place with the homeserver, free again when it is dropped.
pub struct Turn {
    turns: Arc<Turns>,
    /// `None` when it has been passed on.
    who: Option<String>,
}

impl Turns {
    #[must_use]
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            lines: Mutex::new(Lines::new(bounds)),
            patience: bounds.patience,
        })
    }

    /// Waits for a turn of a service's, but not for ever. Whoever stops waiting loses the place in
    /// the line.
    pub async fn wait(self: &Arc<Self>, who: &str) -> Result<Turn> {
        let (call, called) = oneshot::channel();
        let said = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.come(who, || call, oneshot::Sender::is_closed)
        };
        match said {
            Said::Go => Ok(self.turn(who.to_owned())),
            Said::Full => Err(Error::TooMany {
                message: format!("too many requests of the service {who} wait for the homeserver"),
                retry_after: COME_BACK,
            }),
            Said::Wait => match tokio::time::timeout(self.patience, called).await {
                // Lines are dropped with the last of us only.
                Ok(called) => called.map_err(|_| Error::internal("a line was closed")),
                Err(_) => Err(Error::HomeserverUnavailable {
                    reason: format!(
                        "it has been busy for {} s with what came before",
                        self.patience.as_secs_f32()
                    ),
                    retry_after: Some(COME_BACK_LATER),
                }),
            },
        }
    }

    fn turn(self: &Arc<Self>, who: String) -> Turn {
        Turn {
            turns: self.clone(),
            who: Some(who),
        }
    }

    /// Ends a turn and calls the next who is still there. Thousands may have gone.
    fn pass_on(self: &Arc<Self>, mut who: String) {
        loop {
            let next = {
                let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.leave(&who)
            };
            let Some((next, call)) = next else {
                return;
            };
            match call
                .send(self.turn(next))
                .map_err(|mut turn| turn.who.take())
            {
                Err(Some(gone)) => who = gone,
                _ => return,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(who) = self.who.take() {
            self.turns.pass_on(who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        total: 2,
        each: 2,
        waiting: 3,
        patience: Duration::from_secs(60),
    };

    fn come(lines: &mut Lines<u32>, who: &str, number: u32) -> Said {
        lines.come(who, || number, |_| false)
    }

    #[test]
    fn a_flood_waits_behind_itself() {
        let mut lines = Lines::new(BOUNDS);
        for (number, said) in [
            (1, Said::Go),
            (2, Said::Go),
            (3, Said::Wait),
            (4, Said::Wait),
            (5, Said::Wait),
            (6, Said::Full),
        ] {
            assert_eq!(come(&mut lines, "flood", number), said, "{number}");
        }
        assert_eq!(come(&mut lines, "quiet", 10), Said::Wait);
        assert_eq!(come(&mut lines, "quiet", 11), Said::Wait);
        let mut next = |who: &str| lines.leave(who).map(|(_, number)| number);
        assert_eq!(next("flood"), Some(10), "the newcomer comes next");
        assert_eq!(next("flood"), Some(3), "with one each, who waited longer");
        assert_eq!(next("quiet"), Some(11));
        assert_eq!(next("quiet"), Some(4));
        assert_eq!(next("flood"), Some(5));
        assert_eq!(next("flood"), None);
        assert_eq!(next("flood"), None);
        assert_eq!(lines.served, 0);
        assert!(lines.lines.is_empty(), "nobody is remembered");
    }

    #[test]
    fn nobody_takes_more_than_a_share() {
        let mut lines = Lines::new(Bounds {
            total: 3,
            each: 1,
            waiting: 1,
            patience: Duration::from_secs(60),
        });
        assert_eq!(come(&mut lines, "a", 1), Said::Go);
        assert_eq!(come(&mut lines, "a", 2), Said::Wait);
        assert_eq!(come(&mut lines, "b", 3), Said::Go);
        assert_eq!(lines.leave("b"), None, "a has its share");
        assert_eq!(lines.leave("a"), Some(("a".to_owned(), 2)));
    }

    #[test]
    fn who_has_left_takes_no_place() {
        let mut lines = Lines::new(BOUNDS);
        for number in 1..=5 {
            come(&mut lines, "a", number);
        }
        assert_eq!(lines.come("a", || 6, |waiter| *waiter == 4), Said::Wait);
        assert_eq!(come(&mut lines, "a", 7), Said::Full);
    }

    #[tokio::test]
    async fn thousands_who_gave_up_cost_no_stack() {
        let turns = Turns::new(Bounds {
            total: 1,
            each: 1,
            waiting: 1_000,
            patience: Duration::from_secs(60),
        });
        let first = turns.wait("first").await.expect("a turn");
        let mut calls = Vec::new();
        for service in 0..50 {
            for _ in 0..1_000 {
                let (call, called) = oneshot::channel();
                let mut lines = turns.lines.lock().expect("a lock");
                lines.come(&format!("s{service}"), || call, |_| false);
                calls.push(called);
            }
        }
        drop(calls);
        drop(first);
        assert_eq!(turns.lines.lock().expect("a lock").served, 0);
    }

    #[tokio::test]
    async fn turns_go_on_when_those_who_wait_give_up() {
        let turns = Turns::new(Bounds {
            total: 1,
            each: 1,
            waiting: 10,
            patience: Duration::from_secs(60),
        });
        let first = turns.wait("a").await.expect("a turn");
        let gave_up = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait("a").await.map(drop) }
        });
        tokio::task::yield_now().await;
        let patient = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait("b").await.map(drop) }
        });
        tokio::task::yield_now().await;
        gave_up.abort();
        let _ = gave_up.await;
        drop(first);
        let waited = tokio::time::timeout(Duration::from_secs(5), patient).await;
        waited.expect("in time").expect("no panic").expect("a turn");
        assert_eq!(turns.lines.lock().expect("a lock").served, 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let turns = Turns::new(Bounds {
            total: 1,
            each: 1,
            waiting: 10,
            patience: Duration::from_millis(20),
        });
        let first = turns.wait("a").await.expect("a turn");
        for who in ["a", "b"] {
            let refused = turns.wait(who).await.err().expect("no turn");
            assert!(
                matches!(
                    refused,
                    Error::HomeserverUnavailable {
                        retry_after: Some(_),
                        ..
                    }
                ),
                "{refused}"
            );
        }
        drop(first);
        turns.wait("b").await.expect("a turn, since nobody waits");
    }
}
