//! What has to become of which file: the configuration, the registration, the homeserver's
//! configuration, and the record of it all.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::accounts::{self, Account, DAARION};
use super::answers::Answers;
use super::change::{self, Access, Change};
use super::record::{Edited, Record};
use super::synapse::{REGISTRATIONS, Synapse};
use super::toml_text::{self, Setting};
use super::yaml_list;
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Config};

/// What the configuration takes.
const SHORTEST_TOKEN: usize = 16;
/// What is said above a list of registrations that setup makes.
pub const COMMENT: [&str; 3] = [
    "The application services, daarion among them (made by \"daarion setup\"; \"daarion setup",
    "--undo\" takes it back). A list that stands in a later file replaces this one whole: add",
    "further application services here.",
];

/// The plan.
pub struct Plan {
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    pub registration: PathBuf,
    pub config: Config,
    /// Whether the homeserver has something new to read.
    pub changes_homeserver: bool,
}

impl Plan {
    pub fn make(answers: &Answers, path: &Path) -> anyhow::Result<Self> {
        let registration = registration_path(answers, path)?;
        let present = change::read(&registration)?;
        let tokens = tokens(&registration, present.as_deref())?;
        let configuration = configuration(answers, path, &tokens)?;
        let text = configuration.after.as_deref().unwrap_or("");
        let config = Config::load_text(path, text).context("setup would make this wrong")?;
        let mut changes = vec![
            configuration,
            registration_file(answers, &registration, present, &config),
        ];
        let named = match &answers.synapse {
            Some(synapse) => naming(synapse, &registration)?,
            None => None,
        };
        let edited = named.as_ref().map(|change| Edited {
            file: change.path.clone(),
            copy: change.before.as_ref().and(change.copy.clone()),
        });
        let changes_homeserver = changes[1..].iter().chain(&named).any(Change::is_needed);
        // Before what it tells of: cut off in between, the change can still be undone.
        let copy = changes[1].copy.clone();
        changes.push(record(answers, path, &registration, copy, edited)?);
        changes.extend(named);
        Ok(Self {
            changes,
            registration,
            config,
            changes_homeserver,
        })
    }
}

/// `daarion.toml`: what is there, else the sample, with what is needed set.
fn configuration(answers: &Answers, path: &Path, tokens: &Tokens) -> anyhow::Result<Change> {
    let present = answers.present.clone();
    let text = present.clone().unwrap_or_else(|| config::SAMPLE.to_owned());
    let mut settings = vec![
        Setting::text("matrix.homeserver_url", &answers.homeserver_url),
        Setting::text("matrix.server_name", &answers.server_name),
    ];
    let wrong = |problem| anyhow::anyhow!("{}: {problem}", path.display());
    for name in ["matrix.as_token", "matrix.hs_token", "internal.secret"] {
        let is_set = |name: &str| -> anyhow::Result<bool> {
            let value = toml_text::get(&text, name).map_err(wrong)?;
            Ok(value.is_some_and(|value| !value.is_empty()))
        };
        if !is_set(name)? && !is_set(&format!("{name}_file"))? {
            let known = tokens.iter().find(|(known, _)| *known == name);
            let value = known.map_or_else(token, |(_, token)| token.clone());
            settings.push(Setting::text(name, &value));
        }
    }
    for wish in &answers.settings {
        settings.retain(|setting| setting.name() != wish.name());
        settings.push(wish.clone());
    }
    Ok(Change {
        path: path.to_owned(),
        before: present,
        after: Some(toml_text::set(&text, &settings).map_err(wrong)?),
        access: Access::Only(own_account()),
        copy: None,
    })
}

/// Keys of the configuration, and what they are in a registration that is there already.
type Tokens = Vec<(&'static str, String)>;

/// The tokens of a registration that was made by hand: other things may use them, too. Those that
/// the configuration would refuse are made anew.
fn tokens(path: &Path, text: Option<&str>) -> anyhow::Result<Tokens> {
    let keys = yaml_list::parse(text.unwrap_or(""))
        .map_err(|refusal| anyhow::anyhow!("{} {refusal}; move it away", path.display()))?;
    let value = |key: &str| keys.get(key).and_then(serde_yaml::Value::as_str);
    if let Some(other) = value("id").filter(|id| *id != app::REGISTRATION_ID) {
        bail!(
            "{} is the registration of {other}; give --registration another path",
            path.display()
        );
    }
    let is_good =
        |token: &&str| token.len() >= SHORTEST_TOKEN && token.chars().all(|c| c.is_ascii_graphic());
    let good = |key: &str| value(key).filter(is_good).map(str::to_owned);
    Ok(match (good("as_token"), good("hs_token")) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            vec![("matrix.as_token", ours), ("matrix.hs_token", theirs)]
        }
        _ => Vec::new(),
    })
}

/// 244 random bits.
fn token() -> String {
    let clock = Clock::system();
    format!("{}{}", clock.uuid().simple(), clock.uuid().simple())
}

fn own_account() -> Option<Account> {
    accounts::is_root()
        .then(|| Account::named(DAARION))
        .flatten()
}

/// Where the registration stands: as it was said, where it stood before, or beside the homeserver's
/// configuration.
fn registration_path(answers: &Answers, config: &Path) -> anyhow::Result<PathBuf> {
    let in_force = match &answers.synapse {
        Some(synapse) => synapse.registration_with_id(app::REGISTRATION_ID)?,
        None => None,
    };
    match (&answers.registration, in_force) {
        (Some(wish), in_force) => {
            let wish = std::path::absolute(wish)?;
            // The homeserver does not start with two registrations of one id.
            if let Some(other) = in_force.filter(|other| *other != wish) {
                bail!(
                    "the homeserver has our registration at {} already; take it back first: \
                     daarion setup --undo",
                    other.display()
                );
            }
            return Ok(wish);
        }
        (None, Some(in_force)) => return Ok(in_force),
        (None, None) => {}
    }
    if let Some(record) = &answers.record {
        return Ok(record.registration.clone());
    }
    let beside = answers
        .synapse
        .as_ref()
        .and_then(|synapse| synapse.files.first())
        .and_then(|file| Some(file.path.parent()?.join("daarion-registration.yaml")));
    Ok(beside.unwrap_or_else(|| config.with_file_name("registration.yaml")))
}

fn registration_file(
    answers: &Answers,
    path: &Path,
    before: Option<String>,
    config: &Config,
) -> Change {
    let after = Some(app::registration(config));
    let is_ours = answers.record.as_ref().is_some_and(|it| it.knows(path));
    let is_replaced = before.is_some() && before != after && !is_ours;
    Change {
        copy: is_replaced.then(|| copy_of(path)),
        path: path.to_owned(),
        before,
        after,
        access: Access::Only(answers.homeserver_account.clone()),
    }
}

/// The change of the homeserver's configuration that names the registration.
fn naming(synapse: &Synapse, registration: &Path) -> anyhow::Result<Option<Change>> {
    let (_, in_force) = synapse.registrations()?;
    let entry = registration
        .to_str()
        .with_context(|| format!("{} is no UTF-8, which YAML needs", registration.display()))?;
    // Where nobody has the key, a file of our own is better than a changed one of the package.
    let own = synapse.directory.as_ref().map(|of| of.join("daarion.yaml"));
    let present = |path: &PathBuf| synapse.files.iter().find(|file| file.path == *path);
    let (path, before) = match (in_force, own) {
        (Some(file), _) => (file.path.clone(), Some(file.text.clone())),
        (None, Some(own)) => {
            let text = present(&own).map(|file| file.text.clone());
            (own, text)
        }
        (None, None) => {
            // Of several files the last one wins, whatever the others say one day.
            let last = synapse
                .files
                .last()
                .context("no homeserver.yaml was given")?;
            (last.path.clone(), Some(last.text.clone()))
        }
    };
    let text = before.as_deref().unwrap_or("");
    let after = yaml_list::add(text, REGISTRATIONS, entry, &COMMENT);
    let after = after.map_err(|refusal| {
        anyhow::anyhow!(
            "{} {refusal}; add this entry by hand: {entry}",
            path.display()
        )
    })?;
    Ok(after.map(|after| Change {
        copy: Some(copy_of(&path)),
        path,
        before,
        after: Some(after),
        access: Access::AsBefore,
    }))
}

/// Not `.yaml` at the end: the homeserver must not read it.
fn copy_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".before-daarion");
    PathBuf::from(name)
}

fn record(
    answers: &Answers,
    config: &Path,
    registration: &Path,
    registration_copy: Option<PathBuf>,
    edited: Option<Edited>,
) -> anyhow::Result<Change> {
    let before = answers.record.clone().unwrap_or_default();
    let kept = before
        .registration_copy
        .filter(|_| before.registration == registration);
    // What earlier runs changed is still to be undone.
    let mut all = before.edited;
    all.retain(|earlier| edited.as_ref().is_none_or(|now| now.file != earlier.file));
    all.extend(edited);
    let files = match &answers.synapse {
        Some(synapse) => synapse.given.clone(),
        None => Vec::new(),
    };
    let record = Record {
        homeserver_config: files,
        registration: registration.to_owned(),
        registration_copy: registration_copy.or(kept),
        edited: all,
    };
    let path = Record::path(config);
    Ok(Change {
        before: change::read(&path)?,
        path,
        after: Some(record.text()),
        access: Access::AsBefore,
        copy: None,
    })
}
