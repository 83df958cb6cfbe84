//! `daarion setup --undo`: the homeserver's configuration as it was, without the registration.

use std::path::Path;

use anyhow::Context;

use super::Args;
use super::ask::Asker;
use super::change::{self, Access, Change};
use super::record::{Edited, Record};
use super::synapse::REGISTRATIONS;
use super::{carry_out, next, report, yaml_list};
use crate::cli::output::Output;

/// Takes back what the record tells. `daarion.toml` with its tokens stays.
pub fn run(args: &Args, config: &Path, asker: &Asker, output: Output) -> anyhow::Result<()> {
    let path = Record::path(config);
    let record = Record::read(config)?
        .with_context(|| format!("nothing to undo: there is no record at {}", path.display()))?;
    let mut changes = Vec::new();
    if let Some(edited) = &record.edited {
        changes.extend(undone(edited, &record.registration)?);
    }
    changes.extend(removal(&record.registration)?);
    changes.extend(removal(&path)?);
    let is_done = carry_out(args, &changes, asker, output)?;
    if is_done && let Some(copy) = record.edited.and_then(|edited| edited.copy) {
        // What it was is there again, or what came since is worth more than the copy.
        let _ = std::fs::remove_file(copy);
    }
    report(&changes, is_done, &next::after_undo(), output);
    Ok(())
}

/// The file as it was; when it was edited since, only our entry goes.
fn undone(edited: &Edited, registration: &Path) -> anyhow::Result<Option<Change>> {
    let Some(present) = change::read(&edited.file)? else {
        return Ok(None);
    };
    let entry = registration.to_string_lossy();
    let shown = edited.file.display();
    let without = yaml_list::remove(&present, REGISTRATIONS, &entry).map_err(|refusal| {
        anyhow::anyhow!("{shown} {refusal}; take this entry out by hand: {entry}")
    })?;
    let Some(without) = without else {
        return Ok(None);
    };
    let original = match &edited.copy {
        Some(copy) => change::read(copy)?,
        None => Some(String::new()),
    };
    let original = original.filter(|text| is_ours(text, &present, &entry));
    let after = match (&edited.copy, original) {
        // It was made by us, and nobody has written into it since.
        (None, Some(_)) => None,
        (Some(_), Some(text)) => Some(text),
        (_, None) => Some(without),
    };
    Ok(Some(Change {
        path: edited.file.clone(),
        before: Some(present),
        after,
        access: Access::AsBefore,
        copy: None,
    }))
}

/// Whether the present text is the original one with our entry and nothing else.
fn is_ours(original: &str, present: &str, entry: &str) -> bool {
    let ours = yaml_list::add(original, REGISTRATIONS, entry, &super::plan::COMMENT);
    matches!(ours, Ok(Some(ours)) if ours == present)
}

fn removal(path: &Path) -> anyhow::Result<Option<Change>> {
    let before = change::read(path)?;
    Ok(before.map(|before| Change {
        path: path.to_owned(),
        before: Some(before),
        after: None,
        access: Access::AsBefore,
        copy: None,
    }))
}
