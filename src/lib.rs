//! daarion: a living community beside a Matrix homeserver, in one process.
#![forbid(unsafe_code)]
// What is for the product and not for its tests; see also clippy.toml.
#![cfg_attr(
    not(test),
    warn(
        clippy::allow_attributes,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used
    )
)]

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod directory;
pub mod domain;
pub mod homeserver;
pub mod ingest;
pub mod matrix;
pub mod payload;
pub mod service;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod web;
