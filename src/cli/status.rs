//! `daarion status`

use std::path::Path;

use anyhow::bail;
use reqwest::Method;
use serde_json::Value;

use super::client::Daemon;
use super::output::Output;

/// Prints the status; fails when the daemon is degraded, so that scripts can tell.
pub async fn run(socket: &Path, output: Output) -> anyhow::Result<()> {
    let daemon = Daemon::connect(socket).await?;
    let status = daemon.ask(Method::GET, "/status", None).await?;
    if output.json {
        output.value(&status)?;
    } else {
        show(&status, output)?;
    }
    if status["status"] == "ok" {
        return Ok(());
    }
    let reason = status["homeserver"].as_str();
    let reason = reason.or_else(|| status["store"]["error"].as_str());
    bail!("degraded: {}", reason.unwrap_or("no reason given"))
}

fn show(status: &Value, output: Output) -> anyhow::Result<()> {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let since = &status["since_start"];
    let size = bytesize::ByteSize(number(&status["store"]["bytes"]));
    let rows = [
        (
            "version",
            status["version"].as_str().unwrap_or("").to_owned(),
        ),
        ("status", status["status"].as_str().unwrap_or("").to_owned()),
        (
            "homeserver",
            status["homeserver"]
                .as_str()
                .unwrap_or("connected")
                .to_owned(),
        ),
        ("registration", registration(status)),
        (
            "transaction",
            status["last_transaction_at"]
                .as_str()
                .unwrap_or("none since the start")
                .to_owned(),
        ),
        ("channels", number(&status["channels"]).to_string()),
        ("messages", number(&status["messages"]).to_string()),
        ("agents", number(&status["agents"]).to_string()),
        ("online", number(&status["members_online"]).to_string()),
        (
            "events",
            format!("{} in the last minute", status["events_per_minute"]),
        ),
        (
            "store",
            format!("{size}, format {}", status["store"]["format"]),
        ),
        ("journal", journal(&status["journal"])),
        ("rebuilding", status["rebuilding"].to_string()),
        ("open creations", status["open_creations"].to_string()),
        (
            "since start",
            format!(
                "{} events kept; {} came twice, as what we send ourselves does; {} were of rooms \
                 that are no channels",
                since["events"], since["repeated_events"], since["foreign_events"]
            ),
        ),
        ("skipped events", status["skipped"]["count"].to_string()),
    ];
    for (name, value) in rows {
        output.line(format!("{name:<16}{value}"))?;
    }
    for reader in status["readers"].as_array().into_iter().flatten() {
        let name = reader["name"].as_str().unwrap_or("");
        let (position, lag) = (&reader["position"], &reader["lag"]);
        output.line(format!(
            "{:<16}{name}: at {position}, {lag} behind",
            "reader"
        ))?;
    }
    show_problems(status, output)?;
    for skipped in status["skipped"]["latest"]
        .as_array()
        .into_iter()
        .flatten()
        .take(5)
    {
        let at = skipped["at"].as_str().unwrap_or("");
        let reason = skipped["reason"].as_str().unwrap_or("");
        output.line(format!("{:<16}{at} {reason}", "  skipped"))?;
    }
    Ok(())
}

fn journal(journal: &Value) -> String {
    let span = format!("{} to {}", journal["first"], journal["head"]);
    match journal["held_by"].as_str() {
        Some(reader) => format!("{span}, kept for longer than journal.retention by {reader}"),
        None => span,
    }
}

fn registration(status: &Value) -> String {
    let state = status["registration"].as_str().unwrap_or("unknown");
    match status["registration_reason"].as_str() {
        Some(reason) => format!("{}: {reason}", state.replace('_', " ")),
        None => state.to_owned(),
    }
}

fn show_problems(status: &Value, output: Output) -> anyhow::Result<()> {
    let problems = status["problems"].as_array().into_iter().flatten();
    for problem in problems.take(5) {
        let text = |field: &str| problem[field].as_str().unwrap_or("");
        output.line(format!(
            "{:<16}{} {} ({} times)",
            text("level"),
            text("at"),
            text("message"),
            problem["count"]
        ))?;
        if let Some(advice) = problem["advice"].as_str() {
            output.line(format!("{:<16}{advice}", "  what to do"))?;
        }
    }
    Ok(())
}
