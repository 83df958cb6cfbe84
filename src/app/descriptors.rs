//! How many files and connections the process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What is counted on where there is no limit.
const PLENTY: usize = 65_536;

/// Raises the soft limit, which is low for the sake of programs that use `select`, to the hard
/// one. Says what is in force then.
pub fn raise() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(PLENTY as u64).min(PLENTY as u64);
    if limit.current.is_some_and(|current| current < wanted) {
        let before = limit.current;
        limit.current = Some(wanted);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files stays as it is");
            limit.current = before;
        }
    }
    let current = limit
        .current
        .and_then(|current| usize::try_from(current).ok());
    current.unwrap_or(PLENTY).min(PLENTY)
}
