//! Measures the store on a file: what an append costs, how fast the index follows, how long
//! opening takes and how much memory it keeps.
//!
//! `cargo bench --bench store` fills an index of 1,000,000 messages (some minutes and 2 GB of
//! disk under `target`); `cargo bench --bench store -- --quick` one of 50,000. The figures in
//! the documentation of `store::redb` come from here.

#[path = "store/fill.rs"]
mod fill;
#[path = "store/opening.rs"]
mod opening;
#[path = "store/reads.rs"]
mod reads;
#[path = "store/samples.rs"]
mod samples;
#[path = "store/writes.rs"]
mod writes;

use std::path::Path;
use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Size {
    pub messages: u64,
    pub rounds: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let ["--child", deed, path] = arguments[..] {
        return runtime.block_on(opening::child(deed, Path::new(path)));
    }
    let size = if arguments.contains(&"--quick") {
        Size {
            messages: 50_000,
            rounds: 100,
        }
    } else {
        Size {
            messages: 1_000_000,
            rounds: 1_000,
        }
    };
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    runtime.block_on(measure(directory.path(), size));
}

async fn measure(directory: &Path, size: Size) {
    heading("machine");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    row("cores", cores);
    row(
        "one write and fdatasync of 4 KiB",
        micros(samples::sync_time(directory)),
    );
    let store = fill::fill(directory, size).await;
    writes::measure(&store, size).await;
    reads::measure(&store, size).await;
    fill::rebuild(&store).await;
    store.closer.close().await;
    drop(store);
    opening::measure(directory, size).await;
}

/// Begins a part of the report.
pub fn heading(text: &str) {
    println!("\n## {text}");
}

/// One line of the report.
pub fn row(name: &str, value: impl std::fmt::Display) {
    println!("{name:<58} {value}");
}

/// A duration as the report shows it.
pub fn micros(duration: Duration) -> String {
    match duration.as_micros() {
        long @ 10_000.. => format!("{} ms", long / 1_000),
        short => format!("{short} µs"),
    }
}

/// The middle and the slow end of many durations.
pub fn spread(mut durations: Vec<Duration>) -> String {
    durations.sort_unstable();
    let at = |percent: usize| durations[(durations.len() - 1) * percent / 100];
    format!("p50 {}, p99 {}", micros(at(50)), micros(at(99)))
}

/// So many in so long.
pub fn rate(count: u64, took: Duration) -> String {
    let rate = count as f64 / took.as_secs_f64();
    format!("{rate:.0}/s")
}
