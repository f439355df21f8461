//! The lane of known devices: anyone who signed in on a device before is let in there while a stranger uses up what the
//! number may have.
//!
//! It is looked at only where the ordinary way refused because of the number, so nobody else pays for it. The
//! refusal stands where anything about the token is not as it should be, and then nobody can tell why.

use domain::limits::Rule;
use domain::phone::PhoneNumber;
use uuid::Uuid;

use crate::caller::Caller;
use crate::flows::Flows;

/// The device of the caller, which may go by limits of its own where this rule refused them for this number.
pub(crate) async fn beside(
    flows: &Flows,
    caller: &Caller,
    phone: &PhoneNumber,
    refused_by: Rule,
) -> Option<Uuid> {
    if !is_of_number(refused_by) {
        return None;
    }
    let now = flows.clock.now_millis();
    let device = caller.device?.verify(&flows.otp_keys, phone, now)?;
    match flows.records.is_known_device(&device, phone).await {
        Ok(known) => known.then_some(device.session),
        Err(error) => {
            tracing::warn!(%error, "whether a device is known cannot be told");
            None
        }
    }
}

/// What strangers who know a number can use up, or close for all who have no handle.
fn is_of_number(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::PhoneShort | Rule::PhoneDay | Rule::FailuresPhone | Rule::FailuresService
    )
}
