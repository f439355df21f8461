//! Giving back the code of a registration.

use domain::challenge::SessionId;
use shared::records::{NumberStep, Step};

use super::{NextStep, PURPOSE};
use crate::caller::Caller;
use crate::flows::Flows;
use crate::otp::{Proven, RefusedVerification, by_session, counted};
use crate::refusal::Refusal;

/// Checks the code of a registration.
pub async fn verify_otp(
    flows: &Flows,
    caller: Caller,
    session: SessionId,
    code: &str,
) -> Result<NextStep, Refusal> {
    let verified = async {
        let proven = by_session(flows, PURPOSE, session, None, caller.address, code).await?;
        take_step(flows, session, proven).await
    };
    counted(flows, verified.await)?;
    Ok(NextStep::new(session, Step::SetPassword))
}

/// Lets the code act. Where the records are away nothing is used up: the same code may be tried
/// again, and that try counts too.
async fn take_step(
    flows: &Flows,
    session: SessionId,
    proven: Proven,
) -> Result<(), RefusedVerification> {
    let step = NumberStep {
        root: proven.root.id,
        purpose: proven.root.purpose,
        phone: proven.root.phone.clone(),
        session,
        now: flows.clock.now(),
    };
    let outcome = flows.records.take_number_step(&step).await?;
    proven.settle(flows, outcome).await
}
