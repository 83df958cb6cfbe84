//! A file that setup wants to write or to remove: shown first, done later.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::accounts::{self, Account};
use super::secrets;

/// What becomes of one file.
#[derive(Clone, Debug)]
pub struct Change {
    pub path: PathBuf,
    /// `None`: there is none.
    pub before: Option<String>,
    /// `None`: it is removed.
    pub after: Option<String>,
    pub access: Access,
    /// Where the text before is kept.
    pub copy: Option<PathBuf>,
}

/// Who may use a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As before; a new one is for everybody to read.
    AsBefore,
    /// It holds secrets: for this account, or for whoever runs the command.
    Only(Option<Account>),
}

/// What stands in a file; `None` when there is none.
pub fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error, "read", path)),
    }
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("")
}

impl Change {
    /// Whether there is anything to be done.
    pub fn is_needed(&self) -> bool {
        self.before != self.after || self.access_differs()
    }

    /// The difference as a patch, without the secrets.
    pub fn patch(&self) -> String {
        let (before, after) = (text(&self.before), text(&self.after));
        // Said once, where the new value stands.
        let (old, new) = (secrets::hide(before, ""), secrets::hide(after, before));
        let name = |text: &Option<String>| match text {
            Some(_) => self.path.display().to_string(),
            None => "/dev/null".to_owned(),
        };
        // What stands around it in another's file may be a secret of many lines.
        let context = match self.access {
            Access::AsBefore => 0,
            Access::Only(_) => 3,
        };
        similar::TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(context)
            .header(&name(&self.before), &name(&self.after))
            .to_string()
    }

    /// Refuses when somebody has changed the file since it was read.
    pub fn expect_unchanged(&self) -> anyhow::Result<()> {
        if read(&self.path)? != self.before {
            let path = self.path.display();
            bail!("{path} has changed meanwhile; nothing was changed, run setup again");
        }
        Ok(())
    }

    /// Does it.
    pub fn apply(&self) -> anyhow::Result<()> {
        if let (Some(copy), Some(before)) = (&self.copy, &self.before) {
            write(copy, before, &self.access, Some(&self.path))?;
        }
        match &self.after {
            Some(text) => write(&self.path, text, &self.access, Some(&self.path)),
            None => std::fs::remove_file(&self.path)
                .map_err(|error| failed(error, "remove", &self.path)),
        }
    }

    fn access_differs(&self) -> bool {
        let Access::Only(account) = &self.access else {
            return false;
        };
        let Ok(file) = std::fs::metadata(&self.path) else {
            return self.after.is_some();
        };
        let is_owned = match account {
            Some(account) if accounts::is_root() => file.uid() == account.uid,
            _ => true,
        };
        !is_owned || file.mode() & 0o077 != 0
    }
}

/// Replaces a file whole: a reader sees the old text or the new one, and never with more rights
/// than it shall have.
fn write(path: &Path, text: &str, access: &Access, like: Option<&Path>) -> anyhow::Result<()> {
    // A link stays a link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = path.with_extension("new-by-daarion");
    let attempt = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&new);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        grant(&new, access, like)?;
        file.sync_all()?;
        std::fs::rename(&new, &path)
    };
    let outcome = attempt();
    if outcome.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    outcome.map_err(|error| failed(error, "write", &path))
}

fn grant(path: &Path, access: &Access, like: Option<&Path>) -> std::io::Result<()> {
    let present = like.and_then(|like| std::fs::metadata(like).ok());
    let (owner, mode) = match (access, present) {
        (Access::AsBefore, Some(present)) => (
            Some((present.uid(), present.gid())),
            present.mode() & 0o7777,
        ),
        (Access::AsBefore, None) => (None, 0o644),
        (Access::Only(account), _) => {
            let account = account.as_ref();
            (account.map(|account| (account.uid, account.gid)), 0o600)
        }
    };
    if let Some((uid, gid)) = owner
        && accounts::is_root()
    {
        std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

fn failed(error: std::io::Error, what: &str, path: &Path) -> anyhow::Error {
    let advice = match error.kind() {
        std::io::ErrorKind::PermissionDenied if !accounts::is_root() => {
            " (setup is run as root: sudo daarion setup)"
        }
        _ => "",
    };
    let path = path.display();
    anyhow::Error::new(error).context(format!("failed to {what} {path}{advice}"))
}
