//! The newest pages of the channels, ready to be sent, as they were last asked for.
//!
//! What most lists ask for is the newest page, and a page of the tree holds half a dozen
//! messages: without this each list reads eight to fifteen of them, most through the
//! kernel. A page counts as long as nothing was said or changed in its channel since.

use moka::future::Cache;

use crate::domain::id::{ChannelId, Seq};
use crate::domain::page::Order;
use crate::store::index::{MessageQuery, RenderedPage};

/// How much is held at the most, in bytes: a hundred pages of 50 messages.
const HELD: u64 = 3 * 1024 * 1024;

/// Which state of a channel's messages: two readings of one version are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Version {
    /// How often the database was opened anew, or its index emptied.
    pub era: u64,
    /// The index's position when the channel's messages changed last; 0 when they have not in
    /// this era.
    pub changed: Seq,
}

/// The pages.
pub struct NewestPages {
    pages: Cache<(ChannelId, usize), (Version, RenderedPage)>,
}

impl Default for NewestPages {
    fn default() -> Self {
        let pages = Cache::builder().max_capacity(HELD).weigher(weight).build();
        Self { pages }
    }
}

impl NewestPages {
    /// The page of a query, if it is held and of this version.
    pub async fn get(&self, query: &MessageQuery, version: Version) -> Option<RenderedPage> {
        let (held, page) = self.pages.get(&key(query)?).await?;
        (held == version).then_some(page)
    }

    /// Holds the page of a query. The version is to be asked for before the page is read: then
    /// a page that is newer than its version is read once more, and none is shown that is older.
    pub async fn hold(&self, query: &MessageQuery, version: Version, page: &RenderedPage) {
        if let Some(key) = key(query) {
            self.pages.insert(key, (version, page.clone())).await;
        }
    }
}

/// `None` when it does not ask for the newest messages.
fn key(query: &MessageQuery) -> Option<(ChannelId, usize)> {
    let newest = query.after.is_none() && query.at.is_none() && query.order == Order::Descending;
    newest.then_some((query.channel, query.limit))
}

/// What a held page takes of memory, in bytes.
fn weight(_: &(ChannelId, usize), (_, page): &(Version, RenderedPage)) -> u32 {
    /// What an entry takes without its text.
    const ENTRY: usize = 256;
    u32::try_from(ENTRY + page.json.len()).unwrap_or(u32::MAX)
}
