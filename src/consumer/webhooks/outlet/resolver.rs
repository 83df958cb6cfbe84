//! Names to addresses, those left out that may not be connected to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::doors::{Closed, Doors};
use super::names::Names;

/// Looks names up for the HTTP client that connects to a port, at each connection.
pub struct Resolver {
    pub names: Names,
    pub doors: Arc<Doors>,
    pub port: u16,
}

/// Why a name leads nowhere.
#[derive(Debug)]
pub enum Unresolved {
    Unknown(String),
    Refused(IpAddr, Closed),
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
                write!(f, "leads to {address}, {refusal}")
            }
            Self::Nothing => f.write_str("the name leads to no address"),
        }
    }
}

impl std::error::Error for Unresolved {}

/// The addresses of a name that a connection to a port may be made to. Fails when there is none.
pub async fn look_up(
    names: &Names,
    doors: &Doors,
    name: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, Unresolved> {
    let found: Vec<IpAddr> = match is_localhost(name) {
        true => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        false => names.look_up(name).await.map_err(Unresolved::Unknown)?,
    };
    let mut refused = Unresolved::Nothing;
    let mut good = Vec::new();
    for address in found {
        match doors.judge(address, port) {
            Ok(()) => good.push((address, 0).into()),
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
        let (names, doors, port) = (self.names.clone(), self.doors.clone(), self.port);
        Box::pin(async move {
            let good = look_up(&names, &doors, name.as_str(), port).await?;
            let good: Addrs = Box::new(good.into_iter());
            Ok(good)
        })
    }
}
