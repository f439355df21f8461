//! Locks: who is kept from guessing, until when, and how somebody lets them try again.

use domain::client_address::ClientAddress;
use domain::clock::UnixMillis;
use domain::limits::{Quota, Quotas, Rule};
use domain::phone::PhoneNumber;

use super::model::HotStateError;
use super::{Backend, HotState};

/// Whose failed tries are counted.
#[derive(Clone, Copy, Debug)]
pub enum LockOf<'a> {
    /// Those for a number.
    Phone(&'a PhoneNumber),
    /// Those from a client address.
    Address(ClientAddress),
}

/// A lock that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The failed tries that led to it.
    pub failures: u32,
    /// When the last of them was.
    pub since: UnixMillis,
    /// Until when nothing more is tried.
    pub until: UnixMillis,
}

impl HotState {
    /// The lock that holds by these quotas, if one does.
    pub async fn lock(
        &self,
        of: LockOf<'_>,
        quotas: &Quotas,
    ) -> Result<Option<Lock>, HotStateError> {
        let quota = match of {
            LockOf::Phone(_) => quotas.lock_of_number(),
            LockOf::Address(_) => match quotas.of(Rule::FailuresAddress) {
                Some(Quota::Lock { failures, millis }) => Some((failures, millis)),
                _ => None,
            },
        };
        let Some((most, millis)) = quota else {
            return Ok(None);
        };
        let now = self.clock.now_millis();
        let (failures, last_at) = call!(self, state => state.failed_tries(of))?;
        let since = last_at.unwrap_or_default().min(now);
        let until = since + millis;
        let holds = failures >= most && now < until;
        Ok(holds.then_some(Lock {
            failures,
            since,
            until,
        }))
    }

    /// Forgets failed tries, so that what they locked is open again; `false` where there were none.
    pub async fn lift_lock(&self, of: LockOf<'_>) -> Result<bool, HotStateError> {
        call!(self, state => state.forget_failed_tries(of))
    }
}
