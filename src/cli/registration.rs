//! `daarion registration show`

use super::output::Output;
use crate::app;
use crate::config::Config;

/// The registration.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Print the registration file (YAML) that fits the configuration.
    Show,
}

/// Prints the registration. It holds both tokens.
pub fn show(config: &Config, output: Output) -> anyhow::Result<()> {
    output.text(&app::registration(config))
}
