//! Where deliveries may go: an address is never connected to, or only where the operator has
//! listed it, or it belongs to everybody's internet.
//!
//! Whoever subscribes names an address, and we stand inside a network that they do not. So an
//! address is judged by what is really reached: an IPv4 address inside of an IPv6 one counts as
//! that IPv4 address. Begin with [`Reach::judge`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses, `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Any address of the range.
    pub address: IpAddr,
    /// The number of leading bits that its addresses share.
    pub prefix_bits: u8,
}

impl Range {
    /// Whether an address is in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (u128::from(ours.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        let free_bits = u32::from(u8::saturating_sub(width, self.prefix_bits));
        let differ = ours ^ theirs;
        differ.checked_shr(free_bits).unwrap_or_default() == 0
    }
}

/// How far deliveries may reach.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Loopback and private ranges that receivers may live in.
    pub allow: Vec<Range>,
    /// Ranges that nothing is delivered to. Wins over `allow`.
    pub deny: Vec<Range>,
}

/// Why an address is not connected to. The words are what kind of address it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Nothing can allow it.
    Never(&'static str),
    /// The operator would have to allow it.
    NotAllowed(&'static str),
    /// The operator has denied it.
    Denied,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never(kind) => write!(f, "a {kind} address, where nothing is delivered to"),
            Self::NotAllowed(kind) => {
                write!(f, "a {kind} address that webhooks.allow does not list")
            }
            Self::Denied => f.write_str("an address that webhooks.deny lists"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Never(&'static str),
    Local(&'static str),
    Global,
}

impl Reach {
    /// Whether an address may be connected to.
    pub fn judge(&self, address: IpAddr) -> Result<(), Refusal> {
        let inner = embedded(address);
        let forms = || std::iter::once(address).chain(inner.iter().copied().map(IpAddr::V4));
        let lists = |list: &[Range], form| list.iter().any(|range| range.contains(form));
        if forms().any(|form| lists(&self.deny, form)) {
            return Err(Refusal::Denied);
        }
        // What an address carries inside is what it leads to. ISATAP is both.
        let is_shell = !inner.is_empty() && !is_isatap(address);
        for form in forms().skip(usize::from(is_shell)) {
            match kind(form) {
                Kind::Never(what) => return Err(Refusal::Never(what)),
                Kind::Local(what) if !lists(&self.allow, form) => {
                    return Err(Refusal::NotAllowed(what));
                }
                Kind::Local(_) | Kind::Global => {}
            }
        }
        Ok(())
    }
}

const RESERVED: &str = "reserved";
const METADATA: &str = "metadata";
const LINK_LOCAL: &str = "link-local";

/// The first row that fits decides. Source: the IANA registries of special-purpose addresses,
/// and what the large clouds serve credentials at.
const V4: &[([u8; 4], u8, Kind)] = &[
    ([169, 254, 169, 254], 32, Kind::Never(METADATA)),
    ([100, 100, 100, 200], 32, Kind::Never(METADATA)),
    ([168, 63, 129, 16], 32, Kind::Never(METADATA)),
    ([0, 0, 0, 0], 8, Kind::Never("unspecified")),
    ([169, 254, 0, 0], 16, Kind::Never(LINK_LOCAL)),
    ([127, 0, 0, 0], 8, Kind::Local("loopback")),
    ([10, 0, 0, 0], 8, Kind::Local("private")),
    ([172, 16, 0, 0], 12, Kind::Local("private")),
    ([192, 168, 0, 0], 16, Kind::Local("private")),
    ([100, 64, 0, 0], 10, Kind::Local("shared")),
    ([192, 0, 0, 0], 24, Kind::Never(RESERVED)),
    ([192, 0, 2, 0], 24, Kind::Never("documentation")),
    ([192, 88, 99, 0], 24, Kind::Never(RESERVED)),
    ([198, 18, 0, 0], 15, Kind::Never("benchmarking")),
    ([198, 51, 100, 0], 24, Kind::Never("documentation")),
    ([203, 0, 113, 0], 24, Kind::Never("documentation")),
    ([224, 0, 0, 0], 4, Kind::Never("multicast")),
    ([240, 0, 0, 0], 4, Kind::Never(RESERVED)),
];

/// As [`V4`]; what no row names is reserved, because all that is given out is in `2000::/3`.
const V6: &[([u16; 8], u8, Kind)] = &[
    ([0; 8], 128, Kind::Never("unspecified")),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Kind::Local("loopback")),
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32, Kind::Never(METADATA)),
    (
        [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254],
        128,
        Kind::Never(METADATA),
    ),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Kind::Local("private")),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Kind::Never(LINK_LOCAL)),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Kind::Never("multicast")),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Kind::Never(RESERVED)),
    (
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        Kind::Never("documentation"),
    ),
    (
        [0x3fff, 0, 0, 0, 0, 0, 0, 0],
        20,
        Kind::Never("documentation"),
    ),
    ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Kind::Global),
];

fn kind(address: IpAddr) -> Kind {
    let fits = |base: IpAddr, prefix_bits| {
        let range = Range {
            address: base,
            prefix_bits,
        };
        range.contains(address)
    };
    match address {
        IpAddr::V4(_) => V4
            .iter()
            .find(|(base, bits, _)| fits(Ipv4Addr::from(*base).into(), *bits))
            .map_or(Kind::Global, |(_, _, kind)| *kind),
        IpAddr::V6(_) => V6
            .iter()
            .find(|(base, bits, _)| fits(Ipv6Addr::from(*base).into(), *bits))
            .map_or(Kind::Never(RESERVED), |(_, _, kind)| *kind),
    }
}

/// The IPv4 addresses that an IPv6 address leads to.
fn embedded(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return Vec::new();
    };
    let parts = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let last = v4(parts[6], parts[7]);
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        // Compatible, mapped, translated (RFC 4291, RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![last],
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => vec![v4(high, low)],
        // Teredo (RFC 4380): its server, and the client with all bits turned over.
        [0x2001, 0, high, low, ..] => vec![v4(high, low), v4(!parts[6], !parts[7])],
        _ if is_isatap(address.into()) => vec![last],
        _ => Vec::new(),
    }
}

/// ISATAP (RFC 5214): the interface's part of an address of its own.
fn is_isatap(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(address) => matches!(address.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, ..]),
        IpAddr::V4(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        let (address, bits) = text.split_once('/').expect("a range");
        Range {
            address: address.parse().expect("an address"),
            prefix_bits: bits.parse().expect("a number"),
        }
    }

    fn judge(reach: &Reach, address: &str) -> Result<(), Refusal> {
        reach.judge(address.parse().expect("an address"))
    }

    #[test]
    fn the_internet_is_reached() {
        for good in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a01:4f8::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(judge(&Reach::default(), good), Ok(()), "{good}");
        }
    }

    #[test]
    fn local_networks_are_reached_where_they_are_listed() {
        let everything = Reach {
            allow: vec![range("0.0.0.0/0"), range("::/0")],
            deny: Vec::new(),
        };
        for local in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd12:3456::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
        ] {
            let refused = judge(&Reach::default(), local);
            assert!(
                matches!(refused, Err(Refusal::NotAllowed(_))),
                "{local}: {refused:?}"
            );
            assert_eq!(judge(&everything, local), Ok(()), "{local}");
        }
    }

    #[test]
    fn some_addresses_nothing_allows() {
        let everything = Reach {
            allow: vec![range("0.0.0.0/0"), range("::/0")],
            deny: Vec::new(),
        };
        for never in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "2001:db8::1",
            "2001:10::1",
            "3fff::1",
            "100::1",
            "4000::1",
            "64:ff9b:1::1",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            // Teredo with 169.254.169.254 turned over, and as the server.
            "2001:0:101:101:0:0:5601:5601",
            "2001:0:a9fe:a9fe::",
            "2a01:4f8::5efe:169.254.169.254",
            "2a01:4f8::200:5efe:169.254.169.254",
            "fe80::5efe:1.1.1.1",
        ] {
            let refused = judge(&everything, never);
            assert!(
                matches!(refused, Err(Refusal::Never(_))),
                "{never}: {refused:?}"
            );
        }
    }

    #[test]
    fn denying_wins() {
        let reach = Reach {
            allow: vec![range("10.0.0.0/8"), range("127.0.0.1/32")],
            deny: vec![
                range("10.1.0.0/16"),
                range("8.8.8.0/24"),
                range("2a01::/16"),
            ],
        };
        assert_eq!(judge(&reach, "10.2.0.1"), Ok(()));
        assert_eq!(judge(&reach, "127.0.0.1"), Ok(()));
        assert!(judge(&reach, "127.0.0.2").is_err());
        for denied in ["10.1.0.1", "8.8.8.8", "::ffff:10.1.0.1", "2a01:4f8::1"] {
            assert_eq!(judge(&reach, denied), Err(Refusal::Denied), "{denied}");
        }
    }

    #[test]
    fn a_range_has_edges() {
        assert!(range("10.0.0.0/8").contains("10.255.255.255".parse().expect("v4")));
        assert!(!range("10.0.0.0/8").contains("11.0.0.0".parse().expect("v4")));
        assert!(range("0.0.0.0/0").contains("255.0.0.1".parse().expect("v4")));
        assert!(!range("0.0.0.0/0").contains("::1".parse().expect("v6")));
        assert!(range("::/0").contains("ffff::".parse().expect("v6")));
        assert!(range("::1/128").contains("::1".parse().expect("v6")));
        assert!(!range("::1/128").contains("::2".parse().expect("v6")));
    }
}
