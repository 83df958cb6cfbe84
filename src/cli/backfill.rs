//! `daarion backfill`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Daemon;
use super::output::Output;

/// What to bring in.
#[derive(clap::Args)]
pub struct Args {
    /// JSON with the rooms of an older installation:
    /// {"rooms":[{"slug","name","description"}]}, or the bare list. `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    rooms: Option<PathBuf>,
}

/// Backfills, with a line of progress for each room.
pub async fn run(args: &Args, socket: &Path, output: Output) -> anyhow::Result<()> {
    let body = match &args.rooms {
        None => json!({}),
        Some(path) => read(path).await?,
    };
    let daemon = Daemon::connect(socket).await?;
    let response = daemon.send(Method::POST, "/backfill", Some(&body)).await?;
    let mut lines = response.bytes_stream();
    let mut buffer = Vec::new();
    let mut summary = None;
    while let Some(chunk) = lines.next().await {
        buffer.extend_from_slice(&chunk.context("the daemon went away; run it again")?);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = buffer.drain(..=end).collect();
            let line: Value = serde_json::from_slice(&line)?;
            if let Some(error) = line["error"].as_str() {
                bail!("{error}; what is done stays done");
            }
            if line["step"].is_object() {
                output.progress(step(&line["step"]));
            } else {
                summary = Some(line["summary"].clone());
            }
        }
    }
    let summary = summary.context("the daemon went away; run it again")?;
    show(&summary, output)
}

fn step(step: &Value) -> String {
    let (done, total) = (&step["done"], &step["total"]);
    let slug = step["slug"].as_str().unwrap_or("");
    let outcome = step["outcome"].as_str().unwrap_or("");
    match step["error"].as_str() {
        Some(error) => format!("[{done}/{total}] {slug}: {outcome}: {error}"),
        None => format!("[{done}/{total}] {slug}: {outcome}"),
    }
}

fn show(summary: &Value, output: Output) -> anyhow::Result<()> {
    let failed = summary["failed"].as_array().map_or(0, Vec::len);
    if output.json {
        output.value(summary)?;
    } else {
        output.line(format!(
            "{} checked, {} found, {} created, {failed} failed",
            summary["checked"], summary["found"], summary["created"]
        ))?;
    }
    if failed > 0 {
        bail!("{failed} rooms failed; mend the reasons above and run it again");
    }
    Ok(())
}

async fn read(path: &PathBuf) -> anyhow::Result<Value> {
    let text = if path.as_os_str() == "-" {
        tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??
    } else {
        let shown = path.display();
        let text = tokio::fs::read_to_string(path).await;
        text.with_context(|| format!("failed to read {shown}"))?
    };
    let value: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok(if value.is_array() {
        json!({"rooms": value})
    } else {
        value
    })
}
