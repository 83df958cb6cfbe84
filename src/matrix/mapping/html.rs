//! HTML: what of it may be shown (client-server API, "m.room.message msgtypes"), and how
//! Markdown becomes it.

use ruma::events::room::message::FormattedBody;
use ruma::html::{HtmlSanitizerMode, RemoveReplyFallback, sanitize_html};

/// Keeps what the specification's allow-list names; the text of other elements stays.
#[must_use]
pub fn sanitise(html: &str) -> String {
    sanitize_html(html, HtmlSanitizerMode::Strict, RemoveReplyFallback::Yes)
}

/// Renders Markdown to safe HTML; `None` when the text has no markup, or nothing but markup
/// that may not be shown. Markdown may hold any HTML, so it is sanitised like a stranger's.
pub(super) fn render(markdown: &str) -> Option<String> {
    let html = sanitise(&FormattedBody::markdown(markdown)?.body);
    (!html.trim().is_empty()).then_some(html)
}
