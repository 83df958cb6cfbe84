//! The configuration as an administrator meets it: files and variables in, values or one line out.

mod case;
mod errors;
mod sample;
mod sources;
