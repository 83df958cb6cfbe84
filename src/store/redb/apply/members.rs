//! Members by channel, and their channels by user.

use super::{Applied, Applying};
use crate::domain::id::ChannelId;
use crate::domain::member::{Member, Membership};
use crate::store::redb::index::stored_member;
use crate::store::redb::keys;

impl Applying<'_> {
    /// Writes a membership, unless a later one is known; of two at one time the one that
    /// came last wins.
    pub(super) fn set_member(
        &mut self,
        channel: ChannelId,
        member: &Member,
        record: &[u8],
    ) -> Applied {
        let class = keys::member_class(member.membership);
        let (members, memberships) = (self.members.get()?, self.memberships.get()?);
        if let Some(stored) = stored_member(members, channel, &member.user)? {
            if stored.since > member.since {
                return Ok(Ok(()));
            }
            let stored_class = keys::member_class(stored.membership);
            if stored_class != class {
                let key = keys::member(channel, stored_class, &member.user);
                members.remove(key.as_slice())?;
            }
        }
        let key = keys::member(channel, class, &member.user);
        members.insert(key.as_slice(), record)?;
        let key = keys::membership(&member.user, channel);
        match member.membership {
            Membership::Invited => memberships.insert(key.as_slice(), 0)?,
            Membership::Joined => memberships.insert(key.as_slice(), 1)?,
            Membership::Left | Membership::Banned | Membership::Knocking => {
                memberships.remove(key.as_slice())?
            }
        };
        Ok(Ok(()))
    }
}
