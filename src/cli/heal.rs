//! `daarion heal`

use std::path::Path;

use anyhow::bail;
use reqwest::Method;
use serde_json::Value;

use super::client::Daemon;
use super::output::Output;

/// Heals and prints what was found; fails when a channel could not be walked.
pub async fn run(socket: &Path, output: Output) -> anyhow::Result<()> {
    let daemon = Daemon::connect(socket).await?;
    let report = daemon.ask(Method::POST, "/heal", None).await?;
    if output.json {
        output.value(&report)?;
    } else {
        show(&report, output)?;
    }
    let channels = report["channels"].as_array().into_iter().flatten();
    let failed = channels
        .filter(|channel| !channel["error"].is_null())
        .count();
    if failed > 0 {
        bail!("{failed} channels could not be walked; run it again");
    }
    Ok(())
}

fn show(report: &Value, output: Output) -> anyhow::Result<()> {
    let channels = report["channels"].as_array().into_iter().flatten();
    let rows: Vec<_> = channels
        .filter(|channel| channel["missing"] != 0 || !channel["error"].is_null())
        .map(|channel| {
            vec![
                channel["slug"].as_str().unwrap_or("").to_owned(),
                channel["missing"].to_string(),
                channel["healed"].to_string(),
                channel["error"].as_str().unwrap_or("").to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["CHANNEL", "MISSING", "HEALED", "ERROR"], &rows)?;
    }
    let (missing, healed) = (&report["missing"], &report["healed"]);
    output.line(format!("{missing} missing, {healed} healed"))
}
