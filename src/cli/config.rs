//! `daarion config check|print-default`

use super::output::Output;
use crate::config::{self, Config};

/// The configuration.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Check the configuration as the daemon would read it.
    Check,
    /// Print a commented configuration with every key and its default.
    PrintDefault,
}

/// Says that the configuration, which was loaded, is good; `--json` prints it with the secrets
/// hidden.
pub fn check(config: &Config, output: Output) -> anyhow::Result<()> {
    if output.json {
        output.value(&config::describe(config))
    } else {
        output.line("the configuration is good")
    }
}

/// Prints the sample.
pub fn print_default(output: Output) -> anyhow::Result<()> {
    output.text(config::SAMPLE)
}
