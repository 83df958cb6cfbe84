//! `daarion token create|list|revoke`: through the daemon when it is up, on the store when it is
//! down.

use anyhow::Context;
use humantime_serde::re::humantime::parse_duration;
use reqwest::Method;
use serde_json::{Value, json};

use super::Place;
use super::client::Daemon;
use super::output::Output;
use crate::app::App;
use crate::service::auth::Auth;
use crate::web::admin::{self, NewTokenJson};

/// Tokens of services.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a token for a service. It is shown once.
    Create(Args),
    /// List the tokens, those that do not count any more too.
    List,
    /// Revoke a token: it counts no more from now on.
    Revoke {
        /// The service's name, or the token's id.
        service: String,
    },
}

/// What the token is for.
#[derive(clap::Args)]
pub struct Args {
    /// The service's name: 1 to 64 characters from a-z, 0-9 and "._-".
    #[arg(long)]
    name: String,
    /// What it may do, e.g. gateway:send, "gateway:*"; more than once, or with commas.
    #[arg(long = "scope", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// For whom it may act: "*", "agent:*", "user:*", or an entity; more than once, or with commas.
    #[arg(long, value_delimiter = ',')]
    act_as: Vec<String>,
    /// The Matrix rooms that it may work in [default: every one].
    #[arg(long, value_delimiter = ',', value_name = "!ROOM")]
    rooms: Vec<String>,
    /// For how long it is good, e.g. 90d [default: until it is revoked].
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
}

/// Runs the command.
pub async fn run(command: &Command, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    match command {
        Command::List => {
            let all = list(place).await?;
            if output.json {
                return output.value(&all);
            }
            show(&all, output)
        }
        Command::Create(args) => {
            let made = create(place, args).await?;
            if output.json {
                return output.value(&made);
            }
            // Alone on its line, so that a script can take it.
            output.line(made["token"].as_str().unwrap_or_default())
        }
        Command::Revoke { service } => {
            let revoked = revoke(place, service).await?;
            if output.json {
                return output.value(&revoked);
            }
            output.line(format!(
                "the token of {} counts no more",
                text(&revoked["name"])
            ))
        }
    }
}

async fn list(place: &Place<'_>) -> anyhow::Result<Value> {
    match Daemon::find(&place.socket).await? {
        Some(daemon) => daemon.ask(Method::GET, "/services", None).await,
        None => Ok(alone(place, async |auth| admin::list_tokens(auth).await).await??),
    }
}

async fn create(place: &Place<'_>, args: &Args) -> anyhow::Result<Value> {
    let expires_in = args.expires.as_deref().map(|text| {
        let duration = parse_duration(text).with_context(|| format!("--expires {text:?}"))?;
        anyhow::Ok(duration.as_secs())
    });
    let new = NewTokenJson {
        name: args.name.clone(),
        scopes: args.scopes.clone(),
        act_as: args.act_as.clone(),
        rooms: (!args.rooms.is_empty()).then(|| args.rooms.clone()),
        expires_in: expires_in.transpose()?,
    };
    match Daemon::find(&place.socket).await? {
        Some(daemon) => {
            let body = serde_json::to_value(&new)?;
            daemon.ask(Method::POST, "/services", Some(&body)).await
        }
        None => Ok(alone(place, async |auth| admin::create_token(auth, new).await).await??),
    }
}

async fn revoke(place: &Place<'_>, service: &str) -> anyhow::Result<Value> {
    match Daemon::find(&place.socket).await? {
        Some(daemon) => {
            let body = json!({ "service": service });
            daemon
                .ask(Method::POST, "/services/revoke", Some(&body))
                .await
        }
        None => Ok(alone(place, async |auth| admin::revoke_token(auth, service).await).await??),
    }
}

/// Works on the store itself.
async fn alone<T>(place: &Place<'_>, work: impl AsyncFnOnce(&Auth) -> T) -> anyhow::Result<T> {
    let app = App::build(&(place.load)()?).await?;
    Ok(app.with_auth_alone(work).await)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn words(value: &Value) -> String {
    let list = value.as_array().into_iter().flatten();
    list.map(text).collect::<Vec<_>>().join(" ")
}

fn show(all: &Value, output: Output) -> anyhow::Result<()> {
    let rows: Vec<_> = all["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|token| {
            let state = match (&token["revoked_at"], &token["is_good"]) {
                (Value::String(_), _) => "revoked",
                (_, Value::Bool(true)) => "good",
                _ => "expired",
            };
            vec![
                text(&token["name"]),
                state.to_owned(),
                words(&token["scopes"]),
                words(&token["act_as"]),
                text(&token["expires_at"]),
                text(&token["last_used_at"]),
            ]
        })
        .collect();
    let head = [
        "SERVICE",
        "STATE",
        "SCOPES",
        "ACTS AS",
        "EXPIRES",
        "LAST USED",
    ];
    output.table(&head, &rows)
}
