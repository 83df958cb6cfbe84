//! `daarion audit verify|export`: through the daemon when it is up, on the store when it is down.

use anyhow::bail;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;

use super::Place;
use super::client::Daemon;
use super::output::Output;
use crate::app::App;
use crate::domain::audit::Link;
use crate::service::audit;
use crate::web::admin::verdict_json;

/// How many records are read at once.
const STEP: usize = 1_000;

/// The audit log.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Look through the chain of its records. Fails, and names the place, when it is broken.
    Verify {
        /// A record that must be in it: its number and its hash, as an earlier look has printed them.
        #[arg(long, value_name = "SEQ:HASH", value_parser = expected)]
        expect: Option<Link>,
    },
    /// Print it, a record a line, as JSON.
    Export {
        /// Begin behind the record of this number.
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

/// Runs the command.
pub async fn run(command: &Command, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Verify { expect } => verify(expect.as_ref(), place, output).await,
        Command::Export { after } => export(*after, place, output).await,
    }
}

/// Reads a record's number and hash.
fn expected(text: &str) -> Result<Link, String> {
    let wrong = || "must be a record's number and hash, as in 12:0f3a…".to_owned();
    let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit());
    Ok(Link {
        seq: seq.parse().map_err(|_| wrong())?,
        hash: Some(hash.to_ascii_lowercase())
            .filter(|_| is_hash)
            .ok_or_else(wrong)?,
    })
}

async fn verify(expected: Option<&Link>, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    let verdict = match Daemon::find(&place.socket).await? {
        Some(daemon) => {
            let query = expected.map_or_else(String::new, |it| {
                format!("?seq={}&hash={}", it.seq, it.hash)
            });
            let path = format!("/audit/verify{query}");
            daemon.ask(Method::GET, &path, None).await?
        }
        None => {
            let app = App::build(&(place.load)()?).await?;
            let looked = app.run_alone(async |core, _| audit::verify(&core.store, expected).await);
            verdict_json(&looked.await?)
        }
    };
    if output.json {
        output.value(&verdict)?;
    } else {
        let (records, last) = (&verdict["records"], &verdict["last"]);
        let (seq, hash) = (&last["seq"], last["hash"].as_str().unwrap_or_default());
        output.line(format!(
            "{records} records follow each other; the last is {seq}:{hash}"
        ))?;
    }
    match &verdict["broken"] {
        Value::Null => Ok(()),
        broken => bail!(
            "the chain is broken at record {}: {}",
            broken["seq"],
            broken["reason"].as_str().unwrap_or_default()
        ),
    }
}

async fn export(after: u64, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    if let Some(daemon) = Daemon::find(&place.socket).await? {
        let path = format!("/audit/export?after={after}");
        let mut lines = daemon.send(Method::GET, &path, None).await?.bytes_stream();
        let mut rest = Vec::new();
        while let Some(part) = lines.next().await {
            rest.extend_from_slice(&part?);
            // Whole lines: a character may be cut in two between parts.
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let left = rest.split_off(end + 1);
            output.text(std::str::from_utf8(&rest)?)?;
            rest = left;
        }
        return Ok(());
    }
    let app = App::build(&(place.load)()?).await?;
    let written = app.run_alone(async |core, _| {
        let mut after = after;
        loop {
            let step = core.store.audit.read(after, STEP).await?;
            for record in &step {
                output.line(record.line())?;
                after = record.seq;
            }
            if step.len() < STEP {
                return anyhow::Ok(());
            }
        }
    });
    written.await
}
