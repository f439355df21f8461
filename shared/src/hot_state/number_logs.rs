//! Logs of numbers are shortened when nothing is left of the codes that they name.
//!
//! In Redis the requests for a number are a text that is kept for a day, as the limits of a number want. Each
//! stands there with the root that it began, by which a code is found that comes with the number alone. Half an hour later
//! nothing is left of the root, and its name is half of what the log of a number costs that asked once in a day, as most do.
//!
//! Nothing in Redis leads to these logs but their names. The ledger tells who asked: it is read once, in order, and how
//! far is noted in Redis. Whoever does it twice does no harm.

use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;
use domain::root::MAX_ROOT_MILLIS;

use super::model::HotStateError;
use super::{Backend, HotState};

/// A root is named for so long after it began, as in the script that grants requests: for as long as there may be a
/// record of it, which an erasure finds by its name.
pub const NAMED_FOR_MILLIS: UnixMillis = 3 * MAX_ROOT_MILLIS;
/// No log is kept for longer.
pub const LOG_LIFE_MILLIS: UnixMillis = 25 * 60 * 60 * 1000;

impl HotState {
    /// Whether logs of numbers are of the kind that can be shortened. In a file each request is a row of its own.
    pub fn has_long_logs(&self) -> bool {
        matches!(self.backend, Backend::Redis(_))
    }

    /// Up to where logs were shortened, as [`HotState::shorten_logs`] was told.
    pub async fn logs_shortened_to(&self) -> Result<Option<Vec<u8>>, HotStateError> {
        call!(self, state => state.logs_shortened_to())
    }

    /// Takes the names of roots of which nothing is left out of the logs of these numbers, and notes how far that is done. `None`,
    /// and nothing is done, where something else is noted than `from`: then somebody else is at it.
    pub async fn shorten_logs(
        &self,
        numbers: &[PhoneNumber],
        from: Option<&[u8]>,
        to: &str,
    ) -> Result<Option<u64>, HotStateError> {
        let (clock, from) = (&self.clock, from.unwrap_or_default());
        call!(self, state => state.shorten_logs(clock, numbers, from, to))
    }
}
