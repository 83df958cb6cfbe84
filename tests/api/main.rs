//! The contract as its users meet it: HTTP to the real daarion, plain Matrix to a real Synapse.
//!
//! A file an area. Tests that break nothing share one world and use unique names in it; those
//! that stop a server have one of their own. Begin with `support`.

#[path = "../daarion/mod.rs"]
mod daarion;
#[path = "../homeserver/mod.rs"]
mod homeserver;

mod admin;
mod agent_work;
mod agents;
mod answers;
mod audit;
mod bad_input;
mod browser;
mod changes;
mod channels;
mod city;
mod commands;
mod doctor;
mod guessing;
mod identities;
mod invites;
mod keys;
mod lifecycle;
mod limits;
mod listeners;
mod live;
mod messaging;
mod microdaos;
mod once;
mod operations;
mod operators;
mod raw;
mod reception;
mod scheduled;
mod services;
mod sessions;
mod sign_in;
mod stream;
mod support;
mod upgrades;
