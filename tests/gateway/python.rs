//! A Python with what others wrote for those on the other side: `install.sh` puts it into
//! `target/nio/venv`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/install.sh");

pub async fn python() -> PathBuf {
    let venv = std::env::var_os("DAARION_NIO_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/nio/venv"),
        PathBuf::from,
    );
    let venv = std::path::absolute(venv).expect("the current directory is known");
    let install = Command::new(INSTALL)
        .env("DAARION_NIO_VENV", &venv)
        .status();
    let status = install.await.expect("install.sh can be run");
    assert!(status.success(), "install.sh failed: {status}");
    venv.join("bin/python")
}
