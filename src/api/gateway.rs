//! The gateway document's operations (`/internal/matrix`): one file an area.

pub mod webhooks;
