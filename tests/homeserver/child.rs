//! A server as a child process: its output in a log file, its end certain.
//!
//! Tests end by panic, by Ctrl-C or by SIGKILL, and statics are never dropped, so the kernel is
//! asked to kill each child when its parent dies. That signal fires when the parent *thread* ends;
//! therefore every child is started by one thread that lives as long as the process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// How often a condition is looked at while waiting for it.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts `program` with both outputs appended to `log`. `configure` adds arguments and
    /// environment.
    pub fn spawn(program: &Path, log: &Path, configure: impl FnOnce(&mut Command)) -> Self {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log file can be opened");
        // setpriv (util-linux) sets the signal and then becomes the program, with the same pid.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        configure(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file handle can be cloned"))
            .stderr(output);
        let process = spawn_on_keeper(command)
            .unwrap_or_else(|error| panic!("failed to start {}: {error}", program.display()));
        Self {
            process,
            log: log.to_owned(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The exit status, if the process has ended.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("a child can be waited for")
    }

    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_some() {
            return;
        }
        // Not yet reaped, so the pid cannot belong to another process.
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).expect("a child of ours can be signalled");
    }

    /// SIGTERM, then waits for the end; panics with the log's tail when `limit` passes.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.exit_status() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "process {} ignored SIGTERM for {limit:?}; its log ends:\n{}",
                self.pid(),
                log_tail(&self.log)
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// SIGKILL, and waits the moment that the kernel needs.
    pub fn kill(&mut self) {
        if self.exit_status().is_none() {
            self.process.kill().expect("a child of ours can be killed");
            self.process.wait().expect("a child can be waited for");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last lines of a log, for panic messages.
pub fn log_tail(log: &Path) -> String {
    const LINES: usize = 60;

    let text = fs::read(log).map_or_else(
        |error| format!("({}: {error})", log.display()),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    );
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn spawn_on_keeper(command: Command) -> io::Result<std::process::Child> {
    type Job = (Command, mpsc::Sender<io::Result<std::process::Child>>);
    static KEEPER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();

    let keeper = KEEPER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name("children".into())
            .spawn(move || {
                for (mut command, answer) in jobs {
                    // A caller that is gone drops the child, which the next line then ends.
                    if let Err(mpsc::SendError(Ok(mut orphan))) = answer.send(command.spawn()) {
                        let _ = orphan.kill();
                    }
                }
            })
            .expect("a thread can be started");
        sender
    });
    let (answer, child) = mpsc::channel();
    keeper
        .send((command, answer))
        .expect("the keeper lives as long as the process");
    child.recv().expect("the keeper answers every job")
}
