//! What the clients ask for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

use super::HttpRequest;

/// Where codes are asked for.
pub(crate) const OTP_PATH: &str = "/api/v1/usr/otp";
/// Where they are given back.
pub(crate) const VERIFY_PATH: &str = "/api/v1/usr/otp/verify";

/// Iranian mobile numbers 0910 to 0919: a hundred million.
const NUMBERS: u64 = 100_000_000;

/// A source of requests, each unlike the others. Clones share it.
#[derive(Clone)]
pub(crate) struct Requests(Arc<Source>);

struct Source {
    host: String,
    next: AtomicU64,
    kind: Kind,
    keep_bodies: bool,
}

#[derive(Clone)]
enum Kind {
    Codes,
    CodesFor(Arc<[String]>),
    Verifications(Arc<[Bytes]>),
}

/// All numbers of a run are different, whichever source they come from, so that no limit of a phone
/// refuses one.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// A number in E.164 form.
pub(crate) fn phone_of(index: u64) -> String {
    format!("+9891{:08}", index % NUMBERS)
}

/// The index of a number that nobody has asked for in this run.
pub(crate) fn next_number() -> u64 {
    NEXT_NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A number that nobody has asked for in this run.
pub(crate) fn next_phone() -> String {
    phone_of(next_number())
}

impl Requests {
    /// Each asks for a code for a number and from an address of its own.
    pub(crate) fn for_codes(server: SocketAddr) -> Self {
        Self::new(server, Kind::Codes)
    }

    /// Each asks for a code for one of these numbers, from an address of its own.
    pub(crate) fn codes_for(server: SocketAddr, phones: Vec<String>) -> Self {
        Self::new(server, Kind::CodesFor(phones.into()))
    }

    /// Each signs in with one of these bodies; there are as many requests as bodies.
    pub(crate) fn verifications(server: SocketAddr, bodies: Vec<Bytes>) -> Self {
        Self::new(server, Kind::Verifications(bodies.into()))
    }

    fn new(server: SocketAddr, kind: Kind) -> Self {
        Self(Arc::new(Source {
            host: server.to_string(),
            next: AtomicU64::new(0),
            kind,
            keep_bodies: false,
        }))
    }

    /// The same, where the bodies of the answers are wanted.
    pub(crate) fn keeping_bodies(&self) -> Self {
        Self(Arc::new(Source {
            host: self.0.host.clone(),
            next: AtomicU64::new(0),
            kind: self.0.kind.clone(),
            keep_bodies: true,
        }))
    }

    pub(super) fn keeps_bodies(&self) -> bool {
        self.0.keep_bodies
    }

    pub(super) fn next(&self) -> HttpRequest {
        let index = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (path, address, body) = match &self.0.kind {
            Kind::Codes => {
                let number = next_number();
                (OTP_PATH, number, code_body(&phone_of(number)))
            }
            Kind::CodesFor(phones) => {
                let number = next_number();
                (OTP_PATH, number, code_body(one_of::<String>(phones, index)))
            }
            Kind::Verifications(bodies) => (VERIFY_PATH, index, one_of(bodies, index).clone()),
        };
        Request::post(path)
            .header("host", &self.0.host)
            .header("content-type", "application/json")
            .header("x-forwarded-for", address_of(address).to_string())
            .body(Full::new(body))
            .expect("a path and three plain headers")
    }
}

fn code_body(phone: &str) -> Bytes {
    format!(r#"{{"phone_number":"{phone}"}}"#).into()
}

/// From the first again after the last. There is at least one.
fn one_of<T>(all: &[T], index: u64) -> &T {
    let count = all.len() as u64;
    &all[usize::try_from(index % count).unwrap_or_default()]
}

/// Groups of addresses (/24) that requests come from in turn: so many that none has more than its share.
const GROUPS: u64 = 4_096;

/// The client's address that a trusted proxy would name: one of a million, no two requests that follow
/// each other from the same group.
fn address_of(index: u64) -> Ipv4Addr {
    let group = u32::try_from(index % GROUPS).unwrap_or_default();
    let host = u32::try_from(index / GROUPS % 256).unwrap_or_default();
    Ipv4Addr::from_bits(u32::from_be_bytes([10, 0, 0, 0]) | group << 8 | host)
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use domain::phone::{AllowedCountries, PhoneNumber};

    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    pub(in crate::load) async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    /// Answers 202 to everything, each request of a connection after its delay.
    pub(in crate::load) async fn answer_all(listener: TcpListener, delay: fn(usize) -> Duration) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, delay));
        }
    }

    async fn answer(stream: TcpStream, delay: fn(usize) -> Duration) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        for request in 0.. {
            let mut length = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap_or_default();
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            tokio::time::sleep(delay(request)).await;
            let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn no_two_requests_have_a_number_or_an_address_in_common() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let requests = Requests::for_codes(server);
        let (first, second) = (requests.next(), requests.next());
        assert_ne!(
            first.headers().get("x-forwarded-for"),
            second.headers().get("x-forwarded-for")
        );
        let body = |request: HttpRequest| async {
            let collected = request.into_body().collect().await;
            collected.expect("a body").to_bytes()
        };
        assert_ne!(body(first).await, body(second).await);
    }

    #[test]
    fn every_number_is_a_mobile_number_that_the_api_takes() {
        for index in [0, 1, 12_345_678, NUMBERS - 1, NUMBERS + 1] {
            let text = phone_of(index);
            let countries = AllowedCountries::parse("IR").expect("a country");
            let phone = PhoneNumber::parse(&text, &countries);
            assert!(phone.is_ok(), "{text}");
        }
    }

    #[test]
    fn addresses_are_of_another_group_each_time() {
        assert_eq!(address_of(0), Ipv4Addr::new(10, 0, 0, 0));
        assert_eq!(address_of(1), Ipv4Addr::new(10, 0, 1, 0));
        assert_eq!(address_of(4_095), Ipv4Addr::new(10, 15, 255, 0));
        assert_eq!(address_of(4_096), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(address_of(4_096 * 256), Ipv4Addr::new(10, 0, 0, 0));
    }
}
