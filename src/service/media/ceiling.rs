//! How large a file may be: what the configuration says, and no more than the homeserver takes,
//! which is asked and remembered for a while.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::homeserver::media::MediaStore;

/// How long an answer counts. Homeservers have to be restarted for another one.
const LIFETIME: Duration = Duration::from_secs(300);

pub struct Ceiling {
    store: Arc<dyn MediaStore>,
    /// In bytes.
    ours: u64,
    theirs: Cache<(), Option<u64>>,
}

impl Ceiling {
    pub fn new(store: Arc<dyn MediaStore>, ours: u64) -> Self {
        let theirs = Cache::builder().time_to_live(LIFETIME).build();
        Self {
            store,
            ours,
            theirs,
        }
    }

    /// In bytes. A homeserver that does not say may still refuse what it is given.
    pub async fn get(&self) -> u64 {
        let look = async { self.store.upload_limit().await };
        match self.theirs.try_get_with((), look).await {
            Ok(Some(theirs)) => theirs.min(self.ours),
            Ok(None) => self.ours,
            Err(error) => {
                tracing::debug!(%error, "the homeserver does not say how large a file may be");
                self.ours
            }
        }
    }

    /// The same, asked anew.
    pub async fn get_anew(&self) -> u64 {
        self.theirs.invalidate(&()).await;
        self.get().await
    }
}
