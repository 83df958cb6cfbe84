//! What the kernel tells of a process and of the machine.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The unit of the times in `/proc/<pid>/stat`: USER_HZ, 100 a second on every Linux that
/// daarion is built for.
const TICK: Duration = Duration::from_millis(10);

/// What a process has in memory, in bytes.
#[derive(Clone, Copy)]
pub struct Resident {
    /// All of it: `VmRSS`.
    pub all: u64,
    /// The same, pages that it shares with others counted in parts: `Pss`.
    pub proportional: u64,
    /// What is not a page of a file: heap and stacks.
    pub anonymous: u64,
}

/// User and system time that a process has used, its threads together.
pub fn cpu(pid: u32) -> Duration {
    let fields = stat(&read(&format!("/proc/{pid}/stat")));
    TICK * (fields[11] + fields[12])
}

/// The same of a process and all that it has started, those included that have ended.
pub fn cpu_of_tree(root: u32) -> Duration {
    let running = fs::read_dir("/proc").expect("there is /proc");
    let pids = running.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // A process may end while it is looked for.
    let stat_of = |pid: u32| {
        Some((
            pid,
            stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?),
        ))
    };
    let all: Vec<(u32, Vec<u32>)> = pids.filter_map(stat_of).collect();
    let (mut tree, mut sum) = (vec![root], 0);
    while let Some(parent) = tree.pop() {
        for (pid, fields) in &all {
            if *pid == parent {
                sum += fields[11..=14].iter().sum::<u32>();
            } else if fields[1] == parent {
                tree.push(*pid);
            }
        }
    }
    TICK * sum
}

/// The numbers behind the name, the state among them as 0.
fn stat(line: &str) -> Vec<u32> {
    // The second field is the name in parentheses, which may hold anything.
    let (_, fields) = line.rsplit_once(") ").expect("stat has a name");
    let number = |field: &str| field.parse().unwrap_or_default();
    fields.split(' ').map(number).collect()
}

pub fn resident(pid: u32) -> Resident {
    let status = read(&format!("/proc/{pid}/status"));
    let rollup = read(&format!("/proc/{pid}/smaps_rollup"));
    Resident {
        all: kibibytes(&status, "VmRSS:"),
        proportional: kibibytes(&rollup, "Pss:"),
        anonymous: kibibytes(&status, "RssAnon:"),
    }
}

/// The machine in lines of a list.
pub fn machine(data: &Path) -> Vec<String> {
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = kibibytes(&read("/proc/meminfo"), "MemTotal:") >> 20;
    let kernel = read("/proc/sys/kernel/osrelease");
    vec![
        format!("{cores} cores, {model}; {memory} MiB memory"),
        format!("Linux {}", kernel.trim()),
        format!(
            "data on {}; a write of 4 KiB made durable takes {:.1} ms",
            filesystem(data),
            sync_time(data).as_secs_f64() * 1e3
        ),
    ]
}

/// How long the disk takes to make one page durable: the median of some attempts. Every
/// durable figure stands on this.
fn sync_time(directory: &Path) -> Duration {
    let path = directory.join("sync-time");
    let mut file = fs::File::create(&path).expect("the data directory is writable");
    let mut times: Vec<Duration> = (0..51)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[7; 4096]).expect("the disk has room");
            file.sync_data().expect("the disk works");
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let _ = fs::remove_file(path);
    times[times.len() / 2]
}

/// The type of the file system that a path is on.
fn filesystem(path: &Path) -> String {
    let mounts = read("/proc/self/mounts");
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    mounts
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map_or_else(|| "?".to_owned(), |(_, kind)| kind.to_owned())
}

fn kibibytes(text: &str, field: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    let number =
        value.and_then(|value| value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("failed to read {path}: {error}"))
}
