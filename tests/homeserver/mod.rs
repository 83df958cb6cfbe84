//! A real Synapse for a test: fresh data, a port of its own, no outside world, no rate limits.
//!
//! Begin with [`Homeserver::start`], then [`Homeserver::register_user`]. It can be stopped, killed
//! and started again on the same data and port. `install.sh` brings Synapse itself (once, by the
//! first test that needs it); `base.yaml` holds the settings that never differ.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary compiles this module and uses its own part of it"
)]

pub mod child;
mod directory;
pub mod http;
pub mod mounts;
mod port;
mod user;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use child::{Child, POLL_INTERVAL, Signal, log_tail};
use http::{Http, exchange};

pub use directory::temporary;
pub use http::path;
pub use port::Port;
pub use user::MatrixUser;

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct HomeserverOptions {
    pub server_name: String,
    /// Reserved beforehand when somebody must know the address before the start.
    pub port: Option<Port>,
    /// The YAML text of an application service's registration.
    pub registration: Option<String>,
    /// Settings that replace those of `base.yaml`, top-level key by top-level key.
    pub settings: Value,
}

impl Default for HomeserverOptions {
    fn default() -> Self {
        Self {
            server_name: "test.localhost".into(),
            port: None,
            registration: None,
            settings: json!({}),
        }
    }
}

/// Dropping it kills the process and removes the data.
#[derive(Debug)]
pub struct Homeserver {
    server_name: String,
    port: Port,
    base_url: String,
    shared_secret: String,
    python: PathBuf,
    admin: OnceCell<MatrixUser>,
    /// Dropped before the directory that it writes to.
    process: Mutex<Option<Child>>,
    directory: TempDir,
}

impl Homeserver {
    /// A running homeserver.
    pub async fn start(options: HomeserverOptions) -> Self {
        let homeserver = Self::prepare(options).await;
        homeserver.launch().await;
        homeserver
    }

    /// A homeserver with its data and configuration, not yet running: see [`Self::launch`].
    pub async fn prepare(options: HomeserverOptions) -> Self {
        let venv = installed().await;
        let port = options.port.unwrap_or_else(Port::reserve);
        let homeserver = Self {
            base_url: format!("http://127.0.0.1:{}", port.number()),
            server_name: options.server_name,
            port,
            shared_secret: unique("shared-secret"),
            python: venv.join("bin/python"),
            admin: OnceCell::new(),
            process: Mutex::new(None),
            directory: temporary("homeserver"),
        };
        homeserver.write_configuration(options.registration.as_deref(), &options.settings);
        let empty = venv.join("homeserver.db");
        fs::copy(&empty, homeserver.file("homeserver.db"))
            .unwrap_or_else(|error| panic!("failed to copy {}: {error}", empty.display()));
        homeserver
    }

    /// Starts the process and waits until it answers.
    pub async fn launch(&self) {
        let child = Child::spawn(&self.python, &self.log_path(), |command| {
            command
                .args(["-m", "synapse.app.homeserver", "-c"])
                .arg(source("base.yaml"))
                .arg("-c")
                .arg(self.file("homeserver.yaml"))
                .current_dir(self.directory.path());
        });
        let previous = self.process().replace(child);
        assert!(previous.is_none(), "the homeserver runs already");

        let http = Http::without_pool(&self.base_url);
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let request = http.builder(Method::GET, "/_matrix/client/versions");
            if exchange(request, None)
                .await
                .is_ok_and(|(status, _)| status.is_success())
            {
                return;
            }
            let ended = self.process().as_mut().and_then(Child::exit_status);
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the homeserver did not start ({ended:?}); its log ends:\n{}",
                self.log_tail()
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// SIGTERM, and waits for the end.
    pub async fn stop(&self) {
        let mut child = self.take_process();
        child.terminate(STOP_LIMIT).await;
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub fn kill(&self) {
        self.take_process().kill();
    }

    /// Starts on the same data and port, after a stop if it still runs.
    pub async fn restart(&self) {
        if self.is_running() {
            self.stop().await;
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

    pub fn is_running(&self) -> bool {
        self.process().is_some()
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// The last lines that Synapse logged, at level WARNING.
    pub fn log_tail(&self) -> String {
        log_tail(&self.log_path())
    }

    /// Makes an account through the shared-secret registration of Synapse's admin API.
    pub async fn register_user(&self, localpart: &str, password: &str) -> MatrixUser {
        self.register(localpart, password, false).await
    }

    /// The token of an administrator, made at the first call.
    pub async fn admin_token(&self) -> String {
        let admin = self
            .admin
            .get_or_init(|| self.register("homeserver-admin", "admin-password", true))
            .await;
        admin.access_token.clone()
    }

    /// Closes somebody's account without daarion, as an administrator does.
    pub async fn close_account(&self, user_id: &str) {
        let path = http::path(&["_synapse", "admin", "v1", "deactivate", user_id]);
        self.administer(Method::POST, &path, json!({ "erase": false }))
            .await;
    }

    /// Locks somebody's account, or opens it again.
    pub async fn lock_account(&self, user_id: &str, locked: bool) {
        let path = http::path(&["_synapse", "admin", "v2", "users", user_id]);
        self.administer(Method::PUT, &path, json!({ "locked": locked }))
            .await;
    }

    async fn administer(&self, method: Method, path: &str, body: Value) {
        let request = Http::new(&self.base_url).builder(method, path);
        let request = request.bearer_auth(self.admin_token().await);
        let (status, answer) = exchange(request, Some(&body))
            .await
            .expect("the homeserver answers");
        assert!(status.is_success(), "{path} was refused: {answer}");
    }

    async fn register(&self, localpart: &str, password: &str, is_admin: bool) -> MatrixUser {
        const PATH: &str = "/_synapse/admin/v1/register";

        let http = Http::new(&self.base_url);
        let (_, answer) = exchange(http.builder(Method::GET, PATH), None)
            .await
            .expect("the homeserver answers");
        let nonce = answer["nonce"].as_str().expect("a nonce was asked for");
        let role = if is_admin { "admin" } else { "notadmin" };
        let body = json!({
            "nonce": nonce,
            "username": localpart,
            "password": password,
            "admin": is_admin,
            "mac": self.mac(&[nonce, localpart, password, role]),
        });
        let (status, answer) = exchange(http.builder(Method::POST, PATH), Some(&body))
            .await
            .expect("the homeserver answers");
        assert!(status.is_success(), "{localpart} was refused: {answer}");
        let field = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        MatrixUser {
            user_id: field("user_id"),
            access_token: field("access_token"),
            password: password.to_owned(),
            client: http,
        }
    }

    /// HMAC-SHA1 over the fields with NUL between them, as the registration API demands.
    fn mac(&self, fields: &[&str]) -> String {
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(self.shared_secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(fields.join("\0").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// JSON is YAML, too.
    fn write_configuration(&self, registration: Option<&str>, settings: &Value) {
        let mut configuration = json!({
            "server_name": self.server_name,
            "public_baseurl": format!("{}/", self.base_url),
            "pid_file": self.file("homeserver.pid"),
            "registration_shared_secret": self.shared_secret,
            "macaroon_secret_key": unique("macaroon"),
            "form_secret": unique("form"),
            "media_store_path": self.file("media"),
            "log_config": self.file("log.yaml"),
            "app_service_config_files": [],
            "database": {
                "name": "sqlite3",
                "args": { "database": self.file("homeserver.db") },
            },
            "listeners": [{
                "type": "http",
                "tls": false,
                "port": self.port.number(),
                "bind_addresses": ["127.0.0.1"],
                "resources": [{ "names": ["client", "openid"], "compress": false }],
            }],
        });
        if let Some(registration) = registration {
            let file = self.file("registration.yaml");
            write(&file, registration);
            configuration["app_service_config_files"] = json!([file]);
        }
        for (key, value) in settings.as_object().into_iter().flatten() {
            configuration[key] = value.clone();
        }
        let log = json!({
            "version": 1,
            "disable_existing_loggers": false,
            "formatters": {
                "line": { "format": "%(asctime)s %(levelname)s %(name)s: %(message)s" },
            },
            "handlers": {
                "file": {
                    "class": "logging.FileHandler",
                    "filename": self.log_path(),
                    "formatter": "line",
                },
            },
            "root": { "level": "WARNING", "handlers": ["file"] },
        });
        write(&self.file("log.yaml"), &log.to_string());
        write(&self.file("homeserver.yaml"), &configuration.to_string());
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log_path(&self) -> PathBuf {
        self.file("homeserver.log")
    }

    fn signal(&self, signal: Signal) {
        let mut process = self.process();
        process
            .as_mut()
            .expect("the homeserver runs")
            .signal(signal);
    }

    fn take_process(&self) -> Child {
        self.process().take().expect("the homeserver runs")
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().expect("no holder of the lock panics")
    }
}

/// `name`, and a suffix that no other call on this machine gives.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);

    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{number}", std::process::id())
}

/// The virtual environment, after `install.sh` has had its say (nothing, when it is complete).
async fn installed() -> PathBuf {
    static VENV: OnceCell<PathBuf> = OnceCell::const_new();

    VENV.get_or_init(|| async {
        let venv = std::env::var_os("DAARION_SYNAPSE_VENV").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/synapse/venv"),
            PathBuf::from,
        );
        let venv = std::path::absolute(venv).expect("the current directory is known");
        let status = tokio::process::Command::new(source("install.sh"))
            .env("DAARION_SYNAPSE_VENV", &venv)
            .status()
            .await
            .expect("install.sh can be run");
        assert!(status.success(), "install.sh failed: {status}");
        venv
    })
    .await
    .clone()
}

/// A file beside this one.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/homeserver")
        .join(name)
}

fn write(path: &Path, text: &str) {
    fs::write(path, text)
        .unwrap_or_else(|error| panic!("failed to write {}: {error}", path.display()));
}
