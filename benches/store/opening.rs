//! How long opening takes, and what it keeps in memory: measured in processes of their own,
//! some of which are killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daarion::domain::page::Order;
use daarion::store;
use daarion::store::index::MessageQuery;

use super::fill::index_all;
use super::samples::{CHANNELS, append, channel_id, memory, said};
use super::{Size, heading, row};

pub async fn measure(directory: &Path, size: Size) {
    heading(&format!("opening, {} messages", size.messages));
    row("after a clean stop", open(directory));
    for name in ["killed while it writes", "killed while idle"] {
        let deed = if name.ends_with("idle") {
            "idle"
        } else {
            "write"
        };
        let mut child = spawn(deed, directory);
        wait_for_line(&mut child);
        std::thread::sleep(Duration::from_secs(2));
        child.kill().expect("killed");
        child.wait().expect("ended");
        row(name, open(directory));
    }
    let megabytes = std::fs::metadata(directory.join("daarion.redb"))
        .map_or(0.0, |file| file.len() as f64 / 1e6);
    row("size of the file", format!("{megabytes:.0} MB"));
}

/// Opens the store in a process of its own; answers what it says.
fn open(directory: &Path) -> String {
    let mut child = spawn("open", directory);
    let line = wait_for_line(&mut child);
    child.wait().expect("ended");
    line
}

fn spawn(deed: &str, directory: &Path) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    Command::new(program)
        .args(["--child", deed])
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

fn wait_for_line(child: &mut Child) -> String {
    let output = child.stdout.as_mut().expect("it is piped");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("a line");
    line.trim().to_owned()
}

/// What the processes do.
pub async fn child(deed: &str, directory: &Path) {
    let (before, _) = memory();
    let begun = Instant::now();
    let store = store::open(directory).expect("the store opens");
    let opened_in = begun.elapsed().as_millis();
    match deed {
        "open" => {
            let (all, own) = memory();
            for n in 0..2_000 {
                let query = MessageQuery {
                    channel: channel_id(n % CHANNELS),
                    after: None,
                    at: None,
                    order: Order::Descending,
                    limit: 50,
                };
                store.index.messages(query).await.expect("read");
            }
            let (later, own_later) = memory();
            say(&format!(
                "{opened_in} ms; memory {before:.1} MB before, {all:.1} ({own:.1} anonymous) \
                 opened, {later:.1} ({own_later:.1}) after 2,000 lists"
            ));
            store.closer.close().await;
        }
        "idle" => {
            write(&store, 1_000).await;
            say("ready");
            std::future::pending::<()>().await;
        }
        _ => {
            say("ready");
            write(&store, u64::MAX).await;
        }
    }
}

async fn write(store: &store::Store, times: u64) {
    let run = 1_000_000 + u64::from(std::process::id());
    for n in 0..times {
        let append = append(vec![said(run, n)], None);
        store.journal.append(append).await.expect("appended");
        index_all(store, 100).await;
    }
}

/// The process that waits reads lines.
fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("flushed");
}
