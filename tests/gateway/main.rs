//! The gateway's document, walked: every endpoint, every field, every named error, over HTTP
//! against the real daarion and a real Synapse. Every answer is held against the committed OpenAPI
//! document (`shape`).
//!
//! A file an area. Begin with `caller`, which is a service of the installation; `stub` is a
//! homeserver that does what the real one cannot be made to do.

#[path = "../daarion/mod.rs"]
mod daarion;
#[path = "../homeserver/mod.rs"]
mod homeserver;
#[path = "../api/support.rs"]
#[allow(
    dead_code,
    reason = "these tests use their own part of what the areas have in common"
)]
mod support;

#[path = "../durability/proxy.rs"]
#[allow(
    dead_code,
    reason = "these tests lose answers and do nothing else to them"
)]
mod proxy;

#[path = "../people/asked.rs"]
#[allow(
    dead_code,
    reason = "these tests ask what can be read and change nothing"
)]
mod asked;

mod accounts;
mod admin_token;
mod agents_only;
mod caller;
mod confidential;
mod encrypted;
mod errors;
mod flood;
mod http_file;
mod internal;
mod keys;
mod membership;
mod messages;
mod nio;
mod odd_events;
mod people;
mod python;
mod refusals;
mod remembered;
mod rooms;
mod senders;
#[allow(
    dead_code,
    reason = "these tests use their own part of what the document can be asked"
)]
mod shape;
mod stub;
mod tokens;
mod uploads;
mod via;
