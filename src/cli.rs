//! The commands, one file each. `serve` is the daemon; most others talk to it over its unix
//! socket. They print tables for people, or JSON with `--json`, and fail with one line.

mod admin;
mod agent;
mod audit;
mod backfill;
mod client;
mod config;
mod doctor;
mod heal;
mod key;
mod openapi;
mod output;
mod pages;
mod registration;
mod reindex;
mod setup;
mod status;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::telemetry;
use output::Output;

/// A living community beside a Matrix homeserver, in one process.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    /// The configuration file [default: /etc/daarion/daarion.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of tables. Documents stay what they are.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon.
    Serve,
    /// Make daarion and its homeserver known to each other.
    Setup(setup::Args),
    /// Try out whether the installation is sound, and say what mends it.
    Doctor,
    /// Show how the running daemon does.
    Status,
    /// Find and index what the homeserver has and the index has not.
    Heal,
    /// Rebuild the index.
    Reindex(reindex::Args),
    /// Bring the rooms of an older installation in, and check every city room.
    Backfill(backfill::Args),
    /// Make and list the accounts of operators.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Register and list agents.
    #[command(subcommand)]
    Agent(agent::Command),
    /// Make, list and revoke tokens of services.
    #[command(subcommand)]
    Token(token::Command),
    /// Replace and list the keys that sign tokens of people and operators.
    #[command(subcommand)]
    Key(key::Command),
    /// Verify and export the audit log: who did what.
    #[command(subcommand)]
    Audit(audit::Command),
    /// The registration for the homeserver.
    #[command(subcommand)]
    Registration(registration::Command),
    /// Print an OpenAPI document.
    Openapi(openapi::Args),
    /// Check the configuration, or print one to start from.
    #[command(subcommand)]
    Config(config::Command),
    /// Write the man pages and the completions.
    #[command(hide = true)]
    Pages(pages::Args),
}

/// Runs the command line. A failure is one line on stderr and exit code 1; wrong usage is 2.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match dispatch(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli, output: Output) -> anyhow::Result<()> {
    let load = || Config::load(cli.config.as_deref());
    match cli.command {
        Command::Openapi(args) => wait_for(openapi::run(&args, output)),
        Command::Config(config::Command::PrintDefault) => config::print_default(output),
        Command::Config(config::Command::Check(args)) => config::check(&args, load(), output),
        Command::Pages(args) => pages::run(&args, Cli::command()),
        Command::Setup(args) => {
            let path = Config::path(cli.config.as_deref());
            wait_for(setup::run(&args, &path, output))
        }
        Command::Registration(registration::Command::Show) => registration::show(&load()?, output),
        Command::Doctor => {
            let path = Config::path(cli.config.as_deref());
            let socket = Config::load_admin(cli.config.as_deref());
            wait_for(doctor::run(&path, socket, &load, output))
        }
        Command::Serve => serve(load()?),
        command => {
            // No more than this: the secrets may be where only the daemon finds them.
            let socket = Config::load_admin(cli.config.as_deref())?;
            wait_for(talk(
                command,
                &Place {
                    socket,
                    load: &load,
                },
                output,
            ))
        }
    }
}

/// Where the daemon is to be asked, and what to work with when it is down.
struct Place<'a> {
    socket: PathBuf,
    load: &'a dyn Fn() -> Result<Config, ConfigError>,
}

/// The commands that ask the running daemon.
async fn talk(command: Command, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    let socket = &place.socket;
    match command {
        Command::Status => status::run(socket, output).await,
        Command::Heal => heal::run(socket, output).await,
        Command::Reindex(args) => reindex::run(&args, place, output).await,
        Command::Backfill(args) => backfill::run(&args, socket, output).await,
        Command::Admin(command) => admin::run(&command, place, output).await,
        Command::Token(command) => token::run(&command, place, output).await,
        Command::Key(command) => key::run(&command, place, output).await,
        Command::Audit(command) => audit::run(&command, place, output).await,
        Command::Agent(command) => agent::run(&command, socket, output).await,
        _ => Ok(()),
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config.log);
    wait_for(crate::app::serve(config))
}

fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("daarion")
        // The start needs threads for blocking work, and hardly anything else does.
        .thread_keep_alive(Duration::from_secs(1))
        .build()?;
    let outcome = runtime.block_on(work);
    // A store that is still being opened when we are told to stop is not waited for.
    runtime.shutdown_background();
    outcome
}
