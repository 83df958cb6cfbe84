//! The mapping: Matrix JSON in, our event out. A pair for every row of the gateway document's
//! table and for what else clients send; then everything that could be wrong with each.

mod fixture;
mod messages;
mod outcomes;
mod outgoing;
mod relations;
mod robustness;
mod state;
