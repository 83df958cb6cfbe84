//! The connector against a real Synapse: the `Homeserver` trait as it is kept by a homeserver
//! that nobody of us wrote. `world` starts it and builds the connector beside it.

#[path = "../homeserver/mod.rs"]
mod homeserver;

mod messages;
mod push;
mod rooms;
mod story;
mod takeover;
mod trouble;
mod users;
mod world;
