//! The spool: a file on its way to the homeserver, on the disk without a name. When it is dropped,
//! or the process is killed, it is gone.

use std::io::SeekFrom;
use std::path::Path;

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use crate::domain::{Error, Result};
use crate::homeserver::media::Chunks;

/// How much of a file's beginning is kept, to see what it is.
const HEAD: usize = 8 * 1024;
/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;

pub struct Spool {
    file: File,
    head: Vec<u8>,
    size: u64,
    limit: u64,
}

impl Spool {
    pub async fn new(directory: &Path, limit: u64) -> Result<Self> {
        let directory = directory.to_owned();
        let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(directory)).await;
        let file = made.map_err(|error| Error::internal(error.to_string()))?;
        let mut file = File::from_std(file.map_err(|error| failed(&error))?);
        file.set_max_buf_size(CHUNK);
        Ok(Self {
            file,
            head: Vec::new(),
            size: 0,
            limit,
        })
    }

    /// Takes the next piece.
    pub async fn write(&mut self, chunk: &Bytes) -> Result<()> {
        self.size += chunk.len() as u64;
        if self.size > self.limit {
            return Err(Error::TooLarge {
                field: "file",
                limit: self.limit,
            });
        }
        let missing = HEAD.saturating_sub(self.head.len()).min(chunk.len());
        self.head.extend_from_slice(&chunk[..missing]);
        let written = self.file.write_all(chunk).await;
        written.map_err(|error| failed(&error))
    }

    /// How the file begins.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The digest of the whole file.
    pub async fn digest(&mut self) -> Result<[u8; 32]> {
        self.rewind().await?;
        let mut digest = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = self.file.read(&mut chunk).await;
            match read.map_err(|error| failed(&error))? {
                0 => return Ok(digest.finalize().into()),
                read => digest.update(&chunk[..read]),
            }
        }
    }

    /// The whole file and its size.
    pub async fn read(mut self) -> Result<(u64, Chunks)> {
        self.rewind().await?;
        let chunks = ReaderStream::with_capacity(self.file, CHUNK).boxed();
        Ok((self.size, chunks))
    }

    async fn rewind(&mut self) -> Result<()> {
        let rewound = async {
            self.file.flush().await?;
            self.file.seek(SeekFrom::Start(0)).await
        };
        rewound.await.map_err(|error| failed(&error))?;
        Ok(())
    }
}

fn failed(error: &std::io::Error) -> Error {
    Error::StoreUnavailable(format!("a file cannot be kept in data_dir: {error}"))
}
