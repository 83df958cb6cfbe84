//! The real daarion binary as a child process, with a configuration, data and ports of its own.
//!
//! Begin with [`World::start`], which gives a homeserver and a daarion that know each other, or
//! with [`shared_world`] when the test breaks neither; [`Daarion::prepare`] alone is for tests of
//! the start itself. A test binary declares `mod daarion;` and `mod homeserver;`, both.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary compiles this module and uses its own part of it"
)]

mod caller;
mod config;
mod rounds;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use reqwest::Method;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::homeserver::child::{Child, POLL_INTERVAL, Signal, log_tail};
use crate::homeserver::http::{Http, exchange};
use crate::homeserver::{Port, temporary, unique};
use config::Toml;

pub use caller::{Caller, WebSocket};
pub use config::DaarionOptions;
pub use rounds::in_most_rounds;
pub use world::{World, WorldOptions, shared_world};

const START_LIMIT: Duration = Duration::from_secs(30);
/// daarion promises to end within 10 s of SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// Dropping it kills the process and removes the data.
#[derive(Debug)]
pub struct Daarion {
    public: Port,
    internal: Port,
    secret: String,
    as_token: String,
    hs_token: String,
    environment: Mutex<Vec<(String, String)>>,
    /// Dropped before the directory that it writes to.
    process: Mutex<Option<Child>>,
    directory: TempDir,
}

impl Daarion {
    /// A running daarion that is ready.
    pub async fn start(options: &DaarionOptions) -> Self {
        let daarion = Self::prepare(options);
        daarion.launch().await;
        daarion
    }

    /// A daarion with its configuration file, not yet running: see [`Self::launch`].
    pub fn prepare(options: &DaarionOptions) -> Self {
        let daarion = Self {
            public: Port::reserve(),
            internal: Port::reserve(),
            secret: unique("internal-secret-of-a-test"),
            as_token: unique("application-service-token-of-a-test"),
            hs_token: unique("homeserver-token-of-a-test"),
            environment: Mutex::new(options.environment.clone()),
            process: Mutex::new(None),
            directory: temporary("daarion"),
        };
        daarion.write_configuration(options);
        daarion
    }

    /// Starts the process and waits until it is ready.
    pub async fn launch(&self) {
        self.spawn();
        self.wait_until_ready().await;
    }

    /// Starts the process and waits for nothing.
    pub fn spawn(&self) {
        let child = Child::spawn(&binary(), &self.log_path(), |command| {
            command
                .arg("serve")
                .arg("--config")
                .arg(self.config_path())
                .current_dir(self.directory.path())
                .env_clear()
                .envs(self.environment());
        });
        let previous = self.process().replace(child);
        assert!(previous.is_none(), "daarion runs already");
    }

    pub async fn wait_until_ready(&self) {
        let http = Http::without_pool(&self.public(""));
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let answer = exchange(http.builder(Method::GET, "/readyz"), None).await;
            if matches!(&answer, Ok((status, _)) if *status == 200) {
                return;
            }
            let ended = self.process().as_mut().and_then(Child::exit_status);
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "daarion is not ready ({ended:?}; {answer:?}); its log ends:\n{}",
                self.log_tail()
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// SIGTERM, and waits for the end.
    pub async fn terminate(&self) -> ExitStatus {
        let mut child = self.take_process();
        child.terminate(STOP_LIMIT).await
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.take_process().kill();
    }

    /// Starts on the same data and ports, after a SIGTERM if it still runs.
    pub async fn restart(&self) {
        if self.is_running() {
            self.terminate().await;
        }
        self.launch().await;
    }

    /// SIGSTOP: connections stay open, nothing answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT, after [`Self::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Whether it was started and has not ended by itself.
    pub fn is_running(&self) -> bool {
        let mut process = self.process();
        process
            .as_mut()
            .is_some_and(|child| child.exit_status().is_none())
    }

    /// The process, for what only `/proc` tells.
    pub fn pid(&self) -> u32 {
        self.process().as_ref().expect("daarion runs").pid()
    }

    /// Runs another command of the binary with the same configuration, and waits for its end.
    pub async fn run_cli(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::new(binary())
            .args(arguments)
            .arg("--config")
            .arg(self.config_path())
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.environment())
            .kill_on_drop(true)
            .output()
            .await
            .expect("the binary can be run")
    }

    /// As [`Self::run_cli`], with a standard output of the test's.
    pub async fn run_cli_into(&self, arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
        let child = tokio::process::Command::new(binary())
            .args(arguments)
            .arg("--config")
            .arg(self.config_path())
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.environment())
            .kill_on_drop(true)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        child.wait_with_output().await.expect("it ends")
    }

    /// As [`Self::run_cli`], with something on the standard input.
    pub async fn run_cli_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = tokio::process::Command::new(binary())
            .args(arguments)
            .arg("--config")
            .arg(self.config_path())
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.environment())
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that refuses its arguments does not read.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.expect("it ends")
    }

    /// As [`Self::run_cli`], on a terminal of its own, with the answers to its prompts. The
    /// standard output is what the terminal showed.
    pub async fn run_cli_on_terminal(
        &self,
        arguments: &[&str],
        answers: &[(&str, &str)],
    ) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/daarion/terminal.py");
        tokio::process::Command::new("python3")
            .arg(script)
            .arg(serde_json::json!(answers).to_string())
            .arg(binary())
            .args(arguments)
            .arg("--config")
            .arg(self.config_path())
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.environment())
            .kill_on_drop(true)
            .output()
            .await
            .expect("Python can be run")
    }

    /// Runs another command of the binary and waits for nothing, so that it can be killed.
    /// What it prints goes to daarion's log.
    pub fn spawn_cli(&self, arguments: &[&str]) -> Child {
        Child::spawn(&binary(), &self.log_path(), |command| {
            command
                .args(arguments)
                .arg("--config")
                .arg(self.config_path())
                .current_dir(self.directory.path())
                .env_clear()
                .envs(self.environment());
        })
    }

    /// The registration that the homeserver needs, as `daarion registration show` prints it.
    pub async fn registration(&self) -> String {
        let output = self.run_cli(&["registration", "show"]).await;
        assert!(
            output.status.success(),
            "registration show failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("YAML is UTF-8")
    }

    /// A variable for the next start and for [`Self::run_cli`].
    pub fn set_environment(&self, name: &str, value: &str) {
        let mut environment = self.environment.lock().expect("no holder panics");
        environment.push((name.into(), value.into()));
    }

    /// The URL of a path on the public listener.
    pub fn public(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.public.number())
    }

    /// The URL of a path on the internal listener.
    pub fn internal(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.internal.number())
    }

    /// A service that acts for `entity` on the public listener: the secret and `X-User-Id`.
    pub fn api_as(&self, entity: &str) -> Caller {
        Caller::new(&self.public(""))
            .with_header("x-internal-service-token", &self.secret)
            .with_header("x-user-id", entity)
    }

    /// A service on the internal listener: the secret alone.
    pub fn service(&self) -> Caller {
        Caller::new(&self.internal("")).with_header("x-internal-service-token", &self.secret)
    }

    /// The homeserver on the internal listener.
    pub fn as_homeserver(&self) -> Caller {
        Caller::new(&self.internal(""))
            .with_header("authorization", &format!("Bearer {}", self.hs_token))
    }

    /// Somebody without any credential on the public listener.
    pub fn anonymous(&self) -> Caller {
        Caller::new(&self.public(""))
    }

    /// Somebody without any credential on the internal listener.
    pub fn anonymous_internal(&self) -> Caller {
        Caller::new(&self.internal(""))
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }

    pub fn as_token(&self) -> &str {
        &self.as_token
    }

    pub fn hs_token(&self) -> &str {
        &self.hs_token
    }

    pub fn config_path(&self) -> PathBuf {
        self.file("daarion.toml")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.file("data")
    }

    pub fn admin_socket(&self) -> PathBuf {
        self.file("admin.sock")
    }

    /// All that it logged since it was prepared.
    pub fn log(&self) -> String {
        fs::read(self.log_path()).map_or_else(
            |_| String::new(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    pub fn log_tail(&self) -> String {
        log_tail(&self.log_path())
    }

    /// Writes the configuration anew, for the next start: same tokens, ports and data.
    pub fn write_configuration(&self, options: &DaarionOptions) {
        let mut toml = Toml::default();
        toml.set_text("data_dir", &text(&self.data_dir()));
        toml.set("listen.public", listener(&self.public));
        toml.set("listen.internal", listener(&self.internal));
        toml.set_text("listen.admin", &text(&self.admin_socket()));
        toml.set_text("matrix.homeserver_url", &options.homeserver_url);
        toml.set_text("matrix.server_name", &options.server_name);
        toml.set_text("matrix.as_token", &self.as_token);
        toml.set_text("matrix.hs_token", &self.hs_token);
        let connector_url = options.connector_url.clone();
        toml.set_text(
            "matrix.connector_url",
            &connector_url.unwrap_or_else(|| self.internal("")),
        );
        toml.set_text("matrix.heal_interval", &options.heal_interval);
        toml.set_text("internal.secret", &self.secret);
        toml.set(
            "auth.insecure_user_header",
            options.insecure_user_header.to_string(),
        );
        toml.set("auth.operators", "[\"user:operator\"]");
        // All tests of a world are one service.
        toml.set("limits.service_per_second", "100000");
        toml.set("limits.person_per_second", "100000");
        toml.set("limits.channel_per_second", "100000");
        toml.set("limits.key_per_second", "100000");
        for (key, value) in &options.settings {
            toml.set(key, value.as_str());
        }
        let path = self.config_path();
        fs::write(&path, toml.render() + &options.extra_toml)
            .unwrap_or_else(|error| panic!("failed to write {}: {error}", path.display()));
    }

    /// Nothing of the caller's environment but what a process needs to run.
    fn environment(&self) -> Vec<(String, String)> {
        let kept = ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"];
        let mut environment: Vec<_> = kept
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
            .collect();
        environment.push(("RUST_BACKTRACE".into(), "1".into()));
        let own = self.environment.lock().expect("no holder panics");
        environment.extend(own.iter().cloned());
        environment
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log_path(&self) -> PathBuf {
        self.file("daarion.log")
    }

    fn signal(&self, signal: Signal) {
        let mut process = self.process();
        process.as_mut().expect("daarion runs").signal(signal);
    }

    fn take_process(&self) -> Child {
        self.process().take().expect("daarion runs")
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().expect("no holder of the lock panics")
    }
}

/// The binary that Cargo built for this test, or `$DAARION_TEST_BINARY` (a packaged one).
fn binary() -> PathBuf {
    std::env::var_os("DAARION_TEST_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_daarion").into(), PathBuf::from)
}

fn listener(port: &Port) -> String {
    format!("[\"127.0.0.1:{}\"]", port.number())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
