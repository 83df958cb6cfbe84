//! A file as an answer: foreign content on our own origin, so that nothing in it may ever run.

use futures_util::StreamExt;
use poem::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

use crate::service::media::Download;

/// What a browser may show where it is (client-server API, "Serving inline content").
const INLINE: &[&str] = &[
    "application/json",
    "application/ld+json",
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/wave",
    "audio/webm",
    "audio/x-flac",
    "audio/x-pn-wav",
    "audio/x-wav",
    "image/apng",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/css",
    "text/csv",
    "text/plain",
    "video/mp4",
    "video/ogg",
    "video/quicktime",
    "video/webm",
];
/// The policy that the specification asks of media ("Content repository"), narrowed.
const POLICY: &str = "sandbox; default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; \
                      frame-ancestors 'none'";
const UNKNOWN: &str = "application/octet-stream";

/// A file on its way to whoever may see it.
pub struct ShownFile(Response);

impl ShownFile {
    /// A file that may be kept for `seconds`, as its address is good for.
    pub fn new(file: Download, seconds: u64) -> Self {
        let kind = file.content_type.unwrap_or_else(|| UNKNOWN.to_owned());
        let mut answer = Response::builder()
            .header(
                CONTENT_DISPOSITION,
                disposition(&kind, file.name.as_deref()),
            )
            .header(CONTENT_TYPE, kind)
            .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(CONTENT_SECURITY_POLICY, POLICY)
            .header("Cross-Origin-Resource-Policy", "cross-origin")
            .header(REFERRER_POLICY, "no-referrer")
            // What is in a file never changes.
            .header(
                CACHE_CONTROL,
                format!("private, immutable, max-age={seconds}"),
            );
        if let Some(size) = file.size {
            answer = answer.header(CONTENT_LENGTH, size);
        }
        Self(answer.body(poem::Body::from_bytes_stream(file.body.fuse())))
    }
}

/// `Content-Disposition` (RFC 6266): whether the file is shown or saved, and its name, of which
/// only what cannot do harm goes out in the clear.
fn disposition(kind: &str, name: Option<&str>) -> String {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let is_inline = INLINE.contains(&essence.to_ascii_lowercase().as_str());
    let how = if is_inline { "inline" } else { "attachment" };
    match name.filter(|name| !name.is_empty()) {
        Some(name) => format!("{how}; filename*=utf-8''{}", encoded(name)),
        None => how.to_owned(),
    }
}

/// RFC 8187's `value-chars`.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

impl IntoResponse for ShownFile {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ShownFile {
    fn meta() -> MetaResponses {
        let bytes = MetaSchema::new_with_format("string", "binary");
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The file, in its own type.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: UNKNOWN,
                    schema: MetaSchemaRef::Inline(Box::new(bytes)),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_harmless_is_shown_in_place() {
        for (kind, name, header) in [
            ("image/png", None, "inline"),
            (
                "Text/Plain; charset=utf-8",
                Some("a b"),
                "inline; filename*=utf-8''a%20b",
            ),
            (
                "text/html",
                Some("x.html"),
                "attachment; filename*=utf-8''x.html",
            ),
            ("image/svg+xml", None, "attachment"),
            (
                "",
                Some("\"\r\nX: y"),
                "attachment; filename*=utf-8''%22%0D%0AX%3A%20y",
            ),
            ("image/gif", Some("ї"), "inline; filename*=utf-8''%D1%97"),
        ] {
            assert_eq!(disposition(kind, name), header);
        }
    }
}
