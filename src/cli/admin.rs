//! `daarion admin create|passwd|list`: through the daemon when it is up, on the store when it
//! is down.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::Place;
use super::client::Daemon;
use super::output::Output;
use crate::app::App;
use crate::domain::account::{LONGEST_PASSWORD, SHORTEST_PASSWORD};
use crate::service::auth::Auth;
use crate::web::admin::{operator_json, operators_json};

/// Operators' accounts.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make an account for an operator.
    Create(Args),
    /// Give an operator another password; who is signed in with the old one is signed out.
    Passwd(Args),
    /// List the accounts.
    List,
}

/// Which account.
#[derive(clap::Args)]
pub struct Args {
    /// 1 to 64 characters from a-z, 0-9 and "._-".
    name: String,
    /// Read the password from the first line of the standard input.
    #[arg(long)]
    password_stdin: bool,
}

/// Runs the command.
pub async fn run(command: &Command, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    let answer = match command {
        Command::List => list(place).await?,
        Command::Create(args) => create(place, &args.name, &password(args)?).await?,
        Command::Passwd(args) => set_password(place, &args.name, &password(args)?).await?,
    };
    if output.json {
        return output.value(&answer);
    }
    match command {
        Command::List => show(&answer, output),
        Command::Create(args) => output.line(format!("operator {} can sign in", args.name)),
        Command::Passwd(args) => output.line(format!("operator {} has a new password", args.name)),
    }
}

async fn list(place: &Place<'_>) -> anyhow::Result<Value> {
    match Daemon::find(&place.socket).await? {
        Some(daemon) => daemon.ask(Method::GET, "/operators", None).await,
        None => {
            let all = alone(place, async |auth| auth.operators.list().await);
            Ok(operators_json(&all.await??))
        }
    }
}

async fn create(place: &Place<'_>, name: &str, password: &str) -> anyhow::Result<Value> {
    match Daemon::find(&place.socket).await? {
        Some(daemon) => {
            let body = json!({ "name": name, "password": password });
            daemon.ask(Method::POST, "/operators", Some(&body)).await
        }
        None => {
            let made = alone(place, async |auth| {
                auth.operators.create(name, password).await
            });
            Ok(operator_json(&made.await??))
        }
    }
}

async fn set_password(place: &Place<'_>, name: &str, password: &str) -> anyhow::Result<Value> {
    match Daemon::find(&place.socket).await? {
        Some(daemon) => {
            let path = format!("/operators/{}/password", segment(name));
            let body = json!({ "password": password });
            daemon.ask(Method::POST, &path, Some(&body)).await
        }
        None => {
            let set = alone(place, async |auth| {
                auth.operators.set_password(name, password).await
            });
            set.await??;
            Ok(json!({ "name": name }))
        }
    }
}

/// Works on the store itself.
async fn alone<T>(place: &Place<'_>, work: impl AsyncFnOnce(&Auth) -> T) -> anyhow::Result<T> {
    let app = App::build(&(place.load)()?).await?;
    Ok(app.with_auth_alone(work).await)
}

/// A name as a part of a path.
fn segment(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// Asks on the terminal, twice and without echo, or reads a line.
fn password(args: &Args) -> anyhow::Result<String> {
    if args.password_stdin {
        return first_line(&mut std::io::stdin().lock());
    }
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask on; give the password with --password-stdin");
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).context("cannot ask");
    let password = ask(format!(
        "Password of {} (at least {SHORTEST_PASSWORD} characters): ",
        args.name
    ))?;
    if ask("Once more: ".to_owned())? != password {
        bail!("the two passwords differ");
    }
    Ok(password)
}

fn first_line(input: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    // One byte more than fits, and the end of the line.
    let most = LONGEST_PASSWORD as u64 + 3;
    std::io::Read::take(input, most)
        .read_line(&mut line)
        .context("cannot read the password")?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn show(answer: &Value, output: Output) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let rows: Vec<_> = answer["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|operator| {
            vec![
                text(&operator["name"]),
                text(&operator["created_at"]),
                text(&operator["password_set_at"]),
            ]
        })
        .collect();
    output.table(&["OPERATOR", "SINCE", "PASSWORD SET"], &rows)
}
