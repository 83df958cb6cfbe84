//! daarion: a living community beside a Matrix homeserver, in one process.
//!
//! Everything that happens comes through one door and is then read by many:
//!
//! ```text
//! homeserver push ─> matrix ─┐
//! healing, rebuild ──────────┼─> ingest ─> journal ─bell─> consumer: index, hub
//! our own deeds (echo) ──────┘                                  │       │
//!                              service <── store queries ───────┘       └─> live streams
//!                              api, web ─> service ─> homeserver (trait) ─> matrix
//! ```
//!
//! [`domain`] holds the rules and uses nothing of the rest; [`store`] and [`homeserver`] are
//! traits in its words; [`service`] puts the rules to work on them; [`api`] and [`web`] are what
//! callers see; [`app`] puts it all together. A test keeps the layers apart.
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

pub mod acts;
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
pub mod key_sets;
pub mod matrix;
pub mod payload;
pub mod recent;
pub mod service;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod web;
