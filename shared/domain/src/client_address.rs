//! Who is asking: the address that limits are counted by.
//!
//! It is that of the socket, or what trusted proxies say of it: anyone who serves requests finds it.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Bits of an IPv6 address that name one customer's network (RFC 6177); the rest is chosen freely
/// by the client.
const IPV6_NETWORK_BITS: u8 = 64;
/// Bits that name a neighbourhood: what one customer can have at most, or one site's addresses.
const IPV4_GROUP_BITS: u8 = 24;
const IPV6_GROUP_BITS: u8 = 48;
/// Bits that name a network operator (the smallest allocation of RIPE NCC).
const IPV6_WIDE_BITS: u8 = 32;

/// An address in its one canonical form: an IPv4-mapped IPv6 address is IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Takes an address and makes it canonical.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The whole address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What limits are counted by: IPv4 whole, IPv6 by its /64, so that a client gains nothing by
    /// changing the half that it chooses itself.
    pub fn limit_key(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(_) => self.network(IPV6_NETWORK_BITS),
        }
    }

    /// The group that it belongs to: /24, of IPv6 the /48. What one group may do is more than what one
    /// address may, and less than what all its addresses could.
    pub fn group_key(self) -> String {
        self.network(match self.0 {
            IpAddr::V4(_) => IPV4_GROUP_BITS,
            IpAddr::V6(_) => IPV6_GROUP_BITS,
        })
    }

    /// The network operator's whole network, /32; nothing for IPv4, where an operator has many small
    /// ones.
    pub fn wide_key(self) -> Option<String> {
        self.0.is_ipv6().then(|| self.network(IPV6_WIDE_BITS))
    }

    fn network(self, bits: u8) -> String {
        IpNet::new(self.0, bits).map_or_else(
            |_| self.0.to_string(),
            |network| network.trunc().to_string(),
        )
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The proxies whose `X-Forwarded-For` is believed; none unless configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// Why a list of proxies is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustedProxiesError {
    /// A part is neither an address nor a network.
    #[error("`{0}` is not an address or a network such as 10.0.0.0/8")]
    NotANetwork(String),
    /// A network of everybody: each client could then name its own address.
    #[error("`{0}` would trust every client; name the networks of your proxies only")]
    Everybody(String),
}

impl TrustedProxies {
    /// Reads a comma-separated list of networks (CIDR) and addresses.
    pub fn parse(list: &str) -> Result<Self, TrustedProxiesError> {
        list.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(parse_network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether what this peer says of its clients is believed.
    pub fn trusts(&self, peer: ClientAddress) -> bool {
        self.0.iter().any(|network| network.contains(&peer.0))
    }
}

fn parse_network(part: &str) -> Result<IpNet, TrustedProxiesError> {
    let network = part
        .parse::<IpNet>()
        .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| TrustedProxiesError::NotANetwork(part.to_owned()))?;
    let network = canonical_network(network);
    if network.prefix_len() == 0 {
        return Err(TrustedProxiesError::Everybody(part.to_owned()));
    }
    Ok(network)
}

/// Addresses are compared in their canonical form, so a network of IPv4-mapped addresses is a
/// network of IPv4 addresses.
fn canonical_network(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let mapped = match network {
        IpNet::V6(v6) if v6.prefix_len() >= MAPPED_BITS => v6
            .addr()
            .to_ipv4_mapped()
            .and_then(|v4| Ipv4Net::new(v4, v6.prefix_len() - MAPPED_BITS).ok()),
        _ => None,
    };
    mapped.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key(address: &str) -> String {
        ClientAddress::new(address.parse().expect("an address")).limit_key()
    }

    #[test]
    fn r_12_a_21_ten_thousand_addresses_of_one_network_share_a_bucket() {
        let keys: HashSet<_> = (0..10_000u32)
            .map(|host| key(&format!("2001:db8:1:2:{:x}::{host:x}", host % 7)))
            .collect();
        assert_eq!(keys.len(), 1);
        assert_eq!(key("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }

    #[test]
    fn r_12_a_21_spellings_of_an_address_share_a_bucket_and_ipv4_is_whole() {
        assert_eq!(key("::ffff:1.2.3.4"), "1.2.3.4");
        assert_eq!(key("::ffff:102:304"), key("1.2.3.4"));
        assert_eq!(key("2001:0DB8:0:0:0:0:0:1"), key("2001:db8::1"));
        assert_ne!(key("1.2.3.4"), key("1.2.3.5"));
    }

    #[test]
    fn a_21_addresses_of_one_neighbourhood_are_a_group() {
        let group =
            |address: &str| ClientAddress::new(address.parse().expect("an address")).group_key();
        let wide =
            |address: &str| ClientAddress::new(address.parse().expect("an address")).wide_key();
        assert_eq!(group("5.160.1.200"), "5.160.1.0/24");
        assert_eq!(group("::ffff:5.160.1.7"), group("5.160.1.200"));
        assert_eq!(group("2001:db8:7:ffff::1"), "2001:db8:7::/48");
        assert_ne!(group("2001:db8:7::1"), group("2001:db8:8::1"));
        assert_eq!(wide("2001:db8:7:ffff::1").as_deref(), Some("2001:db8::/32"));
        assert_eq!(wide("5.160.1.200"), None);
    }

    #[test]
    fn a_list_of_proxies_names_its_wrong_part_and_never_trusts_everybody() {
        assert_eq!(TrustedProxies::parse(" , "), Ok(TrustedProxies::default()));
        assert_eq!(
            TrustedProxies::parse("10.0.0.0/8,proxy.local"),
            Err(TrustedProxiesError::NotANetwork("proxy.local".to_owned()))
        );
        for everybody in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
            assert_eq!(
                TrustedProxies::parse(everybody),
                Err(TrustedProxiesError::Everybody(everybody.to_owned()))
            );
        }
        let mapped = TrustedProxies::parse("::ffff:10.0.0.0/104").expect("a network");
        assert!(mapped.trusts(ClientAddress::new("10.9.9.9".parse().expect("an address"))));
    }
}
