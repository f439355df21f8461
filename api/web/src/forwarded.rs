//! Whose request it is, behind the trusted proxies.
//!
//! The address comes from the socket. `X-Forwarded-For` is believed only as far as trusted proxies
//! wrote it: it is read from the right, and the first hop that is not a trusted proxy is the
//! client. Whatever stands left of it was typed by that client and is never looked at. A hop that
//! cannot be read counts as the peer itself, never as "no limit".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::client_address::{ClientAddress, TrustedProxies};
use http::HeaderMap;

/// The header by which proxies tell for whom they ask.
pub(crate) const FORWARDED_FOR: &str = "x-forwarded-for";

/// More trusted proxies than this in one row are not a network but a forged header.
const MAX_HOPS: usize = 16;

/// Finds the address of the client behind `peer`, the other end of the socket.
pub(crate) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &TrustedProxies,
) -> ClientAddress {
    let peer = ClientAddress::new(peer);
    if !trusted.trusts(peer) {
        return peer;
    }
    let mut furthest = peer;
    for (index, hop) in hops_from_the_right(headers).enumerate() {
        match hop.and_then(parse_hop) {
            Some(address) if index < MAX_HOPS => furthest = address,
            _ => return peer,
        }
        if !trusted.trusts(furthest) {
            break;
        }
    }
    furthest
}

/// The hops of all `X-Forwarded-For` headers, which together are one list, nearest first; `None`
/// where a header is not text.
fn hops_from_the_right(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers
        .get_all(FORWARDED_FOR)
        .iter()
        .rev()
        .flat_map(|value| match value.to_str() {
            Ok(text) => text.rsplit(',').map(Some).collect(),
            Err(_) => vec![None],
        })
}

/// Reads `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `fe80::1%eth0`, `[2001:db8::1]` and
/// `[2001:db8::1]:80`.
fn parse_hop(hop: &str) -> Option<ClientAddress> {
    let hop = hop.trim();
    let address = if let Some(bracketed) = hop.strip_prefix('[') {
        let (inside, rest) = bracketed.split_once(']')?;
        if !rest.is_empty() {
            parse_port(rest.strip_prefix(':')?)?;
        }
        IpAddr::V6(parse_ipv6(inside)?)
    } else if let Some((v4, port)) = hop.split_once(':').filter(|(v4, _)| v4.contains('.')) {
        parse_port(port)?;
        IpAddr::V4(v4.parse::<Ipv4Addr>().ok()?)
    } else if let Ok(v4) = hop.parse::<Ipv4Addr>() {
        IpAddr::V4(v4)
    } else {
        IpAddr::V6(parse_ipv6(hop)?)
    };
    Some(ClientAddress::new(address))
}

/// The zone (RFC 4007) names an interface of the proxy and says nothing about the client.
fn parse_ipv6(text: &str) -> Option<Ipv6Addr> {
    let address = text
        .split_once('%')
        .map_or(text, |(address, _zone)| address);
    address.parse().ok()
}

fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn proxies() -> TrustedProxies {
        TrustedProxies::parse("10.0.0.0/8, 192.0.2.7, fd00::/8").expect("a list of networks")
    }

    fn seen(peer: &str, headers: &[&[u8]]) -> String {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(
                FORWARDED_FOR,
                HeaderValue::from_bytes(value).expect("a value"),
            );
        }
        client_address(peer.parse().expect("an address"), &map, &proxies()).to_string()
    }

    #[test]
    fn r_13_a_20_a_stranger_cannot_choose_his_address_by_a_header() {
        for value in ["1.2.3.4", "a", "", "10.0.0.2", "1.2.3.4, 10.0.0.2"] {
            assert_eq!(
                seen("203.0.113.9", &[value.as_bytes()]),
                "203.0.113.9",
                "{value}"
            );
        }
    }

    #[test]
    fn r_13_a_20_behind_a_proxy_the_right_most_untrusted_hop_is_the_client() {
        let cases: [(&[&[u8]], &str); 15] = [
            (&[b"1.2.3.4"], "1.2.3.4"),
            (&[b"  1.2.3.4  "], "1.2.3.4"),
            (&[b"9.9.9.9, 1.2.3.4"], "1.2.3.4"),
            (&[b"9.9.9.9, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            (&[b"9.9.9.9", b"1.2.3.4, 192.0.2.7"], "1.2.3.4"),
            (&[b"1.2.3.4", b"9.9.9.9"], "9.9.9.9"),
            (&[b"garbage, 1.2.3.4"], "1.2.3.4"),
            (&[b"\xff\xfe", b"1.2.3.4"], "1.2.3.4"),
            (&[b"1.2.3.4:8080"], "1.2.3.4"),
            (&[b"2001:db8::1"], "2001:db8::1"),
            (&[b"[2001:db8::1]:443"], "2001:db8::1"),
            (&[b"[2001:db8::1]"], "2001:db8::1"),
            (&[b"fe80::1%eth0"], "fe80::1"),
            (&[b"::ffff:1.2.3.4"], "1.2.3.4"),
            (&[b"::ffff:1.2.3.4, ::ffff:10.0.0.9"], "1.2.3.4"),
        ];
        for (headers, expected) in cases {
            assert_eq!(seen(PROXY, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn r_13_a_20_a_hop_that_cannot_be_read_counts_as_the_peer() {
        let cases: [&[u8]; 12] = [
            b"",
            b"a",
            b"unknown",
            b"1.2.3.4,",
            b"1.2.3",
            b"1.2.3.4:",
            b"1.2.3.4:port",
            b"[2001:db8::1",
            b"[2001:db8::1]443",
            b"[1.2.3.4]:443",
            b"1.2.3.4 5.6.7.8",
            b"\xff\xfe",
        ];
        for value in cases {
            assert_eq!(seen(PROXY, &[value]), PROXY, "{value:?}");
        }
        assert_eq!(seen(PROXY, &[]), PROXY, "no header");
        assert_eq!(
            seen(PROXY, &[b"1.2.3.4, what, 10.0.0.2"]),
            PROXY,
            "behind a trusted hop"
        );
    }

    #[test]
    fn r_13_a_20_a_hundred_hops_are_cheap_and_lead_nowhere() {
        let forged = vec!["10.0.0.3"; 100].join(", ");
        let headers: [&[u8]; 1] = [forged.as_bytes()];
        assert_eq!(seen(PROXY, &headers), PROXY);
        let spoofed = format!("{}, 1.2.3.4", vec!["9.9.9.9"; 100].join(", "));
        let headers: [&[u8]; 1] = [spoofed.as_bytes()];
        assert_eq!(seen(PROXY, &headers), "1.2.3.4");
    }

    #[test]
    fn a_request_of_a_proxy_itself_counts_for_the_furthest_trusted_hop() {
        assert_eq!(seen(PROXY, &[b"192.0.2.7, 10.0.0.2"]), "192.0.2.7");
        assert_eq!(
            seen("::ffff:10.0.0.1", &[b"1.2.3.4"]),
            "1.2.3.4",
            "a mapped peer"
        );
    }

    proptest::proptest! {
        /// Whatever stands left of the hop that the proxy wrote is never looked at, and a stranger's header
        /// is never believed.
        #[test]
        fn fuzz_r_13_a_20_nothing_left_of_the_true_hop_counts(
            left in proptest::collection::vec(proptest::prop_oneof![0x20_u8..=0x7e, 0x80_u8..=0xff], 0..80),
            client in proptest::prelude::any::<u32>(),
        ) {
            let client = ClientAddress::new(Ipv4Addr::from(client).into());
            proptest::prop_assume!(!proxies().trusts(client));
            let own = client.to_string();
            let one = [left.as_slice(), b", ", own.as_bytes()].concat();
            // A header that is no text cannot be read at all, and then the proxy itself is the client.
            let expected = if left.iter().all(u8::is_ascii) { own.as_str() } else { PROXY };
            proptest::prop_assert_eq!(seen(PROXY, &[&one]), expected);
            proptest::prop_assert_eq!(seen(PROXY, &[&left, own.as_bytes()]), own.as_str());
            proptest::prop_assert_eq!(seen("203.0.113.9", &[&one]), "203.0.113.9");
        }
    }
}
