//! The shapes of the gateway's requests and answers.

pub mod webhook;
