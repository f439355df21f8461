//! A small number of places: a caller waits only for those who came before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::hashing::Busy;

/// While half of the places or more are taken, one client holds at most this part of them.
const SHARE: usize = 8;

/// A number of places, and who holds them. Clones share them.
///
/// One client alone can take half of them and no more: what is left is for others, of whom each has an
/// eighth at least while there is room. So no client keeps another out, and many people behind one address
/// get what nobody else needs.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    /// Only of clients that hold some.
    by_client: HashMap<String, usize>,
}

/// Holds a place until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    places: Places,
    client: Option<String>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            most,
            held: Mutex::default(),
        }))
    }

    /// Takes a place for a client, or for nobody in particular.
    pub(super) fn take(&self, client: Option<&str>) -> Result<Admitted, Busy> {
        let most = self.0.most;
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.all >= most {
            return Err(Busy);
        }
        if let Some(client) = client {
            let own = held.by_client.get(client).copied().unwrap_or_default();
            if own >= (most / SHARE).max(1) && held.all >= most.div_ceil(2) {
                return Err(Busy);
            }
            *held.by_client.entry(client.to_owned()).or_default() += 1;
        }
        held.all += 1;
        drop(held);
        Ok(Admitted {
            places: self.clone(),
            client: client.map(str::to_owned),
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut held = self
            .places
            .0
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.all -= 1;
        if let Some(client) = &self.client
            && let Some(own) = held.by_client.get_mut(client)
        {
            *own -= 1;
            if *own == 0 {
                held.by_client.remove(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_20_one_client_takes_half_and_leaves_each_other_a_share() {
        let places = Places::new(32);
        let take = |client: &str, times: usize| -> Vec<Admitted> {
            (0..times)
                .filter_map(|_| places.take(Some(client)).ok())
                .collect()
        };
        let greedy = take("192.0.2.1", 36);
        assert_eq!(greedy.len(), 16);
        let other = take("192.0.2.2", 36);
        assert_eq!(other.len(), 4);
        let nobody = places.take(None);
        assert!(nobody.is_ok());
        drop(greedy);
        assert_eq!(
            take("192.0.2.2", 36).len(),
            11,
            "with its four and nobody's one: half"
        );
        drop((other, nobody));
        let held = places.0.held.lock().expect("not poisoned");
        assert_eq!(
            (held.all, held.by_client.len()),
            (0, 0),
            "nothing stays behind"
        );
    }

    #[test]
    fn few_places_are_for_everybody() {
        for most in 1..4 {
            let places = Places::new(most);
            let first = places.take(Some("192.0.2.1"));
            assert!(first.is_ok(), "{most}");
            drop(first);
            let all: Vec<_> = (0..most).map(|_| places.take(None)).collect();
            assert!(all.iter().all(Result::is_ok));
            assert!(places.take(Some("192.0.2.1")).is_err());
        }
    }
}
