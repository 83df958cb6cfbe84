//! Reading foreign JSON without trusting it and, where nothing is escaped, without copying.
//!
//! Each field is taken as raw JSON first, so that one of a wrong type is a missing field and
//! not the end of its whole event.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The largest integer that canonical JSON allows (Matrix specification, appendix
/// "Canonical JSON").
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Reads a JSON object. An array is none, although serde would fill a struct from one.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    let text = raw.get();
    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// As [`object`], of a field that may be missing.
pub(super) fn field<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    object(raw?)
}

/// Reads the items of a list.
pub(super) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Reads a string.
pub(super) fn text(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let quoted = raw?.get();
    let bare = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if !bare.contains('\\') {
        return Some(Cow::Borrowed(bare));
    }
    serde_json::from_str(quoted).ok().map(Cow::Owned)
}

/// Reads an integer from zero to the largest one that canonical JSON allows.
pub(super) fn integer(raw: Option<&RawValue>) -> Option<u64> {
    let number = raw?.get().parse().ok()?;
    (number <= MAX_INTEGER).then_some(number)
}

pub(super) fn boolean(raw: Option<&RawValue>) -> Option<bool> {
    raw?.get().parse().ok()
}

/// The beginning of a text, at most `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}
