//! The reference's processes: PostgreSQL in a directory of its own, and two uvicorn workers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{CHANNELS, ISSUER, KEY};
use crate::homeserver::child::{Child, POLL_INTERVAL, log_tail};
use crate::homeserver::{Port, temporary};
use crate::story::{MEMBERS_OF_A_CHANNEL, SERVER, Story};
use crate::wire::{Connection, get};

pub const HS_TOKEN: &str = "hs-token-of-the-reference";
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const WORKERS: &str = "2";

/// The reference while it runs.
pub struct Stack {
    port: Port,
    service: Child,
    postgres: Child,
    _directory: TempDir,
}

/// Where the programs are.
struct Programs {
    postgres: PathBuf,
    python: PathBuf,
}

impl Stack {
    /// Starts it with so many messages; `None` when it cannot be installed.
    pub async fn start(story: Story, messages: u64) -> Option<Self> {
        let programs = install().await?;
        let directory = temporary("reference");
        let at = directory.path();
        own(at);
        let data = at.join("data");
        let binary = |name: &str| programs.postgres.join(name);
        finish(
            as_postgres(&binary("initdb"))
                .args(["-A", "trust", "-U", "postgres", "-D"])
                .arg(&data),
        );
        let log = at.join("postgres.log");
        let (program, before) = user_of_postgres(&binary("postgres"));
        let postgres = Child::spawn(&program, &log, |command| {
            command
                .args(before)
                .arg("-D")
                .arg(&data)
                .arg("-k")
                .arg(at)
                .args(["-c", "listen_addresses=", "-c", "shared_buffers=512MB"]);
        });
        let psql = || {
            let mut psql = Command::new(binary("psql"));
            psql.arg("-h")
                .arg(at)
                .args(["-U", "postgres", "-q", "-v", "ON_ERROR_STOP=1"]);
            psql
        };
        wait(&log, || {
            let asked = psql().args(["-c", "select 1"]).output();
            asked.is_ok_and(|it| it.status.success())
        })
        .await;
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reference");
        finish(psql().arg("-f").arg(reference.join("schema.sql")));
        let set = |name: &str, value: &dyn std::fmt::Display| format!("--set={name}={value}");
        finish(
            psql()
                .arg(set("channels", &CHANNELS))
                .arg(set("members", &MEMBERS_OF_A_CHANNEL))
                .arg(set("messages", &messages))
                .arg(set("server", &SERVER))
                .arg(set("begun", &story.begun))
                .arg("-f")
                .arg(reference.join("fill.sql")),
        );
        let port = Port::reserve();
        let log = at.join("service.log");
        let database = format!("postgresql://postgres@/postgres?host={}", at.display());
        let service = Child::spawn(&programs.python, &log, |command| {
            command
                .current_dir(&reference)
                .args(["-B", "-m", "uvicorn", "service:app", "--workers", WORKERS])
                .args(["--loop", "uvloop", "--http", "httptools", "--no-access-log"])
                .args([
                    "--log-level",
                    "warning",
                    "--port",
                    &port.number().to_string(),
                ])
                .env("DATABASE_URL", database)
                .env("REFERENCE_SERVER", SERVER)
                .env("REFERENCE_HS_TOKEN", HS_TOKEN)
                .env("REFERENCE_ISSUER", ISSUER)
                .env("REFERENCE_KEY", KEY);
        });
        let deadline = Instant::now() + START_LIMIT;
        while !answers(port.number()).await {
            let tail = log_tail(&log);
            assert!(
                Instant::now() < deadline,
                "the reference does not start: {tail}"
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Some(Self {
            port,
            service,
            postgres,
            _directory: directory,
        })
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its two processes that have started all others.
    pub fn pids(&self) -> [u32; 2] {
        [self.service.pid(), self.postgres.pid()]
    }

    /// Ends it, the one that asks first.
    pub async fn stop(mut self) {
        self.service.terminate(STOP_LIMIT).await;
        self.postgres.terminate(STOP_LIMIT).await;
    }
}

async fn answers(port: u16) -> bool {
    let Ok(mut connection) = Connection::open(port).await else {
        return false;
    };
    let answer = connection.exchange(&get("/openapi.json", "")).await;
    answer.is_ok_and(|answer| answer.status == 200)
}

async fn wait(log: &Path, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + START_LIMIT;
    while !is_so() {
        let tail = log_tail(log);
        assert!(
            Instant::now() < deadline,
            "PostgreSQL does not start: {tail}"
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// PostgreSQL refuses to run as root: then it is the user `postgres` who runs it.
fn user_of_postgres(program: &Path) -> (PathBuf, Vec<String>) {
    if !is_root() {
        return (program.to_owned(), Vec::new());
    }
    // Another user's process loses the signal that it was to get at its parent's end.
    let program = program.display().to_string();
    let before = [
        "--pdeathsig",
        "KILL",
        "--reuid",
        "postgres",
        "--regid",
        "postgres",
        "--clear-groups",
        "--",
        &program,
    ];
    (PathBuf::from("setpriv"), before.map(str::to_owned).into())
}

fn as_postgres(program: &Path) -> Command {
    let (program, before) = user_of_postgres(program);
    let mut command = Command::new(program);
    command.args(before);
    command
}

/// Gives a directory to the user who runs PostgreSQL.
fn own(directory: &Path) {
    if is_root() {
        finish(Command::new("chown").arg("postgres").arg(directory));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.starts_with(b"0\n"))
}

fn finish(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {problem}");
}

async fn install() -> Option<Programs> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("benches/reference/install.sh");
    let mut command = tokio::process::Command::new(script);
    let installed = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .await;
    let installed = installed.ok().filter(|it| it.status.success())?;
    let postgres = String::from_utf8(installed.stdout).ok()?;
    Some(Programs {
        postgres: PathBuf::from(postgres.trim()),
        python: root.join("target/reference/venv/bin/python"),
    })
}
