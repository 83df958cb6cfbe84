//! What the gateway shows of rooms and files: polls, histories, uploads, signed addresses, over
//! HTTP, against the real daarion and a real Synapse.

#[path = "../daarion/mod.rs"]
mod daarion;
#[path = "../homeserver/mod.rs"]
mod homeserver;

mod closing;
mod details;
mod history;
mod media;
mod support;
mod sync;
