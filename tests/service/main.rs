//! The services' own logic, on a store in memory and the fake homeserver: what depends on the
//! order in which things come, which a real homeserver cannot be told.

mod access;
mod agents;
mod audit;
mod channels;
mod city;
mod creation;
mod doctor;
mod hub;
mod index;
mod members;
mod messages;
mod polls;
mod presence;
mod rebuild;
mod reception;
mod retention;
mod scheduled;
mod upgrades;
mod webhooks;
mod world;
