//! HTML: what of it may be shown (client-server API, "m.room.message msgtypes"), and how
//! Markdown becomes it.

use ruma::events::room::message::FormattedBody;
use ruma::html::{Html, NodeRef, SanitizerConfig};

/// The most tags that are looked at. The parser builds a tree as deep as a stranger likes, on
/// which the sanitiser works recursively in quadratic time: an event's 64 KiB of `<ul><li>`
/// overflow a thread's stack. This many take some 10 ms and an eighth of the stack at worst.
const MAX_TAGS: usize = 1_000;

/// Keeps what the specification's allow-list names; the text of other elements stays. `None`
/// is HTML with so much markup that the plain text has to do.
#[must_use]
pub fn sanitise(html: &str) -> Option<String> {
    if count_tags(html) > MAX_TAGS {
        return None;
    }
    let html = Html::parse(html);
    html.sanitize_with(&SanitizerConfig::strict().remove_reply_fallback());
    html.children().for_each(|node| check_addresses(&node));
    Some(html.to_string())
}

/// Renders Markdown to safe HTML; `None` when the text has no markup, too much of it, or
/// nothing but markup that may not be shown. Markdown may hold any HTML, so it is sanitised
/// like a stranger's.
pub(super) fn render(markdown: &str) -> Option<String> {
    let html = sanitise(&FormattedBody::markdown(markdown)?.body)?;
    (!html.trim().is_empty()).then_some(html)
}

/// No element begins in another way.
fn count_tags(html: &str) -> usize {
    let is_tag = |pair: &&[u8]| pair[0] == b'<' && pair[1].is_ascii_alphabetic();
    html.as_bytes().windows(2).filter(is_tag).count()
}

/// Takes away addresses of schemes that are not allowed. ruma-html 0.9 looks at an element's
/// attributes in their alphabetical order and leaves off at the first that holds no address,
/// so that `<img alt="" src="https://…">` and `<a class="" href="javascript:…">` get past it
/// (<https://github.com/ruma/ruma/issues/2557>).
fn check_addresses(node: &NodeRef) {
    if let Some(element) = node.as_element() {
        element.attrs.borrow_mut().retain(|attribute| {
            let allowed: &[&str] = match attribute.name.local.as_ref() {
                "href" => &["https:", "http:", "ftp:", "mailto:", "magnet:"],
                "src" => &["mxc://"],
                _ => return true,
            };
            allowed
                .iter()
                .any(|scheme| attribute.value.starts_with(scheme))
        });
    }
    // No deeper than the sanitiser leaves it, which is 100 levels.
    node.children().for_each(|child| check_addresses(&child));
}
