//! The shapes of the gateway.

mod media;
mod timeline;

pub use self::media::{MediaAddresses, SignRequest, UploadedFile};
pub use self::timeline::{HistoryDirection, HistoryPage, SyncAnswer};
