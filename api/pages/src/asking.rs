//! A code, for whatever it is asked for.

use domain::otp::Purpose;
use flows::otp::{self, CodeRequest, CodeSent};
use flows::sessions::Authenticated;
use flows::{Caller, Refusal, RefusalCode, password, profile};

use crate::pending::{Intent, PendingSignIn};
use crate::state::PagesState;

/// Sends a code, or the same once more.
pub(crate) async fn ask(
    state: &PagesState,
    caller: Caller,
    intent: Intent,
    member: Option<&Authenticated>,
    request: CodeRequest,
) -> Result<CodeSent, Refusal> {
    let flows = &state.flows;
    match intent.purpose() {
        Purpose::ResetPassword => password::request_reset_code(flows, caller, request).await,
        Purpose::ChangePhone => {
            let member = member.ok_or(RefusalCode::Unauthenticated)?;
            profile::request_phone_change(flows, caller, member.fresh(flows)?, request).await
        }
        _ => otp::request_code(flows, caller, request).await,
    }
}

/// A code for a number. Giving the same number once more, after Back or in a second tab, gives the
/// same code once more.
pub(crate) async fn ask_for_number(
    state: &PagesState,
    caller: Caller,
    intent: Intent,
    member: Option<&Authenticated>,
    number: &str,
    pending: Option<PendingSignIn>,
) -> Result<CodeSent, Refusal> {
    let request = |session| CodeRequest {
        phone_number: Some(number.to_owned()),
        session,
        ..CodeRequest::default()
    };
    let pending = pending.filter(|pending| pending.intent.purpose() == intent.purpose());
    if let Some(pending) = pending {
        let again = request(Some(pending.session));
        match ask(state, caller, intent, member, again).await {
            Err(refusal)
                if matches!(
                    refusal.code,
                    RefusalCode::PhoneMismatch | RefusalCode::SessionUnknown
                ) => {}
            answered => return answered,
        }
    }
    ask(state, caller, intent, member, request(None)).await
}
