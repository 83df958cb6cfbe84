//! Presence: who is online now, by the homeserver or by a live stream of ours. Kept in memory
//! alone; the homeserver is asked at the start and on the healing timer, because it drops such
//! news while we are away.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use futures_util::{StreamExt, stream};

use super::Core;
use crate::domain::Result;
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::id::{ChannelId, UserId};
use crate::domain::member::Membership;
use crate::homeserver::Ephemeral;
use crate::store::MemberQuery;

/// How many users are asked about at once, and at the most.
const AT_ONCE: usize = 4;
const MAX_ASKED: usize = 2_000;
/// How many users are counted before others get their turn.
const YIELD_EVERY: usize = 64;
/// After so many answers that failed the others are not asked for.
const MAX_FAILED: u32 = 10;

/// Who is online.
pub struct Presence {
    core: Arc<Core>,
    online: RwLock<HashSet<UserId>>,
    /// How many live streams of ours each person has open.
    streams: RwLock<HashMap<UserId, usize>>,
}

/// Somebody has a live stream open; dropped, it is closed.
#[must_use]
pub struct Attendance {
    presence: Arc<Presence>,
    user: UserId,
}

impl Presence {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            online: RwLock::default(),
            streams: RwLock::default(),
        }
    }

    /// The users who are online now, by what the homeserver tells or by a live stream of ours, in
    /// no order; some may be in no channel.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        let online = self.online.read().unwrap_or_else(PoisonError::into_inner);
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let here = streams.keys().filter(|user| !online.contains(*user));
        online.iter().chain(here).cloned().collect()
    }

    /// Counts somebody as online for as long as the answer is held.
    pub fn attend(self: &Arc<Self>, entity: &Entity) -> Attendance {
        let user = self.core.directory.user_id(entity);
        *self.streams().entry(user.clone()).or_default() += 1;
        Attendance {
            presence: self.clone(),
            user,
        }
    }

    fn streams(&self) -> RwLockWriteGuard<'_, HashMap<UserId, usize>> {
        self.streams.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes news in.
    pub fn note(&self, news: Ephemeral) {
        let Ephemeral::Presence { user, online } = news;
        let mut users = self.online.write().unwrap_or_else(PoisonError::into_inner);
        if online {
            users.insert(user);
        } else {
            users.remove(&user);
        }
    }

    /// How many members of each channel are online; a channel without any is left out. One
    /// read for each user that is online, however many channels there are.
    pub async fn online(&self) -> Result<HashMap<ChannelId, u64>> {
        let online = self.users();
        let mut counts = HashMap::new();
        for (at, user) in online.iter().enumerate() {
            // Reads do not wait for anything, and others want to be served.
            if at % YIELD_EVERY == YIELD_EVERY - 1 {
                tokio::task::yield_now().await;
            }
            for (channel, membership) in self.core.store.index.memberships(user).await? {
                if membership == Membership::Joined {
                    *counts.entry(channel).or_default() += 1;
                }
            }
        }
        Ok(counts)
    }

    /// Asks the homeserver about every local person in a channel. Fails when it tells of hardly
    /// anybody.
    pub async fn refresh(&self) -> Result<()> {
        let users = self.people().await?;
        let asked = users.into_iter().map(|user| async move {
            let online = self.core.homeserver.presence(&user).await;
            (user, online)
        });
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut failed = 0;
        while let Some((user, online)) = answers.next().await {
            match online {
                Ok(online) => self.note(Ephemeral::Presence { user, online }),
                Err(error) => {
                    tracing::debug!(%error, user_id = %user, "presence is not told");
                    failed += u32::from(error.is_transient());
                    if failed == MAX_FAILED {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// The local people in channels, as many as are asked about.
    async fn people(&self) -> Result<HashSet<UserId>> {
        let mut people = HashSet::new();
        for channel in self.core.directory.channels() {
            let mut after = None;
            loop {
                let page = self.core.store.index.members(MemberQuery {
                    channel: channel.id,
                    membership: Some(Membership::Joined),
                    after: after.take(),
                    limit: 200,
                });
                let page = page.await?;
                for member in page.items {
                    if people.len() == MAX_ASKED {
                        return Ok(people);
                    }
                    let local = member.user.server() == self.core.directory.naming.server_name;
                    if local && member.entity.kind() == EntityKind::Human {
                        people.insert(member.user);
                    }
                }
                match page.next.and_then(|next| UserId::parse(&next)) {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(people)
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let mut streams = self.presence.streams();
        if let Some(open) = streams.get_mut(&self.user) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.user);
            }
        }
    }
}
