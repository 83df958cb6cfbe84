//! Names to addresses, those left out that may not be connected to.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::network::{Reach, Refusal};

/// Looks names up for the HTTP client, at each connection.
pub struct Resolver(Arc<Reach>);

impl Resolver {
    pub fn new(reach: Arc<Reach>) -> Self {
        Self(reach)
    }
}

/// Why a name leads nowhere.
#[derive(Debug)]
pub enum Unresolved {
    Unknown(std::io::Error),
    Refused(SocketAddr, Refusal),
    Nothing,
}

impl Unresolved {
    /// What forbids it, when something does.
    pub fn refusal(&self) -> Option<String> {
        matches!(self, Self::Refused(..)).then(|| self.to_string())
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => write!(f, "the name cannot be looked up: {error}"),
            Self::Refused(address, refusal) => {
                write!(f, "leads to {}, {refusal}", address.ip())
            }
            Self::Nothing => f.write_str("the name leads to no address"),
        }
    }
}

impl std::error::Error for Unresolved {}

/// The addresses of a name that may be connected to. Fails when there is none.
pub async fn look_up(reach: &Reach, name: &str) -> Result<Vec<SocketAddr>, Unresolved> {
    let found: Vec<SocketAddr> = match is_localhost(name) {
        true => vec![
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ],
        false => {
            let found = tokio::net::lookup_host((name, 0)).await;
            found.map_err(Unresolved::Unknown)?.collect()
        }
    };
    let mut refused = Unresolved::Nothing;
    let mut good = Vec::new();
    for address in found {
        match reach.judge(address.ip()) {
            Ok(()) => good.push(address),
            Err(refusal) => refused = Unresolved::Refused(address, refusal),
        }
    }
    if good.is_empty() {
        return Err(refused);
    }
    Ok(good)
}

/// Names that lead to this machine, whatever anybody says (RFC 6761, section 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let good = look_up(&reach, name.as_str()).await?;
            let good: Addrs = Box::new(good.into_iter());
            Ok(good)
        })
    }
}
