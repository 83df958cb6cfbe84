//! From where, and over what, a request comes: what back-off counts by, which cookies it may
//! have, and whether the page that sent it is ours.
//!
//! The headers of a proxy count only when the connection comes from one that is trusted
//! (`listen.trusted_proxies`, by default this machine).

use std::net::IpAddr;

use poem::Addr;
use poem::Request;
use poem::http::{StatusCode, header};
use url::Url;

use super::auth::Gate;
use super::error::Problem;
use crate::config::IpRange;

/// How a client's requests travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// HTTPS, as far as the proxy.
    Secure,
    /// Plain HTTP that does not leave the machine.
    Loopback,
    /// Plain HTTP over a network.
    Plain,
}

/// What a request says of its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visit {
    /// The client's address. `None` for the machine itself, or a trusted proxy that does not
    /// say for whom it asks: that is any number of people.
    pub address: Option<IpAddr>,
    pub transport: Transport,
}

/// A cookie of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cookie {
    /// A person's refresh token.
    Refresh,
    /// An operator's session.
    Operator,
    /// The browser that was sent to the homeserver's sign-in page.
    Sso,
}

impl Cookie {
    /// With the prefix, no other host and no plain page can set it (RFC 6265bis, 4.1.3.2);
    /// browsers take such a cookie over HTTPS only.
    fn name(self, transport: Transport) -> &'static str {
        match (self, transport) {
            (Self::Refresh, Transport::Secure) => "__Host-daarion_refresh",
            (Self::Refresh, _) => "daarion_refresh",
            (Self::Operator, Transport::Secure) => "__Host-daarion_operator",
            (Self::Operator, _) => "daarion_operator",
            (Self::Sso, Transport::Secure) => "__Host-daarion_sso",
            (Self::Sso, _) => "daarion_sso",
        }
    }

    /// Whether it goes along when a page of another site leads here. The homeserver's does, and
    /// nobody else's may.
    fn same_site(self) -> &'static str {
        match self {
            Self::Refresh | Self::Operator => "Strict",
            Self::Sso => "Lax",
        }
    }

    /// The header that sets it for some seconds; none of them takes it away.
    #[must_use]
    pub fn set(self, visit: Visit, value: &str, seconds: u64) -> String {
        let name = self.name(visit.transport);
        let secure = match visit.transport {
            Transport::Secure => "; Secure",
            Transport::Loopback | Transport::Plain => "",
        };
        let site = self.same_site();
        format!("{name}={value}; Path=/; HttpOnly; SameSite={site}{secure}; Max-Age={seconds}")
    }

    /// Its value in a request.
    #[must_use]
    pub fn read(self, request: &Request, visit: Visit) -> Option<&str> {
        let name = self.name(visit.transport);
        let headers = request.headers().get_all(header::COOKIE).into_iter();
        headers
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.trim_matches('"'))
    }
}

/// What is known of a request's way.
#[derive(Clone, Copy, Default)]
struct Way<'a> {
    /// Who is at the other end of the connection; `None` for a unix socket.
    peer: Option<IpAddr>,
    host: Option<&'a str>,
    forwarded_for: Option<&'a str>,
    forwarded_proto: Option<&'a str>,
}

impl Way<'_> {
    fn visit(self, public_url: Option<&Url>, trusted: &[IpRange]) -> Visit {
        if !self.is_trusted(trusted) {
            return Visit {
                address: self.peer,
                transport: Transport::Plain,
            };
        }
        let address = self
            .forwarded_for
            .and_then(|address| address.parse::<IpAddr>().ok())
            .map(|address| address.to_canonical())
            .filter(|address| !address.is_loopback());
        let is_public = || {
            public_url.is_some_and(|url| {
                url.scheme() == "https" && self.host.is_some_and(|host| is_host_of(host, url))
            })
        };
        let is_secure = match self.forwarded_proto {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None => is_public(),
        };
        let transport = if is_secure {
            Transport::Secure
        } else if address.is_none() && self.host.is_none_or(is_loopback) {
            Transport::Loopback
        } else {
            Transport::Plain
        };
        Visit { address, transport }
    }

    /// Whether the peer's word counts. Whoever connects to a socket file is on this machine.
    fn is_trusted(&self, trusted: &[IpRange]) -> bool {
        self.peer
            .is_none_or(|peer| trusted.iter().any(|range| range.contains(peer)))
    }

    /// Whether a proxy speaks whose word does not count. That may be a stranger's trick, but
    /// mostly it is a proxy that nobody has told us of.
    fn is_unheard(&self, trusted: &[IpRange]) -> bool {
        let says = self.forwarded_for.is_some() || self.forwarded_proto.is_some();
        says && !self.is_trusted(trusted)
    }
}

impl Gate {
    /// From where a request comes.
    #[must_use]
    pub fn visit(&self, request: &Request) -> Visit {
        let way = Way {
            peer: match &request.remote_addr().0 {
                Addr::SocketAddr(address) => Some(address.ip().to_canonical()),
                _ => None,
            },
            host: host(request),
            forwarded_for: forwarded(request, "x-forwarded-for"),
            forwarded_proto: forwarded(request, "x-forwarded-proto"),
        };
        if way.is_unheard(&self.trusted_proxies) {
            self.unheard_proxy.call_once(|| {
                let peer = way.peer.map(|peer| peer.to_string());
                tracing::warn!(
                    peer,
                    "X-Forwarded-For and X-Forwarded-Proto are not looked at in requests of this \
                     address; if it is your proxy, list it in listen.trusted_proxies"
                );
            });
        }
        way.visit(self.public_url.as_ref(), &self.trusted_proxies)
    }

    /// The address of a path of ours as the browser that asks reaches it, to be sent back to from
    /// elsewhere: `listen.public_url`, or on the machine itself what it was asked by.
    pub fn own_address(&self, request: &Request, path: &str) -> Result<Url, Problem> {
        let host = host(request);
        let public = self.public_url.as_ref();
        let public = public.filter(|url| host.is_some_and(|host| is_host_of(host, url)));
        let own = || {
            let is_here = self.visit(request).transport == Transport::Loopback;
            let host = host.filter(|host| is_here && is_loopback(host))?;
            Url::parse(&format!("http://{host}")).ok()
        };
        let base = public.cloned().or_else(own).ok_or_else(|| {
            let message = "the homeserver's page leads back to listen.public_url alone; sign in \
                           there";
            Problem::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message)
        })?;
        base.join(path).map_err(|error| {
            let message = format!("listen.public_url: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
        })
    }

    /// Refuses what a page of another site has sent. Programs send no `Origin`.
    pub fn check_origin(&self, request: &Request) -> Result<(), Problem> {
        let Some(origin) = request.headers().get(header::ORIGIN) else {
            return Ok(());
        };
        let origin = origin.to_str().unwrap_or_default();
        let parsed = Url::parse(origin).ok();
        let is_ours = parsed.is_some_and(|parsed| {
            let is_public = self
                .public_url
                .as_ref()
                .is_some_and(|url| url.origin() == parsed.origin());
            let is_own = || {
                let is_downgraded = parsed.scheme() != "https"
                    && self.visit(request).transport == Transport::Secure;
                !is_downgraded && host(request).is_some_and(|host| is_host_of(host, &parsed))
            };
            is_public || is_own()
        });
        if is_ours {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "M_FORBIDDEN",
            format!("Origin: {origin:?} is not where this city lives (listen.public_url)"),
        ))
    }
}

/// What the proxy nearest to us says; those before it could say anything.
fn forwarded<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut headers = request.headers().get_all(name).into_iter();
    let last = headers.next_back()?.to_str().ok()?.rsplit(',').next()?;
    Some(last.trim())
}

fn host(request: &Request) -> Option<&str> {
    let header = request.headers().get(header::HOST);
    header
        .and_then(|host| host.to_str().ok())
        .or_else(|| Some(request.uri().authority()?.as_str()))
}

/// Whether a `Host` header is the host and port of an address.
fn is_host_of(host: &str, url: &Url) -> bool {
    let Ok(host) = Url::parse(&format!("{}://{host}", url.scheme())) else {
        return false;
    };
    host.host() == url.host() && host.port_or_known_default() == url.port_or_known_default()
}

fn is_loopback(host: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{host}")) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// What is trusted when nothing is set.
    fn machine() -> [IpRange; 2] {
        [range("127.0.0.0", 8), range("::1", 128)]
    }

    fn range(text: &str, prefix_bits: u8) -> IpRange {
        IpRange {
            address: address(text),
            prefix_bits,
        }
    }

    fn local<'a>() -> Way<'a> {
        Way {
            peer: Some(address("127.0.0.1")),
            host: Some("127.0.0.1:7004"),
            ..Way::default()
        }
    }

    #[test]
    fn what_a_stranger_says_of_its_way_does_not_count() {
        let stranger = Way {
            peer: Some(address("203.0.113.9")),
            host: Some("localhost"),
            forwarded_for: Some("192.0.2.1"),
            forwarded_proto: Some("https"),
        };
        let public = Url::parse("https://localhost").expect("a URL");
        let expected = Visit {
            address: Some(address("203.0.113.9")),
            transport: Transport::Plain,
        };
        assert_eq!(stranger.visit(Some(&public), &machine()), expected);
        assert!(stranger.is_unheard(&machine()));
    }

    #[test]
    fn the_machines_own_proxy_is_believed() {
        let client = Some("203.0.113.9");
        for (scheme, transport) in [
            (Some("https"), Transport::Secure),
            (Some("http"), Transport::Plain),
            (None, Transport::Plain),
        ] {
            for peer in [Some(address("127.0.0.1")), Some(address("::1")), None] {
                let way = Way {
                    peer,
                    forwarded_for: client,
                    forwarded_proto: scheme,
                    ..local()
                };
                let expected = Visit {
                    address: Some(address("203.0.113.9")),
                    transport,
                };
                assert_eq!(way.visit(None, &machine()), expected);
                assert!(!way.is_unheard(&machine()));
            }
        }
    }

    #[test]
    fn a_proxy_of_another_machine_is_believed_when_it_is_trusted() {
        let way = Way {
            peer: Some(address("172.30.7.1")),
            host: Some("city.example.org"),
            forwarded_for: Some("203.0.113.9"),
            forwarded_proto: Some("https"),
        };
        let expected = Visit {
            address: Some(address("203.0.113.9")),
            transport: Transport::Secure,
        };
        let network = [range("172.30.7.0", 24)];
        assert_eq!(way.visit(None, &network), expected);
        let stranger = way.visit(None, &machine());
        assert_eq!(stranger.transport, Transport::Plain);
        // The host of the containers, which passes a connection on and says nothing.
        let host = Way {
            peer: Some(address("172.30.7.1")),
            host: Some("127.0.0.1:7004"),
            ..Way::default()
        };
        let expected = Visit {
            address: None,
            transport: Transport::Loopback,
        };
        assert_eq!(host.visit(None, &network), expected);
    }

    #[test]
    fn whoever_distrusts_the_machine_itself_is_obeyed() {
        let way = Way {
            forwarded_proto: Some("https"),
            ..local()
        };
        let visit = way.visit(None, &[]);
        assert_eq!(visit.transport, Transport::Plain);
        assert_eq!(visit.address, Some(address("127.0.0.1")));
    }

    #[test]
    fn the_public_address_tells_what_a_silent_proxy_does_not() {
        let public = Url::parse("https://city.example.org/").expect("a URL");
        for (host, transport) in [
            ("city.example.org", Transport::Secure),
            ("CITY.example.org:443", Transport::Secure),
            ("city.example.org:80", Transport::Plain),
            ("other.example.org", Transport::Plain),
            ("localhost:7004", Transport::Loopback),
            ("[::1]:7004", Transport::Loopback),
            ("127.0.0.1", Transport::Loopback),
            ("127.0.0.1.example.org", Transport::Plain),
            ("a b", Transport::Plain),
        ] {
            let way = Way {
                host: Some(host),
                ..local()
            };
            let visit = way.visit(Some(&public), &machine());
            assert_eq!(visit.transport, transport, "{host}");
            assert_eq!(visit.address, None);
        }
    }
}
