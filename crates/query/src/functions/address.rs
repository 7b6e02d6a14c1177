//! Addresses and networks. What is public follows IANA's special-purpose address registries for IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arrow_schema::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use ipnet::IpNet;

use super::Function;
use super::text::{Texts, flags_by_row, texts, udf};

/// IPv4 blocks that are not globally reachable (IANA IPv4 Special-Purpose Address Registry), and multicast.
const PRIVATE_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Exceptions inside them: Port Control Protocol and TURN anycast.
const PUBLIC_V4: &[[u8; 4]] = &[[192, 0, 0, 9], [192, 0, 0, 10]];

/// IPv6 blocks inside the allocated 2000::/3 that are not globally reachable (IANA IPv6 Special-Purpose Address Registry).
const PRIVATE_V6: &[([u16; 8], u8)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Exceptions inside them: anycast addresses, AMT, AS112, ORCHIDv2 and drone identifiers.
const PUBLIC_V6: &[([u16; 8], u8)] = &[
    ([0x2001, 1, 0, 0, 0, 0, 0, 1], 128),
    ([0x2001, 1, 0, 0, 0, 0, 0, 2], 128),
    ([0x2001, 1, 0, 0, 0, 0, 0, 3], 128),
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32),
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48),
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28),
    ([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28),
];

/// Whether an address can be reached from the internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    let within = |(base, length): &([u8; 4], u8)| (bits ^ u32::from(Ipv4Addr::from(*base))) >> (32 - u32::from(*length)) == 0;
    PUBLIC_V4.contains(&address.octets()) || !PRIVATE_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let bits = u128::from(address);
    let within =
        |(base, length): &([u16; 8], u8)| (bits ^ u128::from(Ipv6Addr::from(*base))).checked_shr(128 - u32::from(*length)) == Some(0);
    if within(&([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96)) {
        // NAT64: as public as the IPv4 address it carries.
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Only 2000::/3 is allocated as global unicast.
    within(&([0x2000, 0, 0, 0, 0, 0, 0, 0], 3)) && (PUBLIC_V6.iter().any(within) || !PRIVATE_V6.iter().any(within))
}

/// A network, or a single address as the network of itself. Host bits may be set, as people type them.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn contains(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let (networks, addresses) = (Texts::of(&args[0])?, Texts::of(&args[1])?);
    let address = |row| addresses.get(row)?.trim().parse::<IpAddr>().ok();
    if let Texts::One(Some(text)) = &networks {
        // What a person types must be right; what evidence holds need not be.
        let Some(network) = network(text) else {
            return exec_err!("cidr_contains: `{text}` is not a network: write it as in 10.0.0.0/8 or 2001:db8::/32");
        };
        return flags_by_row(args, |row| address(row).map(|a| network.contains(&a)));
    }
    flags_by_row(args, |row| Some(network(networks.get(row)?)?.contains(&address(row)?)))
}

fn public(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let addresses = Texts::of(&args[0])?;
    flags_by_row(args, |row| addresses.get(row)?.trim().parse::<IpAddr>().ok().map(is_public))
}

/// The functions of this module.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function {
            udf: udf("cidr_contains", texts(2), DataType::Boolean, contains),
            arguments: &["cidr", "ip"],
            returns: "boolean",
            doc: "Whether a network (`10.0.0.0/8`, `2001:db8::/32`, or a single address) contains an address; NULL where `ip` is not an address.",
        },
        Function {
            udf: udf("ip_is_public", texts(1), DataType::Boolean, public),
            arguments: &["ip"],
            returns: "boolean",
            doc: "Whether an address can be reached from the internet (IANA special-purpose registries); NULL for what is not an address, such as `ec2.amazonaws.com`.",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        for public in [
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "192.0.0.9",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2600:1f18::1",
            "2001:1::1",
            "2001:20::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.255.255",
            "198.51.100.9",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2001:2::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "100::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "4000::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
