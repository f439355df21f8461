//! What hot state is told by others, so that it forgets no limit and keeps no number.
//!
//! **An emptied store.** Redis that comes back empty would give everybody all sends of the day again. So
//! it has an *epoch*, a key that is made once. The accept step does nothing where there is none: the API
//! makes one, and while it is younger than the longest window, the first request for a number of which
//! nothing is known is judged by what the send ledger knows. Nobody is asked where the ledger had no row
//! of that time when the epoch was made. A file needs none of this: the ledger is in the same file, so
//! neither is lost without the other.
//!
//! **A number whose account was deleted** is known by a keyed hash from then on, where a limit of it has
//! to last.

use domain::clock::UnixMillis;
use domain::number_hash::NumberHash;
use domain::otp::KeyRing;
use domain::phone::PhoneNumber;

use super::model::HotStateError;
use crate::records::Records;

/// Clocks of workers, who write the ledger, and of hot state differ by less.
const CLOCKS_DIFFER_BY_MILLIS: i64 = 60_000;

/// The ledger and the keys; hot state of a process that takes no requests has neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Option<(Records, KeyRing)>);

impl Memory {
    pub(super) fn of(ledger: &Records, keys: &KeyRing) -> Self {
        Self(Some((ledger.clone(), keys.clone())))
    }

    /// What a number is called after its account was deleted, if it can be called anything.
    pub(super) fn erased_name(&self, phone: &PhoneNumber) -> Option<String> {
        let (_, keys) = self.0.as_ref()?;
        NumberHash::in_limits(keys, phone).map(|hash| hex::encode(&hash.as_bytes()[..16]))
    }

    /// Whether the ledger knows of any send since a moment.
    pub(super) async fn knows_sends(&self, since: UnixMillis) -> Result<bool, HotStateError> {
        let Some((ledger, _)) = &self.0 else {
            return Ok(false);
        };
        let known = ledger
            .has_sends_since(since - CLOCKS_DIFFER_BY_MILLIS)
            .await;
        known.map_err(ledger_is_away)
    }

    /// When the sends to a number since a moment were asked for, the oldest first.
    pub(super) async fn sends_of(
        &self,
        phone: &PhoneNumber,
        since: UnixMillis,
    ) -> Result<Vec<UnixMillis>, HotStateError> {
        let Some((ledger, _)) = &self.0 else {
            return Ok(Vec::new());
        };
        let known = ledger
            .code_sends_of(phone, since - CLOCKS_DIFFER_BY_MILLIS)
            .await;
        known.map_err(ledger_is_away)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn ledger_is_away(error: crate::records::RecordsError) -> HotStateError {
    let why = format!("it is new, and the ledger does not tell what was sent before: {error}");
    HotStateError::Unavailable(why.into())
}
