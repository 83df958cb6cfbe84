//! How things are when the log begins, so that its first records know what was before.

use super::levels::{LEVELS, MUTED, written};
use crate::domain::channel::Channel;
use crate::domain::id::{ChannelId, Seq};
use crate::domain::member::{Member, Membership};
use crate::domain::page::Page;
use crate::store::audit::names::{SOWN, of_channel, of_member, of_mute};
use crate::store::audit::{Known, Things};
use crate::store::{MemberQuery, Store, StoreError};

/// How many members are read at once.
const PAGE: usize = 500;
/// How many things are noted at once.
const STEP: usize = 2_000;

/// Who is in a channel or invited, who waits at its door, and who is kept out. Whoever has left is as
/// if they never were there.
const STANDING: [Option<Membership>; 3] =
    [None, Some(Membership::Knocking), Some(Membership::Banned)];

/// Notes all that the index knows, in steps: others write in between. Answers how far the journal had
/// come by then.
pub(super) async fn sow(store: &Store) -> Result<Seq, StoreError> {
    let mut sower = Sower {
        store,
        // With the first step, so that one that was cut off is begun anew.
        things: vec![(SOWN.to_owned(), Known::default())],
        is_first: true,
    };
    for channel in store.index.channels().await? {
        sower.add(fields(&channel)).await?;
        let pins = store.receptions.pins(channel.id).await?;
        if !pins.is_empty() {
            let pins: Vec<_> = pins.iter().map(ToString::to_string).collect();
            let pins = (of_channel(channel.id, "pins"), Some(pins.join(" ")));
            sower.add(vec![pins]).await?;
        }
        for membership in STANDING {
            sower.add_members(channel.id, membership).await?;
        }
    }
    for (channel, levels) in store.index.levels().await? {
        let levels = (of_channel(channel, LEVELS), Some(written(&levels)));
        sower.add(vec![levels]).await?;
    }
    for mute in store.moderation.mutes().await? {
        let name = of_mute(mute.channel, mute.user.as_str());
        sower.add(vec![(name, Some(MUTED.to_owned()))]).await?;
    }
    sower.sow().await?;
    // Whatever of this was already so at the beginning, and what has come since, nobody can tell.
    let sown_to = store.journal.head();
    let known = Known {
        value: Some(sown_to.to_string()),
        at: 0,
    };
    let things = vec![(SOWN.to_owned(), known)];
    store.audit.know(things, false).await?;
    Ok(sown_to)
}

type Values = Vec<(String, Option<String>)>;

struct Sower<'a> {
    store: &'a Store,
    things: Things,
    is_first: bool,
}

impl Sower<'_> {
    async fn add(&mut self, values: Values) -> Result<(), StoreError> {
        // What is not known better may have come about at any time until now.
        let at = |(name, value)| (name, Known { value, at: 0 });
        self.things.extend(values.into_iter().map(at));
        self.sow_when_full().await
    }

    async fn add_members(
        &mut self,
        channel: ChannelId,
        membership: Option<Membership>,
    ) -> Result<(), StoreError> {
        let mut query = MemberQuery {
            channel,
            membership,
            after: None,
            limit: PAGE,
        };
        loop {
            let Page { items, next } = self.store.index.members(query.clone()).await?;
            let member = |member: &Member| {
                let known = Known {
                    value: Some(member.membership.as_str().to_owned()),
                    at: member.since,
                };
                (of_member(channel, member.user.as_str()), known)
            };
            self.things.extend(items.iter().map(member));
            self.sow_when_full().await?;
            query.after = items.last().map(|last| last.user.clone());
            if next.is_none() {
                return Ok(());
            }
        }
    }

    async fn sow_when_full(&mut self) -> Result<(), StoreError> {
        match self.things.len() >= STEP {
            true => self.sow().await,
            false => Ok(()),
        }
    }

    async fn sow(&mut self) -> Result<(), StoreError> {
        let things = std::mem::take(&mut self.things);
        let afresh = std::mem::take(&mut self.is_first);
        self.store.audit.know(things, afresh).await
    }
}

/// What of a channel is told of when it changes.
pub(super) fn fields(channel: &Channel) -> Values {
    let named = |what, value: String| (of_channel(channel.id, what), Some(value));
    let mut known = vec![
        named("name", channel.name.clone()),
        named("description", channel.description.clone()),
        named("visibility", channel.visibility.as_str().to_owned()),
        named("status", channel.status.as_str().to_owned()),
        named("is_default", channel.is_default.to_string()),
        named("accepts_knocks", channel.accepts_knocks.to_string()),
        named("slow_mode_seconds", channel.slow_mode_seconds.to_string()),
        named("encrypted", channel.confidential.to_string()),
        named("matrix_room_id", channel.room.to_string()),
    ];
    let alias = channel.alias.as_ref();
    known.extend(alias.map(|alias| named("alias", alias.to_string())));
    known
}
