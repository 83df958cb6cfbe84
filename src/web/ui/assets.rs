//! The files of the built web application, and which form of one a browser gets.
//!
//! A release binary carries them; a debug binary reads them from the disk at each request. The
//! build has put a `.br` and a `.gz` beside whatever gets smaller by it.

use std::borrow::Cow;

use rust_embed::{Embed, EmbeddedFile};

/// What `make ui` builds. Without it the program builds all the same.
#[derive(Embed)]
#[folder = "ui/dist"]
#[allow_missing = true]
struct Dist;

/// How a file can be compressed, the best first, with the ending of such a file.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// A file as it is sent.
#[derive(Clone)]
pub struct Asset {
    pub bytes: Cow<'static, [u8]>,
    /// Of these very bytes, in its quotes.
    pub etag: String,
    pub content_type: String,
    /// As in `Content-Encoding`.
    pub encoding: Option<&'static str>,
}

/// Where files are found: the built application, or a test's own.
pub type Find = fn(&str) -> Option<Asset>;

/// Finds a file of the built application.
#[must_use]
pub fn built(path: &str) -> Option<Asset> {
    Dist::get(path).map(Asset::of)
}

impl Asset {
    fn of(file: EmbeddedFile) -> Self {
        let hash = file.metadata.sha256_hash();
        let hex: String = hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let kind = file.metadata.mimetype();
        let is_text = kind.starts_with("text/") || kind.ends_with("javascript");
        Self {
            etag: format!("\"{hex}\""),
            content_type: format!("{kind}{}", if is_text { "; charset=utf-8" } else { "" }),
            bytes: file.data,
            encoding: None,
        }
    }
}

/// The smallest form of a file that the browser takes.
#[must_use]
pub fn negotiated(find: Find, path: &str, accepted: &str) -> Option<Asset> {
    let plain = find(path)?;
    let compressed = ENCODINGS.iter().find_map(|(encoding, ending)| {
        let file = accepts(accepted, encoding).then(|| find(&format!("{path}{ending}")))??;
        Some(Asset {
            content_type: plain.content_type.clone(),
            encoding: Some(encoding),
            ..file
        })
    });
    Some(compressed.unwrap_or(plain))
}

/// Whether an `Accept-Encoding` names the encoding and does not refuse it by `q=0`.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let is_named = pieces
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = pieces.find_map(|piece| piece.strip_prefix("q="));
        is_named && weight.is_none_or(|weight| weight.parse().unwrap_or(0.0) > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_used_when_it_is_named_and_not_refused() {
        for (accepted, expected) in [
            ("br", true),
            ("gzip, deflate, BR", true),
            ("gzip;q=0.8, br;q=0.1", true),
            ("br;q=0", false),
            ("br;q=0.000, gzip", false),
            ("gzip", false),
            ("", false),
            ("brotli", false),
        ] {
            assert_eq!(accepts(accepted, "br"), expected, "{accepted}");
        }
    }
}
