//! Webhooks as receivers meet them: real HTTP servers in the test, the real daarion, a real
//! Synapse, and signatures verified by the library that receivers would use.
//!
//! `receiver` is such a server; `story` is what a webhook lives through; `ssrf` is where nothing
//! is ever delivered to, `rebinding` a name that comes to
//! lead there; `slow` has one that hangs; `encrypted` what is kept of what was said;
//! `crash` kills daarion in the midst of it.

mod crash;
#[path = "../daarion/mod.rs"]
mod daarion;
mod encrypted;
#[path = "../homeserver/mod.rs"]
mod homeserver;
mod rebinding;
mod receiver;
mod rooms;
mod slow;
mod ssrf;
mod story;
mod support;
