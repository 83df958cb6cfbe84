//! Matrix: the connector. It speaks to the homeserver as an application service and takes
//! what the homeserver pushes.
//!
//! Only this module knows ruma and reqwest, and inside it only [`mapping`] speaks both
//! Matrix's language and ours. Begin with [`Matrix`], the real [`Homeserver`], and
//! [`appservice::AppService`], the real [`Inbound`].
//!
//! [`Homeserver`]: crate::homeserver::Homeserver
//! [`Inbound`]: crate::homeserver::Inbound

pub mod mapping;
