//! `daarion key rotate|list`: through the daemon when it is up, on the store when it is down.

use reqwest::Method;
use serde_json::Value;

use super::Place;
use super::client::Daemon;
use super::output::Output;
use crate::app::App;
use crate::service::auth::Auth;
use crate::web::admin;

/// The keys that sign what people and operators who are signed in show.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Replace them. Nobody is signed out: the old ones count until what they have signed expires.
    Rotate,
    /// List them, not what they are.
    List,
}

/// Runs the command.
pub async fn run(command: &Command, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    let keys = match command {
        Command::Rotate => rotate(place).await?,
        Command::List => list(place).await?,
    };
    if output.json {
        return output.value(&keys);
    }
    show(&keys, output)
}

async fn rotate(place: &Place<'_>) -> anyhow::Result<Value> {
    match Daemon::find(&place.socket).await? {
        Some(daemon) => daemon.ask(Method::POST, "/keys/rotate", None).await,
        None => Ok(alone(place, async |auth| admin::rotate_keys(auth).await).await??),
    }
}

async fn list(place: &Place<'_>) -> anyhow::Result<Value> {
    match Daemon::find(&place.socket).await? {
        Some(daemon) => daemon.ask(Method::GET, "/keys", None).await,
        None => Ok(alone(place, async |auth| admin::list_keys(auth).await).await??),
    }
}

/// Works on the store itself.
async fn alone<T>(place: &Place<'_>, work: impl AsyncFnOnce(&Auth) -> T) -> anyhow::Result<T> {
    let app = App::build(&(place.load)()?).await?;
    Ok(app.with_auth_alone(work).await)
}

fn show(keys: &Value, output: Output) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let rows: Vec<_> = keys["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| {
            let state = match &key["forgotten_at"] {
                Value::String(at) => format!("counts until {at}"),
                _ => "signs".to_owned(),
            };
            vec![
                text(&key["use"]),
                text(&key["id"]),
                state,
                text(&key["made_at"]),
            ]
        })
        .collect();
    output.table(&["TOKENS", "KEY", "STATE", "MADE"], &rows)
}
