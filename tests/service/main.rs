//! The services' own logic, on a store in memory and the fake homeserver: what depends on the
//! order in which things come, which a real homeserver cannot be told.

mod city;
mod creation;
mod doctor;
mod hub;
mod index;
mod messages;
mod polls;
mod presence;
mod rebuild;
mod retention;
mod webhooks;
mod world;
