//! Webhooks as receivers meet them: real HTTP servers in the test, the real daarion, a real
//! Synapse, and signatures verified by the libraries that receivers would use.
//!
//! `receiver` is such a server; `story` is what a webhook lives through; `ssrf` is where nothing
//! is ever delivered to, `rebinding` a name that comes to
//! lead there; `slow` has one that hangs; `encrypted` what is kept of what was said; `payloads` what is sent, held against the OpenAPI
//! document;
//! `crash` kills daarion in the midst of it; `signatures` are looked at from Python, too; `tokens`
//! end.

mod crash;
#[path = "../daarion/mod.rs"]
mod daarion;
mod encrypted;
#[path = "../homeserver/mod.rs"]
mod homeserver;
mod payloads;
#[path = "../gateway/python.rs"]
mod python;
mod rebinding;
mod receiver;
mod rooms;
#[path = "../gateway/shape.rs"]
#[allow(
    dead_code,
    reason = "these tests use their own part of what the document can be asked"
)]
mod shape;
mod signatures;
mod slow;
mod ssrf;
mod story;
mod support;
mod tokens;
