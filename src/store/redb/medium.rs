//! Where the bytes of the database are: a file, or memory for tests and the fake
//! installation. A medium can be opened again after its database was dropped, which is how
//! the store recovers from a full disk.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, Database, StorageBackend};

use super::errors::opening;
use crate::store::StoreError;

/// How much redb may hold in memory: read pages and what is not written yet together. The
/// kernel's page cache stands behind it; what more would buy and cost stands in `store/redb.rs`.
const CACHE_BYTES: usize = 4 << 20;

/// How much room a disk must have again before the database is written: a few commits.
const PROBE_BYTES: usize = 4 << 20;

/// The owner alone may read messages.
const FILE_MODE: u32 = 0o600;

/// Something that holds a database.
pub trait Medium: Send + Sync {
    /// Opens the database, which must not be open, or makes an empty one.
    fn open(&self) -> Result<Database, StoreError>;

    /// Its name, for messages.
    fn name(&self) -> String;

    /// The size of its file.
    fn bytes(&self) -> u64;

    /// Whether it takes writes, tried without the database; if not, why.
    fn probe(&self) -> Result<(), String>;
}

/// Opens a database on redb's own abstraction of a medium.
pub fn open_backend(name: &str, backend: impl StorageBackend) -> Result<Database, StoreError> {
    // redb calls back several times in one repair.
    let is_said = Cell::new(false);
    Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_repair_callback(move |_| {
            if !is_said.replace(true) {
                tracing::info!("the store was not closed; checking the whole of it");
            }
        })
        .create_with_backend(backend)
        .map_err(|error| opening(name, error))
}

/// A file on a disk.
pub struct FileMedium {
    path: PathBuf,
}

impl FileMedium {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn file(&self) -> std::io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&self.path)
    }
}

impl Medium for FileMedium {
    fn open(&self) -> Result<Database, StoreError> {
        let file = self.file().map_err(|error| {
            StoreError::Unavailable(format!("cannot open {}: {error}", self.name()))
        })?;
        let backend = FileBackend::new(file).map_err(|error| opening(&self.name(), error))?;
        open_backend(&self.name(), backend)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn probe(&self) -> Result<(), String> {
        let path = self.path.with_extension("probe");
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_data()
        });
        // What cannot be removed is overwritten by the next probe.
        let _ = std::fs::remove_file(&path);
        written.map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Bytes in memory, which outlive the database that is open on them.
#[derive(Clone, Debug, Default)]
pub struct MemoryMedium(Arc<InMemoryBackend>);

impl Medium for MemoryMedium {
    fn open(&self) -> Result<Database, StoreError> {
        open_backend("the store in memory", self.clone())
    }

    fn name(&self) -> String {
        "the store in memory".to_owned()
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn probe(&self) -> Result<(), String> {
        Ok(())
    }
}

impl StorageBackend for MemoryMedium {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.write(offset, data)
    }
}
