//! Calls that an address can make only so often, though they ask for no code and try no secret: each makes
//! us write rows or work hard.
//!
//! Where hot state is away the call goes on: what it costs is bounded elsewhere as well (a session is
//! renewed only so often, judging has few places), and anyone who is signed in stays so.

use domain::limits::Step;
use shared::hot_state::Subjects;

use crate::caller::Caller;
use crate::flows::Flows;
use crate::refusal::Refusal;
use crate::tries::allowed;

/// Counts a call of this step, or refuses it.
pub(crate) async fn count_call(flows: &Flows, step: Step, caller: Caller) -> Result<(), Refusal> {
    let subjects = Subjects {
        caller: Some(caller.address),
        ..Subjects::default()
    };
    let quotas = &flows.accept_policy.quotas;
    match flows.hot_state.count(step, &subjects, quotas).await {
        Ok(counted) => allowed(flows, counted),
        Err(error) => {
            tracing::warn!(%error, ?step, "a call was not counted");
            Ok(())
        }
    }
}
