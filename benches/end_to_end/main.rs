//! What daarion costs and how fast it is, from outside: the release binary as a child process,
//! beside a real Synapse and beside a stub homeserver, everything in one run and one report.
//!
//! `cargo bench --bench end_to_end`, or with `-- --quick` in two minutes on a smaller index,
//! and `-- --only synapse|index|gateway|reference` for one part, `-- --only growth` for an index of
//! ten million messages, which nothing else asks for. The report goes to the standard output and
//! to `target/bench-report.md`; what is happening goes to the standard error stream.

#[path = "../../tests/daarion/mod.rs"]
mod daarion;
#[path = "../../tests/homeserver/mod.rs"]
mod homeserver;

mod gateway;
mod index;
mod ingest;
mod lists;
mod process;
mod reference;
mod report;
mod story;
mod stub;
mod synapse;
mod wire;

use std::path::Path;
use std::time::Duration;

use daarion::DaarionOptions;
use report::Report;

/// How much is measured.
struct Scale {
    name: &'static str,
    /// Messages of one caller, each way.
    sends: usize,
    /// Floods of 32 callers, each way, and how long one takes.
    rounds: u32,
    round: Duration,
    /// Messages in the index, and how many are pushed between two looks at the clock.
    messages: u64,
    step: u64,
    /// Lists of 50 that are asked for.
    lists: u64,
    starts: usize,
    kills: usize,
    gateway: gateway::Scale,
    reference: reference::Scale,
}

const FULL: Scale = Scale {
    name: "full",
    sends: 400,
    rounds: 8,
    round: Duration::from_secs(5),
    messages: 1_000_000,
    step: 40_000,
    lists: 40_000,
    starts: 7,
    kills: 5,
    gateway: gateway::FULL,
    reference: reference::FULL,
};

const QUICK: Scale = Scale {
    name: "quick",
    sends: 60,
    rounds: 4,
    round: Duration::from_secs(2),
    messages: 100_000,
    step: 20_000,
    lists: 8_000,
    starts: 3,
    kills: 2,
    gateway: gateway::QUICK,
    reference: reference::QUICK,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_given = |argument: &str| arguments.iter().any(|given| given == argument);
    let scale = if is_given("--quick") { QUICK } else { FULL };
    let only = arguments.iter().position(|given| given == "--only");
    let only = only.and_then(|at| arguments.get(at + 1)).cloned();
    let runs = |part: &str| only.as_deref().is_none_or(|only| only == part);

    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    let directory = homeserver::temporary("bench");
    let mut lines = process::machine(directory.path());
    lines.push(format!(
        "{}, daarion {} ({}), {} scale",
        chrono::Utc::now().format("%Y-%m-%d"),
        env!("CARGO_PKG_VERSION"),
        if cfg!(debug_assertions) {
            "NOT OPTIMISED"
        } else {
            "release"
        },
        scale.name
    ));
    for line in &lines {
        eprintln!("{line}");
    }
    let mut report = Report::default();
    runtime.block_on(async {
        if runs("synapse") {
            synapse::measure(&mut report, &scale).await;
        }
        if runs("index") {
            index::measure(&mut report, &scale).await;
        }
        if runs("gateway") {
            gateway::measure(&mut report, &scale.gateway).await;
        }
        if runs("reference") {
            reference::measure(&mut report, &scale.reference).await;
        }
        if only.as_deref() == Some("growth") {
            reference::grow(&mut report).await;
        }
    });
    let text = report.markdown(&lines);
    println!("{text}");
    // The last arguments of a run are not worth losing its figures for.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-report.md");
    if let Err(error) = std::fs::write(&path, text) {
        eprintln!("failed to write {}: {error}", path.display());
    }
}

/// Without the limits on requests: one caller stands for many here.
fn unlimited(options: DaarionOptions) -> DaarionOptions {
    let options = DaarionOptions {
        insecure_user_header: false,
        ..options
    };
    ["service", "person", "channel", "key"]
        .into_iter()
        .fold(options, |options, who| {
            options.set(&format!("limits.{who}_per_second"), "1000000")
        })
}
