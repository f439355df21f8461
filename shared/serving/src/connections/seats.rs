//! Who may hold a connection, and whose goes when there are too many.
//!
//! Each connection has a seat. A client address (IPv6: its /64) and its neighbourhood (/24, /48) have a
//! share of the seats: anyone who takes more loses their own oldest idle connection, or is not seated where
//! none is idle. When all seats are taken, the oldest idle connection goes, of whichever client. Of those who have
//! begun a head and not ended it there is a share too, since each holds a buffer: beyond it the oldest goes.
//!
//! Reverse proxies in `TRUSTED_PROXIES` bring the clients of everybody, so they have no share, and their idle
//! connections go last.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::client_address::{ClientAddress, TrustedProxies};
use tokio::sync::Notify;
use tokio::time::Instant;

/// An address has a sixteenth of the seats, and this many at least.
const SHARE_OF_ADDRESS: usize = 16;
const LEAST_OF_ADDRESS: usize = 64;
/// Its neighbourhood a quarter.
const SHARE_OF_GROUP: usize = 4;
/// And of all seats a quarter may hold a head that is not whole.
const SHARE_OF_HEADS: usize = 4;

const IPV4_GROUP_BITS: u32 = 8;
const IPV6_ADDRESS_BITS: u32 = 64;
const IPV6_GROUP_BITS: u32 = 80;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Nothing was asked, or all was answered.
    Idle = 0,
    /// A head has begun to come.
    Head = 1,
    /// A request is carried out or its answer is written.
    Busy = 2,
}

/// Who a connection comes from, as shares count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum From {
    Address(IpAddr),
    Group(IpAddr),
}

fn shares_of(peer: IpAddr) -> [From; 2] {
    let cut = |address: Ipv6Addr, bits: u32| {
        IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> bits << bits))
    };
    match ClientAddress::new(peer).ip() {
        IpAddr::V4(address) => {
            let group = address.to_bits() >> IPV4_GROUP_BITS << IPV4_GROUP_BITS;
            [
                From::Address(address.into()),
                From::Group(IpAddr::V4(group.into())),
            ]
        }
        IpAddr::V6(address) => [
            From::Address(cut(address, IPV6_ADDRESS_BITS)),
            From::Group(cut(address, IPV6_GROUP_BITS)),
        ],
    }
}

/// All seats of a listener.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    /// Who has no share; `None` is everybody.
    exempt: Option<TrustedProxies>,
    taken: Mutex<Taken>,
    heads: AtomicUsize,
    /// Told whenever one leaves, or could be told to.
    left: Notify,
    began: Instant,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Arc<Seat>>,
    by_share: HashMap<From, usize>,
}

/// The seat of one connection.
#[derive(Debug)]
pub(super) struct Seat {
    /// The address and its neighbourhood; none where it has no share.
    shares: Option<[From; 2]>,
    doing: AtomicU8,
    /// When that began, in milliseconds since the listener did.
    since: AtomicU64,
    /// Whether the whole answer was handed over to be written.
    answered: AtomicBool,
    /// Whether it was told to go, so that it is not told twice.
    going: AtomicBool,
    go: Notify,
}

/// Holds a seat until it is dropped.
#[derive(Debug)]
pub(super) struct Seated {
    id: u64,
    seats: Arc<Seats>,
    seat: Arc<Seat>,
}

/// Why a connection was not seated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// Its address or neighbourhood holds its share, and none of those is idle.
    Share,
    /// All seats are taken. One may become free at any moment.
    Full,
}

impl Seats {
    pub(super) fn new(most: usize, exempt: Option<TrustedProxies>) -> Arc<Self> {
        Arc::new(Self {
            most,
            exempt,
            taken: Mutex::default(),
            heads: AtomicUsize::new(0),
            left: Notify::new(),
            began: Instant::now(),
        })
    }

    /// Seats a connection, or says why not. It may have told another one to go for that: then the house is
    /// full for the moment that takes.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Seated, NoSeat> {
        let has_share = |exempt: &TrustedProxies| !exempt.trusts(ClientAddress::new(peer));
        let shares = self.exempt.as_ref().is_some_and(has_share);
        let shares = shares.then(|| shares_of(peer));
        let mut taken = self.lock();
        if taken.seats.len() >= self.most {
            // Those of proxies last: who was about to use one sees an error.
            let of_clients = |seat: &Seat| seat.shares.is_some();
            let _one_goes = taken.is_one_going()
                || taken.tell_oldest(Doing::Idle, of_clients)
                || taken.tell_oldest(Doing::Idle, |_| true);
            return Err(NoSeat::Full);
        }
        let mut one_goes = false;
        for share in shares.into_iter().flatten() {
            let held = taken.by_share.get(&share).copied().unwrap_or_default();
            // One of its own makes room, and is still counted until it has gone: the share is exceeded
            // by no more than those that are just going.
            let of_share = |seat: &Seat| seat.shares.is_some_and(|of| of.contains(&share));
            if held >= self.share(share) && !one_goes {
                one_goes = taken.tell_oldest(Doing::Idle, of_share);
                if !one_goes {
                    return Err(NoSeat::Share);
                }
            }
        }
        let seat = Arc::new(Seat {
            shares,
            doing: AtomicU8::new(Doing::Idle as u8),
            since: AtomicU64::new(self.now()),
            answered: AtomicBool::new(false),
            going: AtomicBool::new(false),
            go: Notify::new(),
        });
        for share in shares.into_iter().flatten() {
            *taken.by_share.entry(share).or_default() += 1;
        }
        let id = taken.next;
        taken.next += 1;
        taken.seats.insert(id, Arc::clone(&seat));
        drop(taken);
        Ok(Seated {
            id,
            seats: Arc::clone(self),
            seat,
        })
    }

    /// Waits until somebody leaves or has nothing to do any more.
    pub(super) async fn one_left(&self) {
        self.left.notified().await;
    }

    fn share(&self, of: From) -> usize {
        match of {
            From::Address(_) => (self.most / SHARE_OF_ADDRESS).max(LEAST_OF_ADDRESS),
            From::Group(_) => (self.most / SHARE_OF_GROUP).max(2 * LEAST_OF_ADDRESS),
        }
    }

    fn most_heads(&self) -> usize {
        (self.most / SHARE_OF_HEADS).max(LEAST_OF_ADDRESS)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A panic inside leaves counts that are still of use.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn is_one_going(&self) -> bool {
        let mut seats = self.seats.values();
        seats.any(|seat| seat.going.load(Ordering::Relaxed))
    }

    /// Tells the oldest connection that does this to go; `false` if there is none.
    fn tell_oldest(&self, doing: Doing, which: impl Fn(&Seat) -> bool) -> bool {
        let fits = |seat: &&Arc<Seat>| {
            seat.doing.load(Ordering::Relaxed) == doing as u8
                && !seat.going.load(Ordering::Relaxed)
                && which(seat)
        };
        let since = |seat: &&Arc<Seat>| seat.since.load(Ordering::Relaxed);
        let oldest = self.seats.values().filter(fits).min_by_key(since);
        if let Some(oldest) = oldest {
            oldest.going.store(true, Ordering::Relaxed);
            oldest.go.notify_one();
        }
        oldest.is_some()
    }
}

impl Seated {
    /// Bytes came in.
    pub(super) fn received(&self) {
        if self.is(Doing::Idle) {
            self.turn(Doing::Head);
            if self.seats.heads.fetch_add(1, Ordering::Relaxed) >= self.seats.most_heads() {
                self.seats.lock().tell_oldest(Doing::Head, |_| true);
            }
        }
    }

    /// A head is whole, and its request is carried out.
    pub(super) fn begun(&self) {
        if self.is(Doing::Head) {
            self.seats.heads.fetch_sub(1, Ordering::Relaxed);
        }
        self.seat.answered.store(false, Ordering::Relaxed);
        self.turn(Doing::Busy);
    }

    /// The whole answer was handed over.
    pub(super) fn answered(&self) {
        self.seat.answered.store(true, Ordering::Relaxed);
    }

    /// All that was handed over has gone to the network.
    pub(super) fn written(&self) {
        if self.is(Doing::Busy) && self.seat.answered.load(Ordering::Relaxed) {
            self.turn(Doing::Idle);
            self.seats.left.notify_one();
        }
    }

    /// Waits until this connection must go. A connection that was told a moment before a request came stays.
    pub(super) async fn must_go(&self) {
        loop {
            self.seat.go.notified().await;
            if !self.is(Doing::Busy) {
                return;
            }
            self.seat.going.store(false, Ordering::Relaxed);
        }
    }

    fn is(&self, doing: Doing) -> bool {
        self.seat.doing.load(Ordering::Relaxed) == doing as u8
    }

    fn turn(&self, doing: Doing) {
        self.seat.since.store(self.seats.now(), Ordering::Relaxed);
        self.seat.doing.store(doing as u8, Ordering::Relaxed);
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        if self.is(Doing::Head) {
            self.seats.heads.fetch_sub(1, Ordering::Relaxed);
        }
        let mut taken = self.seats.lock();
        taken.seats.remove(&self.id);
        for share in self.seat.shares.into_iter().flatten() {
            if let Some(held) = taken.by_share.get_mut(&share) {
                *held -= 1;
                if *held == 0 {
                    taken.by_share.remove(&share);
                }
            }
        }
        drop(taken);
        self.seats.left.notify_one();
    }
}
