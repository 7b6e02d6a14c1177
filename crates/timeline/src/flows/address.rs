//! Which addresses are inside: those that no network of the public internet routes (RFC 1918, 6598, 3927, 4193, 4291).

use std::net::IpAddr;

/// `internal` or `external`; `None` where it is no address.
pub(super) fn side(address: &str) -> Option<&'static str> {
    Some(if is_internal(address.parse().ok()?) { "internal" } else { "external" })
}

/// Whether an address is of no public network.
pub(crate) fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b)) || v4.is_unspecified()
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback() || v6.is_multicast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_shared_and_link_local_addresses_are_inside() {
        for inside in ["10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "fd00::1", "fe80::1", "::ffff:10.0.0.1"] {
            assert_eq!(side(inside), Some("internal"), "{inside}");
        }
        for outside in ["172.32.0.1", "100.128.0.1", "198.51.100.7", "2001:db8::1"] {
            assert_eq!(side(outside), Some("external"), "{outside}");
        }
        assert_eq!(side("web"), None);
    }
}
