//! A mount namespace of a test's own: what it mounts nobody else sees, and is gone with it.

use std::process::Command;

/// Set in the process that has one.
const INSIDE: &str = "DAARION_TEST_OWN_MOUNTS";

/// Runs the story of a test in a process that may mount what it likes: the test binary once more,
/// with this one test. `test` is its path in the binary.
pub fn with_own_mounts(test: &str, story: impl Future<Output = ()>) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(story);
        return;
    }
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user"]).args(arguments);
        command
    };
    let allowed = unshare(&["true"]).status();
    assert!(
        allowed.is_ok_and(|status| status.success()),
        "this machine does not let us mount for ourselves: be root, or allow user namespaces"
    );
    let itself = std::env::current_exe().expect("a test binary");
    let itself = itself.to_str().expect("a path in UTF-8");
    let status = unshare(&[itself, "--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.expect("unshare runs").success(), "see above");
}

/// Mounts; the arguments are those of mount(8).
pub fn mount(arguments: &[&str]) {
    let status = Command::new("mount").args(arguments).status();
    assert!(status.expect("mount runs").success(), "{arguments:?}");
}
