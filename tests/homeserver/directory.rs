//! Temporary directories that do not pile up: one that its process could not remove (it was
//! killed, or the directory belonged to a static) is removed by the next test process.

use std::fs;
use std::path::Path;
use std::sync::Once;

use tempfile::TempDir;

const PREFIX: &str = "daarion-test-";

/// An empty directory whose name holds `name` and this process's id. The path is short: a unix
/// socket in it must not pass 107 bytes.
pub fn temporary(name: &str) -> TempDir {
    static SWEEP: Once = Once::new();

    SWEEP.call_once(remove_orphans);
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-{name}-", std::process::id()))
        .tempdir()
        .expect("the temporary directory is writable")
}

fn remove_orphans() {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another test process may be removing the same one.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
