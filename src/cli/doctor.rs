//! `daarion doctor`: through the daemon when it is up; what can be seen without it when it is down.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use reqwest::Method;
use serde_json::Value;

use super::client::Daemon;
use super::output::Output;
use super::setup::accounts::{self, Account, DAARION};
use super::setup::record::Record;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Source};
use crate::domain::finding::{Check, Examination, Finding, Outcome, worst};
use crate::service::doctor::Examiner;
use crate::web::admin::doctor_json;

/// Prints the findings; fails when one of them is a failure.
pub async fn run(
    path: &Path,
    socket: Result<PathBuf, ConfigError>,
    load: &dyn Fn() -> Result<Config, ConfigError>,
    output: Output,
) -> anyhow::Result<()> {
    let mut report = match socket {
        Ok(socket) => examine(path, &socket, load).await?,
        Err(error) => alone(wrong(path, &error)),
    };
    for holder in holders_of_secrets(path, load) {
        if let Some(finding) = readable_by_others(&holder) {
            add(&mut report, &finding);
        }
    }
    if output.json {
        output.value(&report)?;
    } else {
        show(&report, output)?;
    }
    if report["status"] == "failed" {
        bail!("something is wrong; each line above that says so names what mends it");
    }
    Ok(())
}

async fn examine(
    path: &Path,
    socket: &Path,
    load: &dyn Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<Value> {
    if let Some(daemon) = Daemon::find(socket).await? {
        let mut report = daemon.ask(Method::POST, "/doctor", None).await?;
        // It runs with what it has read. What is not found may be where only it finds it:
        // among its credentials, or in its environment.
        match load() {
            Ok(_) | Err(ConfigError::NoCredentials { .. } | ConfigError::Missing { .. }) => {}
            Err(error) => add(&mut report, &wrong(path, &error)),
        }
        return Ok(report);
    }
    let config = match load() {
        Ok(config) => config,
        Err(error) => return Ok(alone(wrong(path, &error))),
    };
    let is_down = Finding::failed(
        Check::Daemon,
        format!("nobody answers at {}", socket.display()),
        "systemctl start daarion, and look into journalctl -u daarion",
    );
    let examiner = match accounts::is_root() {
        true => Examiner::Root {
            account: Account::named(DAARION).map(|account| account.uid),
        },
        false => Examiner::Daemon,
    };
    let doctor = Arc::new(App::doctor(&config, examiner)?);
    let mut examination = doctor.examine().await?.as_ref().clone();
    examination.findings.insert(0, is_down);
    Ok(doctor_json(&examination))
}

/// What is wrong with the configuration.
fn wrong(path: &Path, error: &ConfigError) -> Finding {
    let advice = match error {
        ConfigError::Missing { .. } => "daarion setup".to_owned(),
        ConfigError::NoCredentials { .. } => "systemctl start daarion, or name the directory of \
             the files of LoadCredential=: sudo CREDENTIALS_DIRECTORY=/etc/daarion daarion doctor"
            .to_owned(),
        ConfigError::Unreadable { .. } if is_closed_to_us(path) => "sudo daarion doctor".to_owned(),
        _ => format!("mend {}", path.display()),
    };
    Finding::failed(Check::Configuration, error.to_string(), advice)
}

/// It holds tokens, so not everybody may read it.
fn is_closed_to_us(path: &Path) -> bool {
    let read = std::fs::File::open(path);
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// All that could be found.
fn alone(finding: Finding) -> Value {
    doctor_json(&Examination {
        at: Clock::system().now(),
        findings: vec![finding],
    })
}

/// The files with secrets in them: the configuration, what it leads to, and the registration.
fn holders_of_secrets(
    path: &Path,
    load: &dyn Fn() -> Result<Config, ConfigError>,
) -> BTreeSet<PathBuf> {
    let mut holders = BTreeSet::from([path.to_owned()]);
    let settings = load().map(|config| config::settings(&config));
    for setting in settings.unwrap_or_default() {
        if let Source::SecretFile(file) = setting.source {
            holders.insert(file);
        }
    }
    let record = Record::read(path).ok().flatten();
    holders.extend(record.map(|record| record.registration));
    holders
}

fn readable_by_others(path: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let shown = path.display();
    // A group may be the account's own.
    (mode & 0o007 != 0).then(|| {
        let seen = format!("others can read {shown} (mode {mode:o}), which holds secrets");
        Finding::warning(Check::Configuration, seen, format!("chmod o= {shown}"))
    })
}

fn add(report: &mut Value, finding: &Finding) {
    let more = alone(finding.clone());
    if let Some(findings) = report["findings"].as_array_mut() {
        findings.extend(more["findings"].as_array().cloned().unwrap_or_default());
    }
    let worse = worst(std::slice::from_ref(finding));
    if report["status"] == "ok" || worse == Outcome::Failed {
        report["status"] = worse.as_str().into();
    }
}

fn show(report: &Value, output: Output) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    for finding in report["findings"].as_array().into_iter().flatten() {
        let (status, check) = (text(&finding["status"]), text(&finding["id"]));
        output.line(format!(
            "{status:<8} {check:<21} {}",
            text(&finding["seen"])
        ))?;
        if let Some(advice) = finding["advice"].as_str() {
            output.line(format!("{:<8} {:<21} -> {advice}", "", ""))?;
        }
    }
    Ok(())
}
