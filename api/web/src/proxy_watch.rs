//! Notices a reverse proxy that `TRUSTED_PROXIES` does not name.
//!
//! All clients behind such a proxy have one address, so a few busy ones use up the limit of all,
//! and nothing else tells why: every request is answered as configured. Two signs of it are looked
//! for in requests that are counted by address: a private peer that says for whom it asks, and a
//! private peer that makes nearly all requests. Each is told once an hour.
//!
//! Every such request passes here, so there is no lock and no allocation, and the clock is read
//! only where there is something to tell. Threads that meet in between can miscount a window by a
//! few requests; the next window is as good.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use domain::client_address::{ClientAddress, TrustedProxies};
use domain::clock::Clock;
use ipnet::IpNet;

/// Requests that are looked at together.
const WINDOW: u32 = 1_000;
/// More requests of a window than this by one peer are nearly all.
const NEARLY_ALL: u32 = WINDOW / 10 * 9;
/// How often each sign is told.
const INTERVAL_MILLIS: i64 = 3_600_000;
/// Nothing was told yet.
const NEVER: i64 = i64::MIN;

/// What looks as if `TRUSTED_PROXIES` were wrong; the text names what to put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// This private peer sends `X-Forwarded-For`.
    Forwards(IpAddr),
    /// This private peer makes nearly all requests.
    Dominates(IpAddr),
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Forwards(peer) | Self::Dominates(peer)) = self;
        match self {
            Self::Forwards(_) => write!(f, "{peer} sends X-Forwarded-For and is not believed")?,
            Self::Dominates(_) => write!(
                f,
                "of the last {WINDOW} requests more than {NEARLY_ALL} came from {peer}"
            )?,
        }
        write!(
            f,
            ": if it is your reverse proxy, all its clients share the limits of one address; put \
             {} into TRUSTED_PROXIES",
            IpNet::from(*peer)
        )
    }
}

/// The counts of the running window, and when each sign was told.
#[derive(Debug)]
pub(crate) struct ProxyWatch {
    /// Requests in this window.
    seen: AtomicU32,
    /// Those of the candidate.
    of_candidate: AtomicU32,
    /// The fingerprint of the first suspect of the window, which nearly always is the one that makes
    /// nearly all requests.
    candidate: AtomicU64,
    forwards_told: AtomicI64,
    dominates_told: AtomicI64,
}

impl Default for ProxyWatch {
    fn default() -> Self {
        Self {
            seen: AtomicU32::new(0),
            of_candidate: AtomicU32::new(0),
            candidate: AtomicU64::new(0),
            forwards_told: AtomicI64::new(NEVER),
            dominates_told: AtomicI64::new(NEVER),
        }
    }
}

impl ProxyWatch {
    /// Takes note of a request that is counted by the address of its client; `forwards` tells
    /// whether it has an `X-Forwarded-For`. The result is to be logged.
    pub(crate) fn saw(
        &self,
        peer: IpAddr,
        forwards: bool,
        trusted: &TrustedProxies,
        clock: &Clock,
    ) -> Option<Suspicion> {
        let peer = peer.to_canonical();
        let suspect = is_private(peer) && !trusted.trusts(ClientAddress::new(peer));
        let dominates = self.count(suspect.then(|| fingerprint(peer)));
        if !suspect {
            return None;
        }
        if forwards && is_due(&self.forwards_told, clock) {
            return Some(Suspicion::Forwards(peer));
        }
        (dominates && is_due(&self.dominates_told, clock)).then_some(Suspicion::Dominates(peer))
    }

    /// Counts a request, of a suspect or of anybody else. Tells whether this suspect made nearly
    /// all requests of the window.
    fn count(&self, suspect: Option<u64>) -> bool {
        if self.seen.fetch_add(1, Ordering::Relaxed) >= WINDOW {
            self.seen.store(1, Ordering::Relaxed);
            self.of_candidate.store(0, Ordering::Relaxed);
            self.candidate.store(0, Ordering::Relaxed);
        }
        let Some(suspect) = suspect else {
            return false;
        };
        let chosen =
            self.candidate
                .compare_exchange(0, suspect, Ordering::Relaxed, Ordering::Relaxed);
        if chosen.is_err_and(|candidate| candidate != suspect) {
            return false;
        }
        self.of_candidate.fetch_add(1, Ordering::Relaxed) == NEARLY_ALL
    }
}

/// RFC 1918 and RFC 4193. Loopback is left out: that is a developer's machine.
fn is_private(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(peer) => peer.is_private(),
        IpAddr::V6(peer) => peer.is_unique_local(),
    }
}

/// Never zero, which stands for no candidate.
fn fingerprint(peer: IpAddr) -> u64 {
    let mut hasher = DefaultHasher::new();
    peer.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Whether a sign was not told for an hour; anyone who is told so is the only one.
fn is_due(told: &AtomicI64, clock: &Clock) -> bool {
    let (last, now) = (told.load(Ordering::Relaxed), clock.now_millis());
    last.saturating_add(INTERVAL_MILLIS) <= now
        && told
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    struct Stage {
        watch: ProxyWatch,
        trusted: TrustedProxies,
        clock: Clock,
    }

    impl Stage {
        fn trusting(list: &str) -> Self {
            Self {
                watch: ProxyWatch::default(),
                trusted: TrustedProxies::parse(list).expect("networks"),
                clock: Clock::manual(0),
            }
        }

        fn saw(&self, peer: &str, forwards: bool) -> Option<Suspicion> {
            self.watch
                .saw(address(peer), forwards, &self.trusted, &self.clock)
        }

        /// What `count` requests lead to, of which the n-th comes from `peer_of(n)`.
        fn told(&self, count: u32, peer_of: impl Fn(u32) -> String) -> Vec<Suspicion> {
            let requests = 0..count;
            requests
                .filter_map(|number| self.saw(&peer_of(number), false))
                .collect()
        }
    }

    /// The proxy's, but for one of `every` requests.
    fn mostly(proxy: &str, every: u32) -> impl Fn(u32) -> String {
        move |number| {
            if number % every == every - 1 {
                format!("203.0.113.{}", number % 200)
            } else {
                proxy.to_owned()
            }
        }
    }

    #[test]
    fn a_20_a_private_peer_that_makes_nearly_all_requests_is_told_once_an_hour() {
        for proxy in ["172.18.0.1", "10.1.2.3", "192.168.0.9", "fd00::7"] {
            let stage = Stage::trusting("127.0.0.1/32");
            let suspicion = Suspicion::Dominates(address(proxy));
            assert_eq!(stage.told(900, mostly(proxy, 50)), [], "{proxy}: too few");
            assert_eq!(stage.told(3_000, mostly(proxy, 50)), [suspicion], "{proxy}");
            stage.clock.advance(HOUR - 1);
            assert_eq!(stage.told(3_000, mostly(proxy, 50)), [], "{proxy}");
            stage.clock.advance(1);
            assert_eq!(stage.told(3_000, mostly(proxy, 50)), [suspicion], "{proxy}");
        }
    }

    #[test]
    fn a_20_who_is_trusted_public_or_this_machine_is_no_suspect() {
        let stage = Stage::trusting("172.18.0.1/32, fd00::/8");
        for peer in [
            "172.18.0.1",
            "::ffff:172.18.0.1",
            "fd00::7",
            "127.0.0.1",
            "::1",
            "203.0.113.7",
            "2001:db8::1",
        ] {
            assert_eq!(stage.told(3_000, |_| peer.to_owned()), [], "{peer}");
            assert_eq!(stage.saw(peer, true), None, "{peer}");
        }
    }

    #[test]
    fn a_20_a_private_peer_among_many_is_no_proxy() {
        let stage = Stage::trusting("");
        // One fifth comes from elsewhere, as where clients of the same network ask directly.
        assert_eq!(stage.told(20_000, mostly("10.0.0.5", 5)), []);
        // A network of private clients.
        let client = |number: u32| format!("10.0.{}.{}", number % 7, number % 251);
        assert_eq!(stage.told(20_000, client), []);
    }

    #[test]
    fn a_20_requests_of_before_do_not_hide_a_proxy() {
        let stage = Stage::trusting("");
        assert_eq!(stage.told(1_500, |_| "10.9.9.9".to_owned()).len(), 1);
        stage.clock.advance(HOUR);
        assert_eq!(stage.told(700, |n| format!("203.0.113.{}", n % 200)), []);
        assert_eq!(
            stage.told(3_000, |_| "10.0.0.5".to_owned()),
            [Suspicion::Dominates(address("10.0.0.5"))]
        );
    }

    #[test]
    fn a_20_a_private_peer_that_forwards_is_told_at_once_and_once_an_hour() {
        let stage = Stage::trusting("10.0.0.1/32");
        assert_eq!(stage.saw("10.0.0.2", false), None);
        let suspicion = Some(Suspicion::Forwards(address("10.0.0.2")));
        assert_eq!(stage.saw("10.0.0.2", true), suspicion);
        assert_eq!(stage.saw("10.0.0.2", true), None);
        stage.clock.advance(HOUR);
        assert_eq!(stage.saw("::ffff:10.0.0.2", true), suspicion);
    }

    #[test]
    fn a_20_the_text_names_the_setting_and_what_to_put_there() {
        let text = Suspicion::Dominates(address("172.18.0.1")).to_string();
        assert!(
            text.contains("put 172.18.0.1/32 into TRUSTED_PROXIES"),
            "{text}"
        );
        let text = Suspicion::Forwards(address("fd00::7")).to_string();
        assert!(text.contains("put fd00::7/128 into"), "{text}");
    }

    #[test]
    fn a_20_doing_what_the_warning_says_ends_it() {
        for proxy in ["172.18.0.1", "fd00::7", "::ffff:10.0.0.2"] {
            let told = Stage::trusting("")
                .saw(proxy, true)
                .expect("told")
                .to_string();
            let (_, put) = told.split_once("put ").expect("what to put");
            let (value, _) = put.split_once(" into TRUSTED_PROXIES").expect("where");
            let stage = Stage::trusting(value);
            assert_eq!(stage.saw(proxy, true), None, "{value}");
            assert_eq!(stage.told(3_000, |_| proxy.to_owned()), [], "{value}");
        }
    }
}
