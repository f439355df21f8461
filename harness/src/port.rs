//! Ports that no other test is using.

use std::{
    collections::HashMap,
    fs::File,
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    sync::{Mutex, PoisonError},
};

use crate::scratch;

/// Below the range from which Linux takes the near end of outgoing connections (32768 and up).
/// A port from that range could be taken by any client, and a client that keeps connecting to a
/// stopped server there can end up connected to itself.
const PORTS: Range<u16> = 20_000..32_000;

/// The ports handed out so far; each lock keeps other test processes away until this one ends.
static HANDED_OUT: Mutex<Option<HashMap<u16, File>>> = Mutex::new(None);

/// A TCP port on 127.0.0.1 that is free and that no test process on this machine gets again while
/// this one lives.
///
/// # Panics
///
/// When no port is free, or the lock files cannot be written to the temporary folder.
#[must_use]
pub fn free_port() -> u16 {
    let locks = scratch::shared_directory("ports");
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let handed_out = handed_out.get_or_insert_default();

    for port in candidates() {
        if handed_out.contains_key(&port) {
            continue;
        }
        let path = locks.join(port.to_string());
        let lock = File::create(&path)
            .unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            handed_out.insert(port, lock);
            return port;
        }
    }
    panic!("no free port on 127.0.0.1 in {PORTS:?}");
}

/// All ports, starting at a place of this process's own, so that test processes that run at the
/// same time seldom try the same ones.
fn candidates() -> impl Iterator<Item = u16> {
    let count = u32::from(PORTS.end - PORTS.start);
    let start = std::process::id().wrapping_mul(97) % count;
    (0..count).filter_map(move |step| {
        u16::try_from((start + step) % count)
            .ok()
            .map(|offset| PORTS.start + offset)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_port_is_handed_out_once() {
        let ports: HashSet<u16> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let next = free_port() + 1;
        // Taken by this test, or by somebody else: either way it is in use.
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, next));
        assert_ne!(free_port(), next);
    }

    #[test]
    fn every_port_is_a_candidate() {
        let all: HashSet<u16> = candidates().collect();
        assert_eq!(all, PORTS.collect());
    }
}
