//! Who may what, and who is who: people at the real daarion and with plain Matrix clients at a real
//! Synapse. Begin with `roles`.

#[path = "../daarion/mod.rs"]
mod daarion;
#[path = "../homeserver/mod.rs"]
mod homeserver;
#[path = "../gateway/python.rs"]
mod python;
#[expect(dead_code, reason = "other binaries use what this one does not")]
#[path = "../api/stream.rs"]
mod stream;
#[expect(dead_code, reason = "other binaries use what this one does not")]
#[path = "../api/support.rs"]
mod support;

mod asked;
mod knocks;
mod matrix;
mod mutes;
mod nio;
mod removals;
mod roles;
mod strangers;
mod world;
