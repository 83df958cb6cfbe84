//! `daarion setup`: makes daarion and its homeserver known to each other.
//!
//! It finds out what it needs ([`answers`]), works out what has to become of which file ([`plan`]),
//! shows that, and does it when it is told to. Running it again finds nothing to do; `--undo` takes
//! back what it did to the homeserver.

pub(super) mod accounts;
mod answers;
mod ask;
mod change;
mod next;
mod plan;
pub(super) mod record;
mod secrets;
mod synapse;
mod toml_text;
mod undo;
mod yaml_list;

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::{Value, json};

use super::output::Output;
use answers::Answers;
use ask::Asker;
use change::Change;
use plan::Plan;

/// What to set up.
#[derive(clap::Args)]
pub struct Args {
    /// The homeserver's configuration: homeserver.yaml (a conf.d beside it is read too), or every
    /// file and directory in the order in which the homeserver reads them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    homeserver_config: Vec<PathBuf>,
    /// The homeserver's address, where its configuration is on another machine or is not Synapse's.
    #[arg(long, value_name = "URL")]
    homeserver_url: Option<String>,
    /// The name of the homeserver, the part of a user id after the colon.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// The address of daarion in a browser.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Who runs the place; may be given several times.
    #[arg(long = "operator", value_name = "@USER:SERVER")]
    operators: Vec<String>,
    /// Another key of the configuration, with its value as TOML; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Where to write the registration [default: beside the homeserver's configuration].
    #[arg(long, value_name = "FILE")]
    registration: Option<PathBuf>,
    /// The account that the homeserver runs as, which must be able to read the registration.
    #[arg(long, value_name = "USER")]
    homeserver_user: Option<String>,
    /// Take back what was done to the homeserver.
    #[arg(long, conflicts_with_all = [
        "homeserver_config", "homeserver_url", "server_name", "public_url", "operators",
        "settings", "registration", "homeserver_user",
    ])]
    undo: bool,
    /// Do it without asking.
    #[arg(long, short)]
    yes: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Sets up, or takes back.
pub async fn run(args: &Args, config: &Path, output: Output) -> anyhow::Result<()> {
    let asker = Asker::new(args.yes || args.dry_run || output.json);
    if args.undo {
        return undo::run(args, config, &asker, output);
    }
    let answers = Answers::gather(args, config, &asker).await?;
    let plan = Plan::make(&answers, config)?;
    let is_done = carry_out(args, &plan.changes, &asker, output)?;
    let advice = next::after_setup(&answers, &plan, is_done).await;
    report(&plan.changes, is_done, &advice, output)
}

/// Shows the changes and makes them. Answers whether they are made.
fn carry_out(
    args: &Args,
    changes: &[Change],
    asker: &Asker,
    output: Output,
) -> anyhow::Result<bool> {
    let needed: Vec<_> = changes.iter().filter(|change| change.is_needed()).collect();
    if needed.is_empty() {
        return Ok(true);
    }
    if !output.json {
        for change in &needed {
            output.text(&shown(change))?;
        }
    }
    if args.dry_run {
        return Ok(false);
    }
    if !args.yes && !asker.agrees("Make these changes?")? {
        bail!("nothing was changed");
    }
    for change in &needed {
        change.expect_unchanged()?;
    }
    for change in needed {
        change.apply()?;
    }
    Ok(true)
}

fn shown(change: &Change) -> String {
    let path = change.path.display();
    let patch = change.patch();
    match (&change.before, patch.is_empty()) {
        (_, false) => format!("{patch}\n"),
        (before, true) if *before == change.after => {
            format!("{path}: closed to others\n\n")
        }
        _ => format!("{path}: secrets change\n\n"),
    }
}

/// What was done, and what is left to be done by hand.
fn report(
    changes: &[Change],
    is_done: bool,
    advice: &next::Advice,
    output: Output,
) -> anyhow::Result<()> {
    let needed: Vec<_> = changes.iter().filter(|change| change.is_needed()).collect();
    if output.json {
        return output.value(&json!({
            "applied": is_done,
            "changes": needed.iter().map(|change| summary(change)).collect::<Vec<_>>(),
            "restart_homeserver": advice.restart_homeserver,
            "notes": advice.notes,
            "next": advice.next,
        }));
    }
    output.text(&told(&needed, is_done))?;
    for note in &advice.notes {
        output.line(format!("note: {note}"))?;
    }
    if !advice.next.is_empty() {
        output.line("next:")?;
    }
    for step in &advice.next {
        output.line(format!("  {step}"))?;
    }
    Ok(())
}

/// What was done, for people.
fn told(needed: &[&Change], is_done: bool) -> String {
    if needed.is_empty() {
        return "nothing to do: all of it is set up\n".to_owned();
    }
    if !is_done {
        return "nothing was changed (--dry-run)\n".to_owned();
    }
    let mut told = String::new();
    for change in needed {
        let verb = summary(change)["change"].as_str().unwrap_or("").to_owned();
        told += &format!("{verb} {}\n", change.path.display());
        if let Some(copy) = change.copy.as_ref().filter(|_| change.before.is_some()) {
            told += &format!("  what it was: {}\n", copy.display());
        }
    }
    told
}

fn summary(change: &Change) -> Value {
    let what = match (&change.before, &change.after) {
        (None, _) => "made",
        (_, None) => "removed",
        _ => "changed",
    };
    json!({"path": change.path, "change": what, "copy": change.copy})
}
