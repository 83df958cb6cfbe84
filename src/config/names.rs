//! The forms of names that the configuration checks: server names, localparts, slugs.
//!
//! Only the form is checked here. Whether a name exists is for the homeserver to say.

/// Characters of slugs and prefixes: `[a-z0-9_-]`, at least one.
pub(super) fn is_slug(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    !text.is_empty() && text.chars().all(is_allowed)
}

/// `microdao:<name>` with a name of at most 64 characters.
pub(super) fn is_microdao(text: &str) -> bool {
    let name = text.strip_prefix("microdao:");
    name.is_some_and(|name| is_slug(name) && name.len() <= 64)
}

/// A localpart as the Matrix specification recommends it (User Identifiers): `[a-z0-9._=/-]`.
pub(super) fn is_localpart(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._=/-".contains(c);
    !text.is_empty() && text.chars().all(is_allowed)
}

/// A Matrix server name (Appendices, Server Name): a host name or address, and perhaps a port.
pub(super) fn is_server_name(text: &str) -> bool {
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text.ends_with(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host_name(host),
    };
    let is_port = |port: &str| {
        port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok()
    };
    is_host && text.len() <= 230 && port.is_none_or(is_port)
}

fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(is_allowed)
    };
    host.split('.').all(is_label)
}

/// The entity id of an operator: `@alice:<our server>` and `user:alice` both give `user:alice`, a
/// Matrix account of another server gives `user:<localpart>:<server>`.
pub(super) fn operator(text: &str, server_name: &str) -> Option<String> {
    if let Some(localpart) = text.strip_prefix("user:") {
        return is_localpart(localpart).then(|| text.to_owned());
    }
    let (localpart, server) = text.strip_prefix('@')?.split_once(':')?;
    if !is_localpart(localpart) || !is_server_name(server) {
        return None;
    }
    if server == server_name {
        Some(format!("user:{localpart}"))
    } else {
        Some(format!("user:{localpart}:{server}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_follow_the_specification() {
        for good in [
            "example.org",
            "localhost",
            "localhost:8448",
            "10.0.0.1:8448",
            "[::1]",
            "[2001:db8::1]:8448",
            "xn--80aaah3g.example",
        ] {
            assert!(is_server_name(good), "{good}");
        }
        for bad in [
            "",
            "https://example.org",
            "example.org:",
            "example.org:port",
            "example.org:99999",
            "exa mple.org",
            "example..org",
            "[::1",
            "::1",
            "місто.укр",
            "a_b.example",
        ] {
            assert!(!is_server_name(bad), "{bad}");
        }
    }

    #[test]
    fn operators_become_entities() {
        let operator = |text| operator(text, "example.org");
        assert_eq!(operator("@a:example.org").as_deref(), Some("user:a"));
        assert_eq!(operator("user:a").as_deref(), Some("user:a"));
        assert_eq!(
            operator("@a:other.org:8448").as_deref(),
            Some("user:a:other.org:8448")
        );
        for bad in [
            "a",
            "@a",
            "@:example.org",
            "user:",
            "agent:sofia",
            "@A:example.org",
        ] {
            assert_eq!(operator(bad), None, "{bad}");
        }
    }
}
