//! Mutes: somebody has no word for a while. Matrix has the power level for it and no time, so daarion
//! writes down what is to be given back, before it takes it, and when; it does so also for what has
//! come due while it was not running.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::roles::LevelChange;
use super::{Deed, MemberView, Members, no_member};
use crate::domain::access::{self, Caller, Levels, Power, Right};
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, Millis, UserId};
use crate::domain::member::Membership;
use crate::domain::mute::{LONGEST_SECONDS, Mute};
use crate::domain::{Error, Result, text};
use crate::service::audit;

/// How long nobody looks for mutes that have come due: the clock may be set.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a mute that cannot be lifted waits: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3_600));

impl Members {
    /// Mutes somebody until then. Muted again, it is until then and no longer.
    pub async fn mute(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
        until: Millis,
        reason: Option<String>,
    ) -> Result<MemberView> {
        let core = &self.core;
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let now = core.clock.now();
        if until <= now || until - now > LONGEST_SECONDS * 1_000 {
            let words = format!("must be in the future, by at most {LONGEST_SECONDS} s");
            return Err(Error::invalid("until", words));
        }
        let _turn = self.turn(id).await;
        let deed = self.over(Right::Mute, caller, id, member).await?;
        let entity = &deed.target.entity;
        let is_there = [Some(Membership::Joined), Some(Membership::Invited)];
        if !is_there.contains(&deed.target.membership) {
            return Err(no_member(entity));
        }
        let levels = core.levels(&deed.channel).await?;
        let given = levels.users.get(&deed.user).copied();
        let stored = core.store.moderation.mute(id, &deed.user).await?;
        let standing = stored.clone().filter(|mute| given == Some(mute.level));
        let speaking = levels.to_speak();
        match &standing {
            Some(mute) => {
                access::check_over_muted(&deed.who, &deed.target, mute.before, &levels)?;
            }
            None if deed.target.power < Power::Level(speaking) => {
                return Err(Error::conflict(format!(
                    "{entity} may not speak in this channel anyway: speaking needs the power \
                     level {speaking}"
                )));
            }
            None => {}
        }
        let mute = Mute {
            channel: id,
            user: deed.user.clone(),
            level: speaking.saturating_sub(1),
            before: standing.as_ref().map_or(given, |mute| mute.before),
            since: now,
            until,
            by: deed.by.clone(),
            lifted_by: None,
            reason: reason.filter(|reason| !reason.trim().is_empty()),
        };
        self.silence(&deed, mute, given, stored).await?;
        self.muted.notify_one();
        self.view_of(&deed.channel, entity).await
    }

    /// Keeps that somebody who is muted is so until another time.
    async fn record_longer(&self, deed: &Deed, mute: &Mute, before: Option<&Mute>) -> Result<()> {
        let core = &self.core;
        let by = core.directory.entity(&mute.by);
        let mut record = audit::deed(&core.clock, "member.muted", by).target(&deed.target.entity);
        record.channel = Some(mute.channel);
        record.before = before.map(Mute::told);
        let record = record.after(mute.told());
        audit::record(&core.store, &core.clock, record).await
    }

    /// Writes a mute down, then takes the power. `stored` is what was written down before, also when
    /// it is not known to be so: its echo may not have come.
    async fn silence(
        &self,
        deed: &Deed,
        mute: Mute,
        given: Option<i64>,
        stored: Option<Mute>,
    ) -> Result<()> {
        let core = &self.core;
        let level = mute.level;
        core.store.moderation.put_mute(mute.clone()).await?;
        if given == Some(level) {
            // Nothing of this is in Matrix, so the journal will not tell.
            return self.record_longer(deed, &mute, stored.as_ref()).await;
        }
        let change = LevelChange {
            channel: &deed.channel,
            user: &deed.user,
            from: given,
            to: Some(level),
            // Whoever may remove somebody need not have the power to set levels.
            by: None,
        };
        let changed = self.change_level(change).await;
        if matches!(changed, Ok(Some(_))) {
            return Ok(());
        }
        self.undo_mute(deed.channel.id, &deed.user, stored, &changed)
            .await?;
        changed?;
        core.adopt(&deed.channel.room, Source::Heal).await?;
        let words = "was given another power at this moment; look again";
        Err(Error::conflict(format!("{} {words}", deed.target.entity)))
    }

    /// The mute of somebody that is so: they have the level that it gave them.
    pub(super) async fn standing_mute(
        &self,
        id: ChannelId,
        user: &UserId,
        levels: &Levels,
    ) -> Result<Option<Mute>> {
        let mute = self.core.store.moderation.mute(id, user).await?;
        let given = levels.users.get(user).copied();
        Ok(mute.filter(|mute| given == Some(mute.level)))
    }

    /// Forgets a mute, because somebody has decided something else.
    pub(super) async fn forget_mute(&self, mute: Option<Mute>) -> Result<()> {
        let Some(mute) = mute else {
            return Ok(());
        };
        let moderation = &self.core.store.moderation;
        Ok(moderation.remove_mute(mute.channel, &mute.user).await?)
    }

    /// Forgets a mute that did not come about: what was written down before is so again. Where it is
    /// not known what came about it stays, and when it comes due it is seen whether there is anything
    /// to give back.
    async fn undo_mute(
        &self,
        id: ChannelId,
        user: &UserId,
        stored: Option<Mute>,
        changed: &Result<Option<Levels>>,
    ) -> Result<()> {
        let moderation = &self.core.store.moderation;
        match (changed, stored) {
            (Err(error), _) if error.is_transient() => Ok(()),
            (_, Some(stored)) => Ok(moderation.put_mute(stored).await?),
            (_, None) => Ok(moderation.remove_mute(id, user).await?),
        }
    }

    /// Gives somebody the word back; whoever is not muted has it.
    pub async fn unmute(&self, caller: &Caller, id: ChannelId, member: &str) -> Result<()> {
        let core = &self.core;
        let _turn = self.turn(id).await;
        let deed = self.over(Right::Mute, caller, id, member).await?;
        let Some(mute) = core.store.moderation.mute(id, &deed.user).await? else {
            return match deed.target.membership {
                None => Err(no_member(&deed.target.entity)),
                Some(_) => Ok(()),
            };
        };
        let levels = core.levels(&deed.channel).await?;
        if levels.users.get(&deed.user) == Some(&mute.level) {
            access::check_over_muted(&deed.who, &deed.target, mute.before, &levels)?;
        }
        // Whoever it was is known whatever becomes of the homeserver's answer.
        let mute = Mute {
            lifted_by: Some(deed.by),
            ..mute
        };
        core.store.moderation.put_mute(mute.clone()).await?;
        self.lift(mute).await
    }

    /// Gives back what was taken, unless somebody else has decided since. For whoever has the
    /// channel's turn.
    async fn lift(&self, mute: Mute) -> Result<()> {
        let core = &self.core;
        let channel = core.directory.channel(mute.channel).ok_or_else(|| {
            Error::unavailable(format!("channel {} is not known yet", mute.channel))
        })?;
        let change = LevelChange {
            channel: &channel,
            user: &mute.user,
            from: Some(mute.level),
            to: mute.before,
            by: None,
        };
        self.change_level(change).await?;
        self.forget_mute(Some(mute)).await
    }

    /// Lifts a mute that was due a moment ago, if it still is.
    async fn lift_if_due(&self, mute: &Mute) -> Result<()> {
        let _turn = self.turn(mute.channel).await;
        let moderation = &self.core.store.moderation;
        match moderation.mute(mute.channel, &mute.user).await? {
            Some(mut due) if due.until <= self.core.clock.now() => {
                // It is its time that lifts it, and nobody who has asked for that in vain.
                if due.lifted_by.take().is_some() {
                    moderation.put_mute(due.clone()).await?;
                }
                self.lift(due).await
            }
            _ => Ok(()),
        }
    }

    /// Lifts mutes when they come due, for as long as daarion runs.
    pub async fn keep_mutes(self: Arc<Self>) {
        let mut failing = Failing::default();
        loop {
            let pause = match self.lift_due(&mut failing).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "which mutes have come due is not known");
                    RETRY.0
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.muted.notified() => {}
            }
        }
    }

    /// Lifts what has come due. Says when to look again.
    async fn lift_due(&self, failing: &mut Failing) -> Result<Duration> {
        let mut pause = PAUSE;
        let mutes = self.core.store.moderation.mutes().await?;
        failing.keep(&mutes);
        for mute in mutes {
            let now = self.core.clock.now();
            let due = failing.due(&mute);
            if due > now {
                pause = pause.min(Duration::from_millis(due - now));
                continue;
            }
            match self.lift_if_due(&mute).await {
                Ok(()) => failing.forget(&mute),
                Err(error) => pause = pause.min(failing.note(&mute, error, now)),
            }
        }
        Ok(pause)
    }
}

/// The mutes that could not be lifted: when each is tried again, and what was said of it last.
#[derive(Default)]
struct Failing(HashMap<(ChannelId, UserId), Failure>);

struct Failure {
    error: Error,
    wait: Duration,
    again_at: Millis,
}

impl Failing {
    /// Forgets those that there are no more.
    fn keep(&mut self, mutes: &[Mute]) {
        if !self.0.is_empty() {
            let there: HashSet<_> = mutes.iter().map(key).collect();
            self.0.retain(|key, _| there.contains(key));
        }
    }

    fn due(&self, mute: &Mute) -> Millis {
        let again_at = self.0.get(&key(mute)).map(|failure| failure.again_at);
        mute.until.max(again_at.unwrap_or_default())
    }

    fn forget(&mut self, mute: &Mute) {
        self.0.remove(&key(mute));
    }

    /// Notes a failure, and says aloud what is new of it. Answers how long to wait.
    fn note(&mut self, mute: &Mute, error: Error, now: Millis) -> Duration {
        let before = self.0.get(&key(mute));
        if before.is_none_or(|before| before.error != error) {
            tracing::warn!(
                %error, channel_id = %mute.channel, user_id = %mute.user,
                "a mute that has come due is not lifted yet"
            );
        }
        let wait = before.map_or(RETRY.0, |before| (before.wait * 2).min(RETRY.1));
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let again_at = now.saturating_add(wait_ms);
        let failure = Failure {
            error,
            wait,
            again_at,
        };
        self.0.insert(key(mute), failure);
        wait
    }
}

fn key(mute: &Mute) -> (ChannelId, UserId) {
    (mute.channel, mute.user.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mute(until: Millis) -> Mute {
        Mute {
            channel: ChannelId(uuid::Uuid::nil()),
            user: UserId::trusted("@bob:s"),
            level: -1,
            before: None,
            since: 0,
            until,
            by: UserId::trusted("@alice:s"),
            lifted_by: None,
            reason: None,
        }
    }

    #[test]
    fn a_mute_that_can_never_be_lifted_is_tried_ever_more_seldom() {
        let (mut failing, mute) = (Failing::default(), mute(1_000));
        assert_eq!(failing.due(&mute), 1_000);
        let mut now = 1_000;
        let mut tries = 0;
        while now < 24 * 3_600_000 {
            let wait = failing.note(&mute, Error::conflict("no power"), now);
            assert!(wait <= RETRY.1);
            assert!(failing.due(&mute) > now);
            now = failing.due(&mute);
            tries += 1;
        }
        assert!((24..40).contains(&tries), "{tries} in a day");
        // One that is gone is forgotten.
        failing.keep(&[]);
        assert_eq!(failing.due(&mute), 1_000);
    }
}
