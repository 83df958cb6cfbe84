//! Files: taken in for services, and shown to whoever has an address that was given to a service, or
//! to somebody who may read the message that carries the file.
//!
//! Homeservers want to know a file's size before they read it, and forms do not tell it: what
//! comes in goes through a file without a name in the data directory, never through memory.

mod ceiling;
mod flow;
mod kind;
mod signature;
mod spool;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt;

use self::ceiling::Ceiling;
pub use self::flow::in_time;
use self::signature::Signer;
use self::spool::Spool;
use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::media::{MediaId, Thumbnail};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
pub use crate::homeserver::media::{Chunks, Download};
use crate::homeserver::media::{MediaStore, Upload};
use crate::service::gateway::turns::{Turn, Turns};

/// How long an address is good when nobody says, in seconds.
const LIFETIME: u32 = 3_600;
/// The longest time that an address may be good: a week, in seconds.
const LONGEST: u32 = 7 * 86_400;
/// The line that those who show an address wait in.
const VISITORS: &str = "visitors";

/// A file as a service sends it.
pub struct NewFile {
    pub name: Option<String>,
    /// What the service says that it is.
    pub declared: Option<String>,
    /// How large it is at the least, in bytes, as far as that is known beforehand.
    pub at_least: u64,
    /// An error of the kind `FileTooLarge` says that more came than is taken.
    pub body: Chunks,
}

/// A file that has come in whole.
pub struct ReceivedFile {
    pub name: Option<String>,
    pub content_type: String,
    spool: Spool,
    _turn: Turn,
}

impl ReceivedFile {
    /// What tells its bytes from another's.
    pub async fn digest(&mut self) -> Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(self.spool.digest().await?))
    }
}

/// A file that the homeserver has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredFile {
    pub media: MediaId,
    pub content_type: String,
    pub size: u64,
}

/// Addresses that show a file without any token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addresses {
    pub file: String,
    pub thumbnail: String,
    pub expires_at: Millis,
}

/// What makes an address good.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// Seconds since the Unix epoch.
    pub expires: u64,
    pub signature: &'a str,
}

/// The part of the configuration that files go by.
#[derive(Clone, Debug)]
pub struct MediaRules {
    /// The largest file, in bytes.
    pub limit: u64,
    /// How long nothing may come of a file, or be taken of it.
    pub stall: Duration,
    /// Where files stand for a moment that are on their way to the homeserver.
    pub spool: PathBuf,
    /// As members reach us; without it addresses have no server.
    pub public_url: Option<String>,
    /// Makes addresses good.
    pub key: [u8; 32],
}

/// Files of the homeserver.
pub struct Media {
    store: Arc<dyn MediaStore>,
    turns: Arc<Turns>,
    clock: Clock,
    signer: Signer,
    ceiling: Ceiling,
    rules: MediaRules,
}

impl Media {
    #[must_use]
    pub fn new(
        store: Arc<dyn MediaStore>,
        turns: Arc<Turns>,
        clock: Clock,
        rules: MediaRules,
    ) -> Self {
        Self {
            ceiling: Ceiling::new(store.clone(), rules.limit),
            store,
            turns,
            clock,
            signer: Signer::new(rules.key),
            rules,
        }
    }

    /// Takes a file in, whole.
    pub async fn receive(&self, caller: &ServiceCaller, file: NewFile) -> Result<ReceivedFile> {
        caller.require(Scope::Media)?;
        // Also bounds the files on the disk.
        let turn = self.turns.wait(&caller.name).await?;
        let limit = self.ceiling.get().await;
        if file.at_least > limit {
            return Err(too_large(limit));
        }
        let mut spool = Spool::new(&self.rules.spool, limit).await?;
        let mut body = file.body;
        while let Some(chunk) = in_time("file", self.rules.stall, body.next()).await? {
            let chunk = chunk.map_err(|error| match error.kind() {
                io::ErrorKind::FileTooLarge => too_large(limit),
                _ => Error::invalid("file", format!("cannot be read to its end: {error}")),
            })?;
            spool.write(&chunk).await?;
        }
        Ok(ReceivedFile {
            name: file.name,
            content_type: kind::of(spool.head(), file.declared.as_deref()),
            spool,
            _turn: turn,
        })
    }

    /// Gives a file that was taken in to the homeserver.
    pub async fn store(&self, file: ReceivedFile) -> Result<StoredFile> {
        let content_type = file.content_type;
        let (size, body) = file.spool.read().await?;
        let stored = self.store.upload(Upload {
            content_type: content_type.clone(),
            name: file.name,
            size,
            body,
        });
        let media = match stored.await {
            Ok(media) => media,
            Err(error) => return Err(self.explain(error, size).await),
        };
        Ok(StoredFile {
            media,
            content_type,
            size,
        })
    }

    /// What it means that the homeserver has not stored a file. Some hang up on one that is too
    /// large, and what it takes may have changed since it was asked.
    async fn explain(&self, error: Error, size: u64) -> Error {
        let is_refused = matches!(error, Error::HomeserverRefused { status: 413, .. });
        if !is_refused && !error.is_transient() {
            return error;
        }
        let limit = self.ceiling.get_anew().await;
        match error {
            _ if size > limit => too_large(limit),
            Error::HomeserverRefused {
                status,
                errcode,
                message,
            } if is_refused => Error::HomeserverRefused {
                status,
                errcode,
                message: format!("file: the homeserver does not take {size} bytes: {message}"),
            },
            error => error,
        }
    }

    /// The largest file that is taken, in bytes; the homeserver may take less.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.rules.limit
    }

    /// How long nothing may come of a file.
    #[must_use]
    pub fn stall(&self) -> Duration {
        self.rules.stall
    }

    /// Makes addresses that show a file for a while; `lifetime` in seconds.
    pub fn sign(
        &self,
        caller: &ServiceCaller,
        uri: &str,
        lifetime: Option<u32>,
    ) -> Result<Addresses> {
        caller.require(Scope::Media)?;
        let media = MediaId::parse(uri)
            .ok_or_else(|| Error::invalid("content_uri", "must be mxc://server/id"))?;
        let lifetime = lifetime.unwrap_or(LIFETIME);
        if !(1..=LONGEST).contains(&lifetime) {
            let message = format!("must be 1 to {LONGEST} seconds");
            return Err(Error::invalid("expires_in", message));
        }
        Ok(self.signed(&media, lifetime))
    }

    /// Addresses of a file that somebody may see.
    #[must_use]
    pub fn addresses(&self, media: &MediaId) -> Addresses {
        self.signed(media, LIFETIME)
    }

    fn signed(&self, media: &MediaId, lifetime: u32) -> Addresses {
        let expires = self.clock.now() / 1_000 + u64::from(lifetime);
        let signature = self.signer.sign(media, expires);
        let base = self.rules.public_url.as_deref().unwrap_or_default();
        let path = format!("{base}/api/media/{}/{}", media.server(), media.id());
        let proof = format!("expires={expires}&signature={signature}");
        Addresses {
            file: format!("{path}?{proof}"),
            thumbnail: format!("{path}/thumbnail?width=320&height=240&{proof}"),
            expires_at: expires * 1_000,
        }
    }

    /// A file, for whoever has a good address of it.
    pub async fn download(&self, media: &MediaId, proof: Proof<'_>) -> Result<Download> {
        self.check(media, proof)?;
        let turn = self.turns.wait(VISITORS).await?;
        let file = self.store.download(media).await?;
        Ok(flow::paced(file, turn, self.rules.stall))
    }

    /// A small picture of a file, for whoever has a good address of the file.
    pub async fn thumbnail(
        &self,
        media: &MediaId,
        size: &Thumbnail,
        proof: Proof<'_>,
    ) -> Result<Download> {
        self.check(media, proof)?;
        let turn = self.turns.wait(VISITORS).await?;
        let file = self.store.thumbnail(media, size).await?;
        Ok(flow::paced(file, turn, self.rules.stall))
    }

    fn check(&self, media: &MediaId, proof: Proof<'_>) -> Result<()> {
        if !self.signer.is_good(media, proof.expires, proof.signature) {
            return Err(Error::forbidden("the address's signature is wrong"));
        }
        if proof.expires <= self.clock.now() / 1_000 {
            return Err(Error::forbidden("the address has expired"));
        }
        Ok(())
    }

    /// How long an address that is good now may be kept by a browser, in seconds.
    #[must_use]
    pub fn remaining(&self, proof: Proof<'_>) -> u64 {
        proof.expires.saturating_sub(self.clock.now() / 1_000)
    }
}

fn too_large(limit: u64) -> Error {
    Error::TooLarge {
        field: "file",
        limit,
    }
}
