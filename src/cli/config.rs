//! `daarion config check|print-default`

use super::output::Output;
use crate::config::{self, Config, ConfigError};

/// The configuration.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Check the configuration as the daemon would read it.
    Check(CheckArgs),
    /// Print a commented configuration with every key and its default.
    PrintDefault,
}

/// What to check.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// Fail only while a needed key is missing, as it is before the set-up.
    #[arg(long)]
    only_needed: bool,
}

/// Says that the configuration is good; `--json` prints it with the secrets hidden.
pub fn check(
    args: &CheckArgs,
    loaded: Result<Config, ConfigError>,
    output: Output,
) -> anyhow::Result<()> {
    let config = match loaded {
        Ok(config) => config,
        // The service manager asks so whether to start at all: anything else that is wrong shall
        // be a failure of the start, which is seen. That holds for credentials most of all: systemd
        // gives them to the daemon, and not yet to this question.
        Err(error) if args.only_needed && !matches!(error, ConfigError::Missing { .. }) => {
            return output.line("nothing that is needed is missing");
        }
        Err(error) => return Err(error.into()),
    };
    if output.json {
        output.value(&config::describe(&config))
    } else {
        output.line("the configuration is good")
    }
}

/// Prints the sample.
pub fn print_default(output: Output) -> anyhow::Result<()> {
    output.text(config::SAMPLE)
}
