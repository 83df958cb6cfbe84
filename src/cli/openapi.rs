//! `daarion openapi`: the documents, without a configuration and without a daemon.

use super::output::Output;
use crate::app;

/// Which document.
#[derive(clap::Args)]
pub struct Args {
    /// The listener whose document is wanted.
    #[arg(value_enum, default_value_t = Which::Public)]
    which: Which,
    /// Print YAML instead of JSON.
    #[arg(long)]
    yaml: bool,
}

#[derive(clap::ValueEnum, Clone, Copy)]
enum Which {
    /// What members and programs use.
    Public,
    /// What services of the installation use.
    Internal,
}

/// Prints a document.
pub async fn run(args: &Args, output: Output) -> anyhow::Result<()> {
    let (public, internal) = app::documents().await?;
    let documents = match args.which {
        Which::Public => public,
        Which::Internal => internal,
    };
    output.text(&if args.yaml {
        documents.yaml()
    } else {
        documents.json()
    })
}
