//! What a file is: by its first bytes, which cannot lie as a name can.

/// What is said of a file of which nothing is known.
const UNKNOWN: &str = "application/octet-stream";
/// How long a media type may be, in bytes.
const LONGEST: usize = 127;

/// The media type of a file that begins with `head`: what it is recognised as, otherwise what it
/// is declared as.
#[must_use]
pub fn of(head: &[u8], declared: Option<&str>) -> String {
    if let Some(kind) = infer::get(head) {
        return kind.mime_type().to_owned();
    }
    let declared = declared.map(str::trim).filter(|kind| is_media_type(kind));
    declared.unwrap_or(UNKNOWN).to_ascii_lowercase()
}

/// `type/subtype` of the characters that both may have (RFC 6838 §4.2).
fn is_media_type(kind: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(fits);
    kind.len() <= LONGEST
        && kind
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_part(kind) && is_part(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_counts_more_than_what_is_said() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        assert_eq!(of(png, Some("text/plain")), "image/png");
        assert_eq!(of(b"hello", Some("Text/Plain")), "text/plain");
        assert_eq!(of(b"%PDF-1.7", None), "application/pdf");
        for bad in [
            None,
            Some(""),
            Some("text"),
            Some("a/b\r\nx: y"),
            Some("a/b/c"),
        ] {
            assert_eq!(of(b"hello", bad), UNKNOWN, "{bad:?}");
        }
    }
}
