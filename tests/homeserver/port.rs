//! Loopback ports that stay ours: reserved across processes for as long as the value lives, also
//! while nothing listens (a server that was killed finds its port again).
//!
//! They come from below the range that the kernel hands to outgoing connections; a port from
//! `bind(0)` could be taken by a passing client between a kill and the restart.

use std::fs::{self, File};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

#[derive(Debug)]
pub struct Port {
    number: u16,
    /// The kernel frees the lock when the process ends, however it ends.
    _lock: File,
}

impl Port {
    /// Reserves a free port.
    pub fn reserve() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);

        // Test processes start at different places, so they seldom meet at the same lock.
        let start = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below COUNT");
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            if let Some(port) = Self::try_reserve(FIRST + (start + step) % COUNT) {
                return port;
            }
        }
        panic!("no free port among {COUNT} from {FIRST}");
    }

    pub fn number(&self) -> u16 {
        self.number
    }

    fn try_reserve(number: u16) -> Option<Self> {
        let directory = std::env::temp_dir().join("daarion-ports");
        fs::create_dir_all(&directory).expect("the temporary directory is writable");
        let lock = File::create(directory.join(number.to_string())).ok()?;
        lock.try_lock().ok()?;
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self {
            number,
            _lock: lock,
        })
    }
}
