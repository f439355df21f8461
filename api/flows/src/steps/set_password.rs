//! The password of a registration.

use domain::challenge::SessionId;
use domain::limits;
use domain::password::{OwnWords, Password};
use shared::records::{PasswordStep, Step};

use super::NextStep;
use crate::call_limits::count_call;
use crate::caller::Caller;
use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// Sets the first password of the number, whose user is created if there is none. A password that
/// is refused does not use up the step; sessions that the user had end.
pub async fn set_password(
    flows: &Flows,
    caller: Caller,
    session: SessionId,
    password: &Password,
) -> Result<NextStep, Refusal> {
    // Looked at first, so that nobody without a step makes us hash.
    let found = flows
        .records
        .step_phone(session, Step::SetPassword, flows.clock.now());
    let phone = found.await?.ok_or(RefusalCode::StepSessionUnknown)?;
    count_call(flows, limits::Step::NewPassword, caller).await?;
    let own = OwnWords::new(Some(&phone), []);
    let client = caller.client();
    let judged = flows.passwords.judge(password, own, Some(&client)).await;
    judged.map_err(Refusal::new_password)?;
    let step = PasswordStep {
        session,
        hash: flows.passwords.place(Some(&client))?.hash(password).await?,
        new_user_id: flows.random.uuid_v7(flows.clock.now_millis()),
        now: flows.clock.now(),
    };
    if !flows.records.take_password_step(&step).await? {
        return Err(RefusalCode::StepSessionUnknown.into());
    }
    Ok(NextStep::new(session, Step::UserInfo))
}
