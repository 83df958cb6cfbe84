//! Presence: who is online now. Kept in memory alone; asked for at the start and on the
//! healing timer, because the homeserver drops such news while we are away.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::{StreamExt, stream};

use super::Core;
use crate::domain::Result;
use crate::domain::entity::EntityKind;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::member::Membership;
use crate::homeserver::Ephemeral;
use crate::store::MemberQuery;

/// How many users are asked about at once, and at the most.
const AT_ONCE: usize = 4;
const MAX_ASKED: usize = 2_000;

/// Who is online.
pub struct Presence {
    core: Arc<Core>,
    online: RwLock<HashSet<UserId>>,
}

impl Presence {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            online: RwLock::default(),
        }
    }

    /// The users who are online now, in no order; some may be in no channel.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        let users = self.online.read().unwrap_or_else(PoisonError::into_inner);
        users.iter().cloned().collect()
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

    /// How many of a channel's members are online.
    pub async fn online_in(&self, channel: ChannelId) -> Result<u64> {
        let online: Vec<_> = {
            let users = self.online.read().unwrap_or_else(PoisonError::into_inner);
            users.iter().cloned().collect()
        };
        let mut count = 0;
        for user in online {
            let member = self.core.store.index.member(channel, &user).await?;
            let joined = member.is_some_and(|member| member.membership == Membership::Joined);
            count += u64::from(joined);
        }
        Ok(count)
    }

    /// Asks the homeserver about every local person in a channel.
    pub async fn refresh(&self) -> Result<()> {
        let users = self.people().await?;
        let asked = users.into_iter().map(|user| async move {
            let online = self.core.homeserver.presence(&user).await;
            (user, online)
        });
        let answers: Vec<_> = stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (user, online) in answers {
            match online {
                Ok(online) => self.note(Ephemeral::Presence { user, online }),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => tracing::debug!(%error, user_id = %user, "presence is not told"),
            }
        }
        Ok(())
    }

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
                    let local = member.user.server() == self.core.directory.naming.server_name;
                    if local && member.entity.kind() == EntityKind::Human {
                        people.insert(member.user);
                    }
                }
                match page.next.and_then(|next| UserId::parse(&next)) {
                    Some(next) if people.len() < MAX_ASKED => after = Some(next),
                    _ => break,
                }
            }
        }
        Ok(people)
    }
}
