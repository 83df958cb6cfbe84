//! Ranges of addresses, as several sections name them.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

/// What is expected where a range is to stand.
pub(super) const RANGE: &str = "an address or a range like \"10.0.0.0/8\"";

/// A range of addresses, `10.0.0.0/8`; an address alone is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    /// The first address, or any other one of the range.
    pub address: IpAddr,
    /// The number of leading bits that the addresses of the range share.
    pub prefix_bits: u8,
}

impl IpRange {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self {
            address,
            prefix_bits,
        })
    }

    /// Whether an address is in the range. An IPv4 address written as an IPv6 one is itself.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = u32::from(self.prefix_bits);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = u32::from(own) ^ u32::from(other);
                differing.leading_zeros() >= bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = u128::from(own) ^ u128::from(other);
                differing.leading_zeros() >= bits
            }
            _ => false,
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Serialize for IpRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_what_shares_its_leading_bits() {
        for (range, address, expected) in [
            ("127.0.0.0/8", "127.8.9.10", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("172.30.7.9/24", "172.30.7.255", true),
            ("172.30.7.0/24", "172.30.8.0", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::ffff:203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::1", "::1", true),
            ("::/0", "2001:db8::1", true),
        ] {
            let range = IpRange::parse(range).expect("a range");
            let address = address.parse().expect("an address");
            assert_eq!(range.contains(address), expected, "{range} {address}");
        }
    }
}
