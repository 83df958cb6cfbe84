//! The disk contract: what values are written as, apart from the rules that move freely.
//!
//! A record is one version byte and named MessagePack, so that a field may be added. What an
//! older daarion wrote is read for ever: a change that is more than an added field is a new
//! version beside the old one. Nothing here panics on what it reads.

pub mod agent;
pub mod api_key;
pub mod channel;
pub mod creation;
pub mod event;
pub mod invite;
pub mod keyed_request;
pub mod levels;
pub mod member;
pub mod message;
pub mod message_row;
pub mod microdao;
pub mod mute;
pub mod operator;
pub mod origin;
pub mod scheduled;
pub mod service_token;
pub mod session;
pub mod signing_key;
pub mod skipped;
pub mod subscription;
pub mod turn;
pub mod webhook;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// A value in a table.
pub trait Record<'a>: Serialize + Deserialize<'a> {
    /// What it is, for messages about damage.
    const NAME: &'static str;
    /// The version that is written now.
    const VERSION: u8;
    /// The oldest version that is read as the one that is written now is.
    const OLDEST: u8 = Self::VERSION;

    /// The bytes of the value.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        bytes.push(Self::VERSION);
        rmp_serde::encode::write_named(&mut bytes, self)
            .expect("records hold only what MessagePack can write, and memory takes it");
        bytes
    }

    /// Reads a value back.
    fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let body = versioned(Self::NAME, Self::OLDEST..=Self::VERSION, bytes)?;
        rmp_serde::from_slice(body).map_err(|error| damaged(Self::NAME, &error.to_string()))
    }
}

/// Takes the version byte off a value and checks it.
pub fn versioned<'a>(
    name: &str,
    known: RangeInclusive<u8>,
    bytes: &'a [u8],
) -> Result<&'a [u8], StoreError> {
    match bytes.split_first() {
        Some((found, body)) if known.contains(found) => Ok(body),
        Some((found, _)) => Err(damaged(name, &format!("version {found} is unknown"))),
        None => Err(damaged(name, "empty")),
    }
}

/// Says what of which value cannot be read.
pub fn damaged(name: &str, what: &str) -> StoreError {
    StoreError::Damaged(format!("{name}: {what}"))
}

/// Reads one of the words that the rules have for their enums.
pub fn word<T>(name: &str, parse: impl Fn(&str) -> Option<T>, word: &str) -> Result<T, StoreError> {
    parse(word).ok_or_else(|| damaged(name, &format!("unknown word {word:?}")))
}
