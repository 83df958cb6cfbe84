//! This machine: the data directory, its disk, and what of the configuration is unsafe.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{Doctor, Examiner};
use crate::domain::finding::{Check, Finding};
use crate::store;

const MIB: u64 = 1024 * 1024;
/// Below this nothing can be relied on.
const LEAST_FREE: u64 = 100 * MIB;
/// Below this it is time to look.
const LITTLE_FREE: u64 = 1024 * MIB;

impl Doctor {
    pub(super) async fn examine_machine(&self) -> Vec<Finding> {
        let directory = self.patient.data_dir.clone();
        let trial = directory.join(format!(".doctor-{}", self.clock.uuid().simple()));
        let examiner = self.patient.examiner;
        // Disks may hang, and nobody else shall wait for that.
        let looked = tokio::task::spawn_blocking(move || {
            vec![data_dir(&directory, &trial, examiner), disk(&directory)]
        });
        let mut findings = looked.await.unwrap_or_default();
        if self.patient.believes_header {
            findings.push(Finding::warning(
                Check::InsecureUserHeader,
                "whoever reaches listen.public may claim to be anybody",
                "auth.insecure_user_header = false",
            ));
        }
        findings
    }
}

fn data_dir(directory: &Path, trial: &Path, examiner: Examiner) -> Finding {
    const CHECK: Check = Check::DataDir;
    let shown = directory.display();
    let found = match std::fs::metadata(directory) {
        Ok(found) => found,
        Err(error) => {
            let advice = format!("install -d -o daarion -g daarion -m 0700 {shown}");
            return Finding::failed(CHECK, format!("{shown}: {error}"), advice);
        }
    };
    let problem = match examiner {
        Examiner::Daemon => cannot_be_written(directory, trial),
        Examiner::Root { account } => is_anothers(directory, account.unwrap_or(found.uid())),
    };
    if let Some(seen) = problem {
        return Finding::failed(CHECK, seen, format!("chown -R daarion:daarion {shown}"));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let seen = format!("others can look into {shown} (mode {mode:o})");
        return Finding::warning(CHECK, seen, format!("chmod 0700 {shown}"));
    }
    Finding::ok(
        CHECK,
        match examiner {
            Examiner::Daemon => format!("{shown} can be written to, and is closed to others"),
            Examiner::Root { .. } => format!("{shown} is the daemon's, and closed to others"),
        },
    )
}

fn cannot_be_written(directory: &Path, trial: &Path) -> Option<String> {
    let written = std::fs::write(trial, b"").and_then(|()| std::fs::remove_file(trial));
    let error = written.err()?;
    Some(format!(
        "{} cannot be written to: {error}",
        directory.display()
    ))
}

/// Root may write everywhere, so that a trial would show nothing; the owner does.
fn is_anothers(directory: &Path, account: u32) -> Option<String> {
    let paths = [directory.to_owned(), store::file(directory)];
    paths.iter().find_map(|path| {
        let uid = std::fs::metadata(path).ok()?.uid();
        let shown = path.display();
        (uid != account).then(|| format!("{shown} belongs to the account {uid}, not to daarion's"))
    })
}

fn disk(directory: &Path) -> Finding {
    const CHECK: Check = Check::Disk;
    let shown = directory.display();
    let free = match rustix::fs::statvfs(directory) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return Finding::skipped(CHECK, format!("{shown}: {error}")),
    };
    let seen = format!("{} MiB are free below {shown}", free / MIB);
    let advice = format!("make room on the disk of {shown}");
    match free {
        free if free < LEAST_FREE => Finding::failed(CHECK, seen, advice),
        free if free < LITTLE_FREE => Finding::warning(CHECK, seen, advice),
        _ => Finding::ok(CHECK, seen),
    }
}
