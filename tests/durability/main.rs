//! Nothing is lost: daarion and the homeserver are killed, pushes are lost, repeated and
//! reordered, data is deleted, disks are full, and what was said is there exactly once.
//!
//! All of it on the real Synapse. Begin with `kill`.

#[path = "../daarion/mod.rs"]
mod daarion;
#[path = "../homeserver/mod.rs"]
mod homeserver;
mod kill;
mod support;
