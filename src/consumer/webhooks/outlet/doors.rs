//! Which doors may be knocked at: an address by what kind it is, and never one of our own.
//!
//! A webhook that leads to our own listeners would let its maker speak to them from this machine,
//! past what keeps others away from them.

use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::domain::network::{Reach, Refusal};

/// The rules.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    pub reach: Reach,
    /// Where we listen ourselves.
    pub ours: Vec<SocketAddr>,
}

/// Why nothing is sent there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    Refused(Refusal),
    Ours,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Ours => f.write_str("where daarion itself listens"),
        }
    }
}

impl Doors {
    /// Whether a connection may be made.
    pub fn judge(&self, address: IpAddr, port: u16) -> Result<(), Closed> {
        self.reach.judge(address).map_err(Closed::Refused)?;
        if self.is_ours(address.to_canonical(), port) {
            return Err(Closed::Ours);
        }
        Ok(())
    }

    fn is_ours(&self, address: IpAddr, port: u16) -> bool {
        let mut at_port = self.ours.iter().filter(|ours| ours.port() == port);
        at_port.any(|ours| match ours.ip().to_canonical() {
            any if any.is_unspecified() => is_of_this_machine(address),
            one => one == address,
        })
    }
}

/// Whether an address is one of this machine's: those alone can be bound.
fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::network::Range;

    fn doors(ours: &[&str]) -> Doors {
        let range = |address: &str, prefix_bits| Range {
            address: address.parse().expect("an address"),
            prefix_bits,
        };
        Doors {
            reach: Reach {
                allow: vec![range("127.0.0.0", 8), range("::1", 128)],
                deny: Vec::new(),
            },
            ours: ours.iter().map(|it| it.parse().expect("one")).collect(),
        }
    }

    #[test]
    fn own_listeners_are_no_receivers() {
        let judge = |doors: &Doors, address: &str, port| {
            doors.judge(address.parse().expect("an address"), port)
        };
        let one = doors(&["127.0.0.1:7003"]);
        assert_eq!(judge(&one, "127.0.0.1", 7003), Err(Closed::Ours));
        assert_eq!(judge(&one, "::ffff:127.0.0.1", 7003), Err(Closed::Ours));
        assert_eq!(judge(&one, "127.0.0.1", 7005), Ok(()), "another port");
        assert_eq!(judge(&one, "127.0.0.2", 7003), Ok(()), "another address");
        for any in ["0.0.0.0:7003", "[::]:7003"] {
            let any = doors(&[any]);
            for address in ["127.0.0.1", "127.0.0.9", "::1"] {
                assert_eq!(judge(&any, address, 7003), Err(Closed::Ours), "{address}");
            }
            assert_eq!(judge(&any, "9.9.9.9", 7003), Ok(()), "not this machine");
        }
    }
}
