//! Webhooks as receivers meet them: real HTTP servers in the test, the real daarion, a real
//! Synapse, and signatures verified by the libraries that receivers would use.
//!
//! `receiver` is such a server; `story` is what a webhook lives through; `ssrf` is where nothing
//! is ever delivered to, `rebinding` a name that comes to
//! lead there; `slow` has one that hangs; `encrypted` what is kept of what was said;
//! `crash` kills daarion in the midst of it; `signatures` are looked at from Python, too; `tokens`
//! end.

mod crash;
#[path = "../daarion/mod.rs"]
mod daarion;
mod encrypted;
#[path = "../homeserver/mod.rs"]
mod homeserver;
#[path = "../gateway/python.rs"]
mod python;
mod rebinding;
mod receiver;
mod rooms;
mod signatures;
mod slow;
mod ssrf;
mod story;
mod support;
mod tokens;
