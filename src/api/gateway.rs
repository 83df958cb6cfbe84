//! The gateway's operations (`/internal/matrix`): Matrix for services of the installation.

pub mod media;
pub mod timeline;
