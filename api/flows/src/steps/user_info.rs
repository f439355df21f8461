//! The last step of a registration.

use domain::challenge::SessionId;
use shared::records::{Device, UserInfo, UserInfoStep};

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};
use crate::signed_in::{Opening, SignedIn};

/// Writes down names and e-mail address and signs in.
pub async fn set_user_info(
    flows: &Flows,
    session: SessionId,
    info: UserInfo,
    device: Device,
) -> Result<SignedIn, Refusal> {
    let opening = Opening::new(flows, device);
    let step = UserInfoStep {
        session,
        info,
        opening: opening.session.clone(),
    };
    let taken = flows.records.take_user_info_step(&step).await?;
    let (user, is_new) = taken.ok_or(RefusalCode::StepSessionUnknown)?;
    opening.signed_in(flows, user, is_new)
}
