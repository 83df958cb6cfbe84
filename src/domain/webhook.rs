//! Webhooks: receivers that are told of what happens in channels, until they have heard it.
//!
//! A webhook reads the journal from a position of its own. What it could not deliver waits, in
//! each channel in its order, and is tried again by a [`Schedule`]; what was tried in vain for the
//! whole of it becomes a dead letter.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::entity::Entity;
use super::error::{Error, Result};
use super::event::{Event, Source};
use super::id::{ChannelId, EventId, MessageId, Millis, Seq};

/// The longest time that a receiver's `Retry-After` is honoured for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// The shortest time after which what waits is given up untried.
const LEAST_PATIENCE: Duration = Duration::from_secs(60 * 60);
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 256;
/// By how much a wait is shorter or longer than the schedule says, so that what failed together
/// does not come back together: a tenth.
const JITTER: f64 = 0.1;

/// What contracts call a webhook.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct WebhookId(pub Uuid);

impl WebhookId {
    /// Reads `sub-<uuid>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text.strip_prefix("sub-")?);
        uuid.ok().map(Self)
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sub-{}", self.0)
    }
}

/// A receiver, and what it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    /// Only this channel; `None` for all.
    pub channel: Option<ChannelId>,
    /// Where to; its form has been checked.
    pub url: String,
    /// Types of Matrix events and our names of events; empty for all.
    pub events: Vec<String>,
    /// The agent that hears by it; `None`: it is told of what everybody does.
    pub agent: Option<Entity>,
    /// Whether that agent is told of other agents' posts.
    pub include_agents: bool,
    /// Its maker's own words.
    pub description: String,
    pub secrets: Secrets,
    /// Since when, and why, nothing is sent.
    pub paused: Option<Pause>,
    /// The service that it belongs to, by its name: whichever token the service has, its rights
    /// say what is told. `None` for the shared secret and for operators.
    pub service: Option<String>,
    /// The token that it was made with; `None` for the shared secret and for operators.
    pub created_by: Option<Uuid>,
    pub created_at: Millis,
    /// The last position that it is done with, but for what waits to be tried again.
    pub position: Seq,
}

/// With what deliveries are signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// `whsec_<base64>`.
    pub current: String,
    /// Those before, the latest first, and until when each signs, too.
    pub previous: Vec<(String, Millis)>,
}

/// For how long the request that made a webhook is answered again with its secret, in milliseconds.
const ANSWERED_AGAIN: Millis = 24 * 60 * 60 * 1_000;

impl Webhook {
    /// The secret for whoever repeats the request that made the webhook, whose answer may have been
    /// lost: the one that signs now. Later it is nobody's to see.
    #[must_use]
    pub fn secret_again(&self, now: Millis) -> Option<&str> {
        let is_early = now < self.created_at.saturating_add(ANSWERED_AGAIN);
        is_early.then_some(self.secrets.current.as_str())
    }
}

impl Secrets {
    /// The first of a webhook.
    #[must_use]
    pub fn new(current: String) -> Self {
        Self {
            current,
            previous: Vec::new(),
        }
    }

    /// Those that sign at a time, the current one first.
    pub fn live(&self, now: Millis) -> impl Iterator<Item = &str> {
        let previous = self.previous.iter().filter(move |(_, until)| now < *until);
        std::iter::once(self.current.as_str()).chain(previous.map(|(secret, _)| secret.as_str()))
    }

    /// Puts another one in the place of the current one.
    pub fn rotate(&mut self, to: &Rotation) {
        let before = std::mem::replace(&mut self.current, to.secret.clone());
        match to.overlap_until {
            Some(until) => {
                self.previous.retain(|(_, end)| to.at < *end);
                self.previous.insert(0, (before, until));
            }
            None => self.previous.clear(),
        }
    }
}

/// Another secret, and what becomes of those until now.
#[derive(Clone, PartialEq, Eq)]
pub struct Rotation {
    pub secret: String,
    pub at: Millis,
    /// Until when the one until now signs beside it, and those before as long as they were told
    /// to; `None` ends all of them at once.
    pub overlap_until: Option<Millis>,
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rotation")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Why nothing is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PauseReason {
    /// A service or an operator has asked for it.
    Asked,
    /// The receiver has answered 410: it is gone and wants no more.
    Gone,
    /// The service has no token that may look after webhooks. It goes on when the service has one.
    Revoked,
}

impl PauseReason {
    /// The word that contracts and records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Gone => "gone",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "asked" => Some(Self::Asked),
            "gone" => Some(Self::Gone),
            "revoked" => Some(Self::Revoked),
            _ => None,
        }
    }
}

/// Since when, and why, nothing is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    pub reason: PauseReason,
    pub at: Millis,
}

/// Everything that can be subscribed to by name.
const NAMES: &[&str] = &[
    "messaging.channel.created",
    "messaging.channel.updated",
    "messaging.channel.pins_changed",
    "messaging.channel.roles_changed",
    "messaging.message.created",
    "messaging.media.uploaded",
    "messaging.message.updated",
    "messaging.message.deleted",
    "messaging.reaction.added",
    "messaging.reaction.removed",
    "messaging.member.invited",
    "messaging.member.joined",
    "messaging.member.left",
    "messaging.member.knocked",
];
/// Everything that can be subscribed to by its Matrix type.
const TYPES: &[&str] = &[
    "m.room.message",
    "m.room.encrypted",
    "m.sticker",
    "m.poll.start",
    "org.matrix.msc3381.poll.start",
    "m.reaction",
    "m.room.redaction",
    "m.room.member",
    "m.room.name",
    "m.room.topic",
    "m.room.canonical_alias",
    "m.room.join_rules",
    "m.room.encryption",
    "m.room.pinned_events",
    "m.room.power_levels",
    "m.room.tombstone",
    super::channel::STATE_TYPE,
];

/// Checks what a webhook wants to be told; each is kept once.
pub fn wanted_events(given: &[String]) -> Result<Vec<String>> {
    let mut wanted: Vec<String> = Vec::new();
    for one in given {
        if !NAMES.contains(&one.as_str()) && !TYPES.contains(&one.as_str()) {
            let known: Vec<_> = TYPES.iter().chain(NAMES).copied().collect();
            let message = format!("{one:?} is none of {}", known.join(", "));
            return Err(Error::invalid("events", message));
        }
        if !wanted.contains(one) {
            wanted.push(one.clone());
        }
    }
    Ok(wanted)
}

/// Checks a description.
pub fn description(given: Option<&str>) -> Result<String> {
    let text = given.unwrap_or_default().trim();
    if text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(char::is_control) {
        let message = format!("must be at most {LONGEST_DESCRIPTION} characters on one line");
        return Err(Error::invalid("description", message));
    }
    Ok(text.to_owned())
}

impl Webhook {
    /// Whether it is to be told of an event, as far as its service may know of the room.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        // What a rebuild reads again is no news.
        event.source != Source::Rebuild
            && self.channel.is_none_or(|channel| channel == event.channel)
            && (self.events.is_empty()
                || self.events.iter().any(|wanted| {
                    wanted == event.what.name() || wanted == event.what.matrix_type()
                }))
    }
}

/// By what a receiver knows that it has met a delivery before: the same on every try, of every
/// machine, after every replay.
#[must_use]
pub fn delivery_id(event: &Event) -> String {
    let by_place = || EventId::trusted(format!("{} {}", event.channel, event.seq));
    let id = event.event.clone().unwrap_or_else(by_place);
    format!("evt_{}", MessageId::of(&id))
}

/// What a receiver's answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Delivered,
    /// It wants no more.
    Gone,
    /// It is to be tried again, not before this time has gone by.
    Failed {
        retry_after: Option<Duration>,
    },
}

impl Verdict {
    /// Judges an answer by its status; a redirect is none that we follow.
    #[must_use]
    pub fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Delivered,
            410 => Self::Gone,
            429 | 503 => Self::Failed {
                retry_after: retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER)),
            },
            _ => Self::Failed { retry_after: None },
        }
    }
}

/// When a delivery that failed is tried again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The waits of the retries that follow at once.
    pub quick: Vec<Duration>,
    /// The waits behind those; empty gives up after the quick ones.
    pub long: Vec<Duration>,
}

impl Schedule {
    /// The wait before the next try, after so many have failed; `None` gives up. `luck`, any
    /// number, makes it a little shorter or longer.
    #[must_use]
    pub fn wait_after(
        &self,
        tries: u32,
        retry_after: Option<Duration>,
        luck: u32,
    ) -> Option<Duration> {
        let failed = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let wait = self.quick.iter().chain(&self.long).nth(failed)?;
        let spread = f64::from(luck) / f64::from(u32::MAX) * 2.0 - 1.0;
        let wait = wait.mul_f64(1.0 + JITTER * spread);
        Some(wait.max(retry_after.unwrap_or_default()))
    }

    /// How long an event may wait, at the longest, for what is before it: for as long as the
    /// journal keeps events, and never so short that the schedule could not be kept. What waits
    /// for longer is given up, or a receiver that is dead would hold the journal for ever.
    #[must_use]
    pub fn patience(&self, retention: Duration) -> Duration {
        let span: Duration = self.long.iter().sum();
        retention.max(span * 2).max(LEAST_PATIENCE)
    }

    /// The longest of the quick waits.
    #[must_use]
    pub fn longest_quick(&self) -> Duration {
        let longest = self.quick.iter().max().copied().unwrap_or_default();
        longest.mul_f64(1.0 + JITTER)
    }

    /// Whether what has waited since a time, and was tried so often, has outlived the whole
    /// schedule before its first long wait, and gets the quick tries and no more. Otherwise a
    /// receiver that comes back after days would be days in coming to what is new.
    #[must_use]
    pub fn has_outlived(&self, tries: u32, since: Millis, now: Millis) -> bool {
        let span: Duration = self.long.iter().sum();
        let age = Duration::from_millis(now.saturating_sub(since));
        let is_quick = usize::try_from(tries).is_ok_and(|tries| tries <= self.quick.len());
        is_quick && !self.long.is_empty() && age > span
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Of the shared secret, and told of everything.
    pub fn sample() -> Webhook {
        Webhook {
            id: WebhookId(Uuid::from_u128(1)),
            channel: None,
            url: "https://example.org/hook".into(),
            events: Vec::new(),
            agent: None,
            include_agents: false,
            description: String::new(),
            secrets: Secrets::new("whsec_bmV3".into()),
            paused: None,
            service: None,
            created_by: None,
            created_at: 1,
            position: 0,
        }
    }

    #[test]
    fn a_lost_secret_is_answered_again_for_a_day() {
        let webhook = sample();
        assert_eq!(webhook.secret_again(1), Some("whsec_bmV3"));
        assert_eq!(webhook.secret_again(86_400_000), Some("whsec_bmV3"));
        assert_eq!(webhook.secret_again(86_400_001), None);
    }

    fn seconds(list: &[u64]) -> Vec<Duration> {
        list.iter().map(|it| Duration::from_secs(*it)).collect()
    }

    fn schedule() -> Schedule {
        Schedule {
            quick: [250, 500, 1_000].map(Duration::from_millis).to_vec(),
            long: seconds(&[5, 300]),
        }
    }

    /// No jitter at all.
    const EVEN: u32 = u32::MAX / 2;

    #[test]
    fn quick_tries_come_before_long_waits() {
        let waits: Vec<_> = (1..=6)
            .map(|tries| schedule().wait_after(tries, None, EVEN))
            .map(|wait| wait.map(|wait| (wait + Duration::from_micros(500)).as_millis()))
            .collect();
        let expected = [250, 500, 1_000, 5_000, 300_000].map(Some);
        assert_eq!(waits[..5], expected);
        assert_eq!(waits[5], None, "it is given up");
    }

    #[test]
    fn the_documents_own_schedule_ends_after_three_retries() {
        let only_quick = Schedule {
            long: Vec::new(),
            ..schedule()
        };
        assert!(only_quick.wait_after(3, None, EVEN).is_some());
        assert_eq!(only_quick.wait_after(4, None, EVEN), None);
        let hour = Some(Duration::from_secs(3_600));
        assert_eq!(only_quick.wait_after(4, hour, EVEN), None);
        assert!(
            !only_quick.has_outlived(0, 0, u64::MAX),
            "all get all tries"
        );
    }

    #[test]
    fn waits_are_spread_by_a_tenth() {
        let wait = |luck| schedule().wait_after(5, None, luck).expect("a wait");
        assert_eq!(wait(0), Duration::from_secs(270));
        assert_eq!(wait(u32::MAX), Duration::from_secs(330));
    }

    #[test]
    fn retry_after_makes_a_wait_longer_and_never_shorter() {
        let wait = |after| schedule().wait_after(4, Some(Duration::from_secs(after)), EVEN);
        assert!(wait(1).expect("a wait") > Duration::from_secs(4));
        assert_eq!(wait(60), Some(Duration::from_secs(60)));
    }

    #[test]
    fn answers_are_judged() {
        let minute = Some(Duration::from_secs(60));
        let failed = Verdict::Failed { retry_after: None };
        for (status, verdict) in [
            (200, Verdict::Delivered),
            (204, Verdict::Delivered),
            (199, failed),
            (301, failed),
            (302, failed),
            (400, failed),
            (404, failed),
            (410, Verdict::Gone),
            (
                429,
                Verdict::Failed {
                    retry_after: minute,
                },
            ),
            (500, failed),
            (
                503,
                Verdict::Failed {
                    retry_after: minute,
                },
            ),
        ] {
            assert_eq!(Verdict::of(status, minute), verdict, "{status}");
        }
        let year = Duration::from_secs(365 * 24 * 3_600);
        let capped = Verdict::Failed {
            retry_after: Some(LONGEST_RETRY_AFTER),
        };
        assert_eq!(Verdict::of(429, Some(year)), capped);
    }

    #[test]
    fn what_is_older_than_the_schedule_gets_one_try() {
        let day = 24 * 3_600 * 1_000;
        assert!(schedule().has_outlived(0, day, 2 * day));
        assert!(!schedule().has_outlived(0, day, day + 305_000));
        assert!(schedule().has_outlived(0, day, day + 305_001));
        let quick = u32::try_from(schedule().quick.len()).expect("a few");
        assert!(schedule().has_outlived(quick, day, 2 * day));
        assert!(
            !schedule().has_outlived(quick + 1, day, 2 * day),
            "in its long waits"
        );
    }

    #[test]
    fn unknown_events_are_named() {
        let list = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let twice = list(&["m.room.message", "messaging.member.left", "m.room.message"]);
        assert_eq!(wanted_events(&twice), Ok(twice[..2].to_vec()));
        let wrong = wanted_events(&list(&["m.room.massage"])).expect_err("unknown");
        assert!(wrong.to_string().starts_with("events: \"m.room.massage\""));
    }

    #[test]
    fn an_id_reads_as_it_is_written() {
        let id = WebhookId(Uuid::from_u128(7));
        assert_eq!(WebhookId::parse(&id.to_string()), Some(id));
        for bad in ["", "sub-", "sub-abc", &id.0.to_string()] {
            assert_eq!(WebhookId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_previous_secret_signs_for_a_while() {
        let secrets = Secrets {
            current: "new".into(),
            previous: vec![("old".into(), 10)],
        };
        assert_eq!(secrets.live(9).collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(secrets.live(10).collect::<Vec<_>>(), ["new"]);
    }

    #[test]
    fn a_rotation_takes_nothing_from_the_one_before() {
        let mut secrets = Secrets::new("a".into());
        let mut rotate = |secret: &str, at, overlap_until| {
            secrets.rotate(&Rotation {
                secret: secret.into(),
                at,
                overlap_until,
            });
            secrets.clone()
        };
        rotate("b", 10, Some(100));
        let all = rotate("c", 20, Some(50));
        assert_eq!(all.live(49).collect::<Vec<_>>(), ["c", "b", "a"]);
        assert_eq!(all.live(50).collect::<Vec<_>>(), ["c", "a"]);
        assert_eq!(all.live(100).collect::<Vec<_>>(), ["c"]);
        let later = rotate("d", 60, Some(200));
        assert_eq!(later.previous.len(), 2, "what has ended is not kept");
        let alone = rotate("e", 70, None);
        assert_eq!(
            alone.live(71).collect::<Vec<_>>(),
            ["e"],
            "it had got about"
        );
    }

    #[test]
    fn patience_is_never_shorter_than_the_schedule() {
        let day = Duration::from_secs(24 * 3_600);
        assert_eq!(schedule().patience(30 * day), 30 * day);
        assert_eq!(schedule().patience(Duration::ZERO), LEAST_PATIENCE);
        let slow = Schedule {
            long: vec![day, day],
            ..schedule()
        };
        assert_eq!(slow.patience(day), 4 * day);
    }
}
