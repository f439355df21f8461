//! Which servers may be called. A file of clients must not make the service call its own neighbours.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use domain::loopback::is_loopback;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// What may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The public network, by https.
    Public,
    /// That and this machine: the service is one for development.
    ThisMachineToo,
}

/// An address that may be called.
#[derive(Debug)]
pub(super) struct Destination(Url);

/// Why an address may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DestinationError {
    #[error("is no address")]
    NoAddress,
    #[error("is not https")]
    NotHttps,
    #[error("leads to this machine or into a private network, which is never called")]
    Private,
}

impl Reach {
    /// By the address of the service itself.
    pub(super) fn of_issuer(issuer: &str) -> Self {
        let url = Url::parse(issuer).ok();
        if url.is_some_and(|url| url.scheme() == "http" && is_loopback(&url)) {
            Self::ThisMachineToo
        } else {
            Self::Public
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        is_public(address) || (self == Self::ThisMachineToo && address.is_loopback())
    }
}

impl Destination {
    /// Names are looked at when they are resolved, by [`Reach`].
    pub(super) fn parse(address: &str, reach: Reach) -> Result<Self, DestinationError> {
        let url = Url::parse(address).map_err(|_| DestinationError::NoAddress)?;
        let for_development = reach == Reach::ThisMachineToo && is_loopback(&url);
        if url.scheme() != "https" && !(url.scheme() == "http" && for_development) {
            return Err(DestinationError::NotHttps);
        }
        let allowed = match url.host() {
            None => return Err(DestinationError::NoAddress),
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => reach.allows(address.into()),
            Some(Host::Ipv6(address)) => reach.allows(address.into()),
        };
        if allowed {
            Ok(Self(url))
        } else {
            Err(DestinationError::Private)
        }
    }

    pub(super) fn into_url(self) -> Url {
        self.0
    }
}

impl Resolve for Reach {
    /// The addresses of a name that may be called: what is called is what was looked at.
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|found| reach.allows(found.ip())).collect();
            if allowed.is_empty() {
                let error = io::Error::other(DestinationError::Private);
                return Err(Box::from(error));
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is one of the public network (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || address.is_documentation();
    !(special || address.is_private() || address.is_loopback() || address.is_link_local())
}

/// Of those given out at all (`2000::/3`), without documentation and what carries an address of IPv4 in it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    a & 0xe000 == 0x2000
        && a != 0x2002
        && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        && a != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str, reach: Reach) -> Option<DestinationError> {
        Destination::parse(address, reach).err()
    }

    #[test]
    fn bcl_only_https_to_the_public_network_is_called() {
        let public = Reach::of_issuer("https://id.example.ir");
        assert_eq!(public, Reach::Public);
        assert_eq!(Reach::of_issuer("http://id.example.ir"), Reach::Public);
        for good in [
            "https://shop.example.ir/out",
            "https://93.184.216.34/out",
            "https://[2606:4700::1]:8443/",
        ] {
            assert_eq!(parse(good, public), None, "{good}");
        }
        for private in [
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://172.16.0.9/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://192.0.0.8/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::1]/",
            "https://[2001:db8::1]/",
            "https://[2001::1]/",
            "https://2130706433/",
            "https://0x7f.1/",
        ] {
            assert_eq!(
                parse(private, public),
                Some(DestinationError::Private),
                "{private}"
            );
        }
        for plain in [
            "http://shop.example.ir/",
            "http://127.0.0.1/",
            "ftp://shop.example.ir/",
            "ir.example:/a",
        ] {
            assert_eq!(
                parse(plain, public),
                Some(DestinationError::NotHttps),
                "{plain}"
            );
        }
        assert_eq!(parse("shop", public), Some(DestinationError::NoAddress));
    }

    #[test]
    fn bcl_a_service_for_development_calls_this_machine_and_no_neighbour() {
        let reach = Reach::of_issuer("http://127.0.0.1:8000");
        assert_eq!(reach, Reach::ThisMachineToo);
        for good in [
            "http://127.0.0.1:3000/out",
            "http://localhost:3000/",
            "https://[::1]/",
            "https://a.ir/",
        ] {
            assert_eq!(parse(good, reach), None, "{good}");
        }
        for bad in ["http://192.168.1.1/", "http://a.ir/"] {
            assert_eq!(parse(bad, reach), Some(DestinationError::NotHttps), "{bad}");
        }
        assert_eq!(
            parse("https://192.168.1.1/", reach),
            Some(DestinationError::Private)
        );
    }

    #[tokio::test]
    async fn bcl_a_name_that_leads_into_the_house_is_not_resolved() {
        let resolve = async |reach: Reach| {
            let name = "localhost".parse().expect("a name");
            reach.resolve(name).await.map(Iterator::count)
        };
        assert!(resolve(Reach::Public).await.is_err());
        assert!(
            resolve(Reach::ThisMachineToo)
                .await
                .is_ok_and(|count| count > 0)
        );
    }
}
