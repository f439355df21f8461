//! Tries at a secret that a number alone gives access to: its password, or a code without its
//! session id. Both ways count on one lock.

use domain::client_address::ClientAddress;
use domain::phone::PhoneNumber;
use shared::hot_state::Try;

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// What a try can be refused with.
pub const TRY_REFUSALS: [RefusalCode; 2] = [
    RefusalCode::TooManyFailuresPhone,
    RefusalCode::TooManyFailuresAddress,
];

/// A try that counts as a failure, unless it is said to have succeeded.
#[derive(Debug)]
pub(crate) struct CountedTry {
    phone: PhoneNumber,
    address: String,
}

impl CountedTry {
    /// Counts a try before anything is compared, or refuses it.
    pub(crate) async fn begin(
        flows: &Flows,
        phone: &PhoneNumber,
        address: ClientAddress,
    ) -> Result<Self, Refusal> {
        let address = address.limit_key();
        let begun = flows
            .hot_state
            .begin_try(phone, &address, &flows.try_limits);
        match begun.await? {
            Try::Counted => Ok(Self {
                phone: phone.clone(),
                address,
            }),
            Try::Refused {
                rule,
                retry_after_millis,
            } => {
                flows.metrics.try_limit_hit(rule);
                Err(Refusal::try_limited(rule, retry_after_millis))
            }
        }
    }

    /// Takes the failure back. Where that cannot be stored, it stays counted: the person is in.
    pub(crate) async fn succeeded(&self, flows: &Flows) {
        let limits = &flows.try_limits;
        let taken_back = flows
            .hot_state
            .try_succeeded(&self.phone, &self.address, limits);
        if let Err(error) = taken_back.await {
            tracing::warn!(%error, "a try that was right stays counted as a failure");
        }
    }
}
