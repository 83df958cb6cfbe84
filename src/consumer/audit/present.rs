//! What the reader learns of what is no news: not what an event says, as histories are read from
//! their ends and what was set last may come first, but how things are now, as the index has them.

use super::levels::{LEVELS, written};
use super::seen::readable;
use super::{AuditReader, Seen, seeds};
use crate::domain::event::{Event, What};
use crate::store::StoreError;
use crate::store::audit::names::{of_channel, of_member};

impl AuditReader {
    /// Notes how that is now which an event is about.
    pub(super) async fn note_present(
        &self,
        event: &Event,
        seen: &mut Seen<'_>,
    ) -> Result<(), StoreError> {
        self.indexed_to(event.seq).await?;
        let (id, store, at) = (event.channel, &self.store, event.what.at());
        match &event.what {
            What::ChannelCreated(_) | What::ChannelUpdated { .. } => {
                let Some(channel) = self.directory.channel(id) else {
                    return Ok(());
                };
                for (name, value) in seeds::fields(&channel) {
                    seen.note(name, value, at).await?;
                }
            }
            What::MemberChanged(member) => {
                let now = readable(store.index.member(id, &member.user).await)?;
                let at = now.as_ref().map_or(at, |member| member.since);
                let now = now.map(|member| member.membership.as_str().to_owned());
                let name = of_member(id, member.user.as_str());
                seen.note(name, now, at).await?;
            }
            What::LevelsChanged { .. } => {
                if let Some(levels) = readable(store.index.levels_of(id).await)? {
                    let now = Some(written(&levels));
                    seen.note(of_channel(id, LEVELS), now, at).await?;
                }
            }
            What::PinsChanged { .. } => {
                if let Some(now) = readable(store.receptions.pins(id).await.map(Some))? {
                    let now: Vec<_> = now.iter().map(ToString::to_string).collect();
                    let name = of_channel(id, "pins");
                    seen.note(name, Some(now.join(" ")), at).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
