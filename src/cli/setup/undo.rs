//! `daarion setup --undo`: the homeserver's configuration as it was, without the registration.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Args;
use super::ask::Asker;
use super::change::{self, Access, Change};
use super::record::{Edited, Record};
use super::synapse::{REGISTRATIONS, Synapse};
use super::{carry_out, next, report, yaml_list};
use crate::cli::output::Output;

/// Takes back what the record tells. `daarion.toml` with its tokens stays.
pub fn run(args: &Args, config: &Path, asker: &Asker, output: Output) -> anyhow::Result<()> {
    let path = Record::path(config);
    let record = Record::read(config)?
        .with_context(|| format!("nothing to undo: there is no record at {}", path.display()))?;
    let mut changes = Vec::new();
    for edited in &record.edited {
        changes.extend(undone(edited, &record.registration)?);
    }
    let original = match &record.registration_copy {
        Some(copy) => change::read(copy)?,
        None => None,
    };
    let mut named_by = None;
    if original.is_some() {
        changes.extend(restored(&record.registration, original)?);
    } else {
        named_by = still_naming(&record, &changes)?;
        if named_by.is_none() {
            changes.extend(removal(&record.registration)?);
        }
    }
    changes.extend(removal(&path)?);
    let is_done = carry_out(args, &changes, asker, output)?;
    if is_done {
        // What it was is there again, or what came since is worth more than the copy.
        let copies = record
            .edited
            .iter()
            .filter_map(|edited| edited.copy.as_ref());
        for copy in copies.chain(&record.registration_copy) {
            let _ = std::fs::remove_file(copy);
        }
    }
    let mut advice = next::after_undo();
    advice.notes.extend(named_by.map(|file| {
        let registration = record.registration.display();
        format!("{registration} stays, because {} names it", file.display())
    }));
    report(&changes, is_done, &advice, output)
}

/// The homeserver's file that names the registration even afterwards: it did before setup came, or
/// the list has moved since. The homeserver does not start without what is named.
fn still_naming(record: &Record, changes: &[Change]) -> anyhow::Result<Option<PathBuf>> {
    let there = record.homeserver_config.iter().filter(|path| path.exists());
    let there: Vec<_> = there.cloned().collect();
    let entry = record.registration.to_string_lossy();
    for file in Synapse::read(&there)?.files {
        let change = changes.iter().find(|change| change.path == file.path);
        let text = change.map_or(Some(&file.text), |change| change.after.as_ref());
        let names = yaml_list::read(text.map_or("", String::as_str), REGISTRATIONS);
        let names =
            names.map_err(|refusal| anyhow::anyhow!("{} {refusal}", file.path.display()))?;
        if names.is_some_and(|names| names.iter().any(|name| *name == entry)) {
            return Ok(Some(file.path));
        }
    }
    Ok(None)
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

/// The registration as somebody else had made it.
fn restored(path: &Path, original: Option<String>) -> anyhow::Result<Option<Change>> {
    let before = change::read(path)?;
    Ok((before != original).then(|| Change {
        path: path.to_owned(),
        before,
        after: original,
        access: Access::AsBefore,
        copy: None,
    }))
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
