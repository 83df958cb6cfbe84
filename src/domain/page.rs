//! Paging: opaque cursors and bounded limits.

use super::error::{Error, Result};

/// The most items that one page may hold.
pub const MAX_LIMIT: usize = 200;
/// How many a page holds when the caller does not say.
pub const DEFAULT_LIMIT: usize = 50;

/// Which way a list runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Descending,
    /// Oldest first.
    Ascending,
}

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Checks a limit that a caller gave.
pub fn limit(given: Option<u32>) -> Result<usize> {
    match given.map(|limit| limit as usize) {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(Error::invalid(
            "limit",
            format!("must be from 1 to {MAX_LIMIT}"),
        )),
    }
}

/// Writes key bytes as the cursor that callers see.
#[must_use]
pub fn encode_cursor(key: &[u8]) -> String {
    use std::fmt::Write;
    key.iter()
        .fold(String::with_capacity(key.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The refusal of a cursor that no page has given.
#[must_use]
pub fn wrong_cursor() -> Error {
    Error::invalid("cursor", "must be the next of an earlier page of this list")
}

/// Reads a cursor back; `length` is the key's size in bytes.
pub fn decode_cursor(cursor: &str, length: usize) -> Result<Vec<u8>> {
    if cursor.len() != length * 2 || !cursor.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong_cursor());
    }
    (0..length)
        .map(|at| u8::from_str_radix(&cursor[at * 2..at * 2 + 2], 16).map_err(|_| wrong_cursor()))
        .collect()
}

/// The longest text that a cursor holds, in bytes.
const MAX_CURSOR: usize = 1_024;

/// Reads a cursor back that was made of a text.
pub fn decode_text_cursor(cursor: &str) -> Result<String> {
    let length = cursor.len() / 2;
    if length > MAX_CURSOR {
        return Err(wrong_cursor());
    }
    String::from_utf8(decode_cursor(cursor, length)?).map_err(|_| wrong_cursor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_round_trips_and_refuses_noise() {
        let key = [0u8, 1, 254, 255];
        assert_eq!(decode_cursor(&encode_cursor(&key), 4), Ok(key.to_vec()));
        for bad in ["", "zz", "00010203ff", "кіт!", "+1+1+1+1"] {
            assert!(decode_cursor(bad, 4).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn text_cursor_round_trips_and_refuses_noise() {
        let text = "👍\0@a:s";
        let cursor = encode_cursor(text.as_bytes());
        assert_eq!(decode_text_cursor(&cursor).as_deref(), Ok(text));
        let long = "61".repeat(MAX_CURSOR + 1);
        for bad in ["abc", "zz", "ff", "кіт!", &long] {
            assert!(decode_text_cursor(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn limit_is_bounded() {
        assert_eq!(limit(None), Ok(DEFAULT_LIMIT));
        assert_eq!(limit(Some(200)), Ok(200));
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(201)).is_err());
    }
}
