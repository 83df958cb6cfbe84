//! The journal's readers. Each reads from a position of its own, acts, advances and waits
//! for the bell; starting up, catching up after a crash and normal running are one path.

mod addressed;
pub mod audit;
pub mod hub;
pub mod index;
mod told;
pub mod webhooks;
