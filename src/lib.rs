//! daarion: a living community beside a Matrix homeserver, in one process.
#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod consumer;
pub mod directory;
pub mod domain;
pub mod homeserver;
pub mod ingest;
pub mod payload;
pub mod service;
pub mod store;
pub mod systemd;
pub mod telemetry;
