//! Tries at a secret that a number alone gives access to: its password, or a code without its
//! session id. Both ways count on one lock.

use domain::client_address::ClientAddress;
use domain::limits::Step;
use domain::phone::PhoneNumber;
use shared::hot_state::{Count, Subjects};
use uuid::Uuid;

use crate::caller::Caller;
use crate::flows::Flows;
use crate::known_devices;
use crate::refusal::{Refusal, RefusalCode};

/// What a try can be refused with.
pub const TRY_REFUSALS: [RefusalCode; 2] = [
    RefusalCode::TooManyFailuresPhone,
    RefusalCode::TooManyFailuresAddress,
];

/// A try that counts as a failure, unless it is said to have succeeded.
#[derive(Debug)]
pub(crate) struct CountedTry {
    step: Step,
    phone: PhoneNumber,
    caller: ClientAddress,
    /// The known device that it is counted by instead of the number.
    device: Option<Uuid>,
}

impl CountedTry {
    /// Counts a try before anything is compared, or refuses it. Where the number is locked, or codes need their
    /// handle, a known device is counted by limits of its own.
    pub(crate) async fn begin(
        flows: &Flows,
        step: Step,
        phone: &PhoneNumber,
        caller: Caller,
    ) -> Result<Self, Refusal> {
        let mut counted = Self {
            step,
            phone: phone.clone(),
            caller: caller.address,
            device: None,
        };
        let mut end = counted.count(flows).await?;
        if let Count::Refused {
            rule,
            retry_after_millis,
        } = end
            && let Some(device) = known_devices::beside(flows, &caller, phone, rule).await
        {
            counted.device = Some(device);
            let by_device = counted.count(flows).await?;
            // Whichever way is open again first.
            if by_device
                .wait()
                .is_none_or(|wait| wait < retry_after_millis)
            {
                end = by_device;
            }
        }
        allowed(flows, end)?;
        Ok(counted)
    }

    async fn count(&self, flows: &Flows) -> Result<Count, Refusal> {
        let quotas = &flows.accept_policy.quotas;
        let subjects = self.subjects();
        let counted = flows.hot_state.count(self.counted_at(), &subjects, quotas);
        Ok(counted.await?)
    }

    /// The step whose limits it counts on.
    fn counted_at(&self) -> Step {
        match self.device {
            Some(_) => Step::TryByDevice,
            None => self.step,
        }
    }

    /// Takes the failure back. Where that cannot be stored, it stays counted: the person is in.
    pub(crate) async fn succeeded(&self, flows: &Flows) {
        let quotas = &flows.accept_policy.quotas;
        // Only a code proves that a number is somebody's.
        let proven = (self.step == Step::CodeByPhone).then_some(self.caller);
        let subjects = self.subjects();
        let taken_back = flows
            .hot_state
            .take_back(self.counted_at(), &subjects, quotas, proven);
        if let Err(error) = taken_back.await {
            tracing::warn!(%error, "a try that was right stays counted as a failure");
        }
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects {
            phone: Some(&self.phone),
            caller: Some(self.caller),
            session: None,
            device: self.device,
        }
    }
}

/// Counts by the limits of a step; a limit that refuses is a refusal, and counted as one.
pub(crate) async fn count(
    flows: &Flows,
    step: Step,
    subjects: &Subjects<'_>,
) -> Result<(), Refusal> {
    let quotas = &flows.accept_policy.quotas;
    allowed(flows, flows.hot_state.count(step, subjects, quotas).await?)
}

/// What counting allows; a limit that refused is counted as a refusal.
pub(crate) fn allowed(flows: &Flows, counted: Count) -> Result<(), Refusal> {
    match counted {
        Count::Counted => Ok(()),
        Count::Refused {
            rule,
            retry_after_millis,
        } => {
            flows.metrics.limit_hit(rule);
            Err(Refusal::limited(rule, retry_after_millis))
        }
    }
}

/// Counts a code that came with its session id and was wrong. It has its own attempts and is never
/// refused for this; too many of them close the other way.
pub(crate) async fn wrong_code(flows: &Flows, caller: ClientAddress) {
    let subjects = Subjects {
        caller: Some(caller),
        ..Subjects::default()
    };
    let quotas = &flows.accept_policy.quotas;
    let counted = flows.hot_state.count(Step::WrongCode, &subjects, quotas);
    if let Err(error) = counted.await {
        tracing::warn!(%error, "a wrong code is not counted for the whole service");
    }
}
