//! The accounts of this machine, as far as files are given to them.
//!
//! Read from `/etc/passwd`: the accounts of packages are made there, and a look-up in a directory
//! service would need the C library.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The account of the package.
pub const DAARION: &str = "daarion";

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The account with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::read()
            .into_iter()
            .find(|account| account.name == name)
    }

    /// The account with a number.
    pub fn numbered(uid: u32) -> Option<Self> {
        Self::read().into_iter().find(|account| account.uid == uid)
    }

    /// The owner of a file, unless that is root.
    pub fn owner_of(path: &Path) -> Option<Self> {
        let uid = std::fs::metadata(path).ok()?.uid();
        (uid != 0).then(|| Self::numbered(uid)).flatten()
    }

    fn read() -> Vec<Self> {
        let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        text.lines().filter_map(Self::parse).collect()
    }

    /// A line `name:password:uid:gid:…`.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        Some(Self {
            name: fields.next().filter(|name| !name.is_empty())?.to_owned(),
            uid: fields.nth(1)?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    }
}

/// Whether this process may give files to others.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_passwd_is_read() {
        let account = Account::parse("matrix-synapse:x:105:65534::/var/lib/matrix-synapse:/bin/sh");
        let account = account.expect("a line of passwd");
        assert_eq!((account.uid, account.gid), (105, 65534));
        assert_eq!(Account::parse("# a comment"), None);
    }
}
