//! `daarion agent create|list`

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::Daemon;
use super::output::Output;

/// Agents.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Register an agent, which gets a Matrix user of its own.
    Create {
        /// `agent:<name>`, or the bare name.
        id: String,
        /// What people see [default: the name].
        #[arg(long)]
        display_name: Option<String>,
        /// An existing user of this homeserver that the agent shall be.
        #[arg(long, value_name = "@USER:SERVER")]
        matrix_user_id: Option<String>,
    },
    /// List the agents.
    List,
}

/// Runs the command through the daemon.
pub async fn run(command: &Command, socket: &Path, output: Output) -> anyhow::Result<()> {
    let daemon = Daemon::connect(socket).await?;
    match command {
        Command::List => {
            let agents = daemon.ask(Method::GET, "/agents", None).await?;
            if output.json {
                output.value(&agents)
            } else {
                show(agents["items"].as_array().into_iter().flatten(), output)
            }
        }
        Command::Create {
            id,
            display_name,
            matrix_user_id,
        } => {
            let bare = id.strip_prefix("agent:").unwrap_or(id);
            let body = json!({
                "id": format!("agent:{bare}"),
                "display_name": display_name,
                "matrix_user_id": matrix_user_id,
            });
            let agent = daemon.ask(Method::POST, "/agents", Some(&body)).await?;
            if output.json {
                output.value(&agent)
            } else {
                show(std::iter::once(&agent), output)
            }
        }
    }
}

fn show<'a>(agents: impl Iterator<Item = &'a Value>, output: Output) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let rows: Vec<_> = agents
        .map(|agent| {
            vec![
                text(&agent["id"]),
                text(&agent["display_name"]),
                text(&agent["matrix_user_id"]),
                match agent["deactivated_at"].is_null() {
                    true => String::new(),
                    false => "deactivated".to_owned(),
                },
            ]
        })
        .collect();
    output.table(&["AGENT", "NAME", "MATRIX USER", "STATE"], &rows)
}
