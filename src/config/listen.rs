//! `[listen]`: the addresses on which daarion answers.
//!
//! The public and the internal listener are kept apart here: what may only be reached by services
//! and the homeserver must never share an address with what members reach.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use url::Url;

use super::error::ConfigError;
use super::ip_range::{IpRange, RANGE};
use super::values::{Values, parse_http_url};

/// The section `[listen]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListenConfig {
    /// `/api`, `/ws`, `/docs`: what a reverse proxy shows to members.
    /// Default `["127.0.0.1:7004"]`.
    pub public: Vec<ListenAddr>,
    /// `/internal`, `/_matrix/app`: services and the homeserver.
    /// Default `["127.0.0.1:7003"]`.
    pub internal: Vec<ListenAddr>,
    /// The unix socket of the command line. Default `/run/daarion/admin.sock`.
    pub admin: PathBuf,
    /// The URL by which members reach the public listener. Default `""`: not known.
    pub public_url: Option<Url>,
    /// The proxies whose word counts for whom a request comes from and how it has travelled.
    /// Default `["127.0.0.0/8", "::1"]`: those of this machine.
    pub trusted_proxies: Vec<IpRange>,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddr {
    /// `ip:port`; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
}

const ADDRESS: &str = "\"ip:port\" like \"127.0.0.1:7004\" or \"unix:/path\"";

impl ListenConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let listen = Self {
            public: addresses(values, "listen.public")?,
            internal: addresses(values, "listen.internal")?,
            admin: values.path("listen.admin")?,
            public_url: values.optional(
                "listen.public_url",
                "an http or https URL like \"https://city.example.org\", or \"\"",
                parse_http_url,
            )?,
            trusted_proxies: values.list("listen.trusted_proxies", RANGE, IpRange::parse)?,
        };
        listen.check_apart(values)?;
        Ok(listen)
    }

    /// Whether only this machine can reach the public listener.
    #[must_use]
    pub fn is_public_loopback(&self) -> bool {
        self.public.iter().all(ListenAddr::is_loopback)
    }

    fn check_apart(&self, values: &Values) -> Result<(), ConfigError> {
        for (position, address) in self.internal.iter().enumerate() {
            if self.public.iter().any(|public| public.overlaps(address)) {
                let problem = format!("{address} is also an address of listen.public");
                return Err(values.invalid_beside("listen.internal", "listen.public", problem));
            }
            if self.internal[..position]
                .iter()
                .any(|a| a.overlaps(address))
            {
                return Err(values.invalid("listen.internal", format!("{address} stands twice")));
            }
        }
        for (position, address) in self.public.iter().enumerate() {
            if self.public[..position].iter().any(|a| a.overlaps(address)) {
                return Err(values.invalid("listen.public", format!("{address} stands twice")));
            }
        }
        let admin = ListenAddr::Unix(self.admin.clone());
        if self.public.contains(&admin) || self.internal.contains(&admin) {
            let problem = "is also an address of listen.public or listen.internal";
            return Err(values.invalid("listen.admin", problem));
        }
        Ok(())
    }
}

fn addresses(values: &Values, name: &str) -> Result<Vec<ListenAddr>, ConfigError> {
    let addresses = values.list(name, ADDRESS, ListenAddr::parse)?;
    if addresses.is_empty() {
        return Err(values.invalid(name, format!("expected at least one address, {ADDRESS}")));
    }
    Ok(addresses)
}

impl ListenAddr {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("unix:") {
            Some(path) => path
                .starts_with('/')
                .then(|| Self::Unix(PathBuf::from(path))),
            None => text.parse().ok().map(Self::Tcp),
        }
    }

    /// Whether only this machine can reach the address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Whether both cannot be listened on at once. A wildcard address covers every other one.
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(a), Self::Tcp(b)) => {
                let is_any = a.ip().is_unspecified() || b.ip().is_unspecified();
                a.port() != 0 && a.port() == b.port() && (is_any || a.ip() == b.ip())
            }
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Serialize for ListenAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
