//! The rules and the words of daarion: pure values and pure functions.
//!
//! Nothing here does I/O, waits, reads a clock or knows a contract's JSON; every other
//! layer may use it, it uses none of them. Begin with [`channel`], [`message`] and [`event`].

pub mod access;
pub mod account;
pub mod canonical;
pub mod channel;
pub mod entity;
pub mod error;
pub mod event;
pub mod finding;
pub mod id;
pub mod media;
pub mod member;
pub mod message;
pub mod network;
pub mod page;
pub mod reception;
pub mod service;
pub mod session;
pub mod slug;
pub mod text;
pub mod webhook;

pub use error::{Error, Result};
