//! Nothing is lost: daarion and the homeserver are killed, pushes are lost, repeated and
//! reordered, data is deleted, disks are full, and what was said is there exactly once.
//!
//! All of it on the real Synapse. `proxy` stands between the two where a test has to hold,
//! swallow or refuse what they say to each other.

mod backfill;
mod broken;
mod creation;
#[path = "../daarion/mod.rs"]
mod daarion;
mod disk;
#[path = "../homeserver/mod.rs"]
mod homeserver;
mod kill;
mod loss;
mod once;
#[allow(dead_code, reason = "other tests need more of it")]
mod proxy;
mod rebuild;
mod support;
