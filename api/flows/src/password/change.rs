//! Setting a password, or changing it.

use domain::limits::Step;
use domain::password::{OwnWords, Password, PasswordHash};
use shared::records::{PasswordChange, PasswordChangeOutcome, User};

use super::notice;
use crate::call_limits::count_call;
use crate::caller::Caller;
use crate::flows::Flows;
use crate::notices;
use crate::refusal::{Input, Refusal, RefusalCode};
use crate::sessions::Authenticated;
use crate::tries::CountedTry;

/// A new password, and what shows that its owner sets it.
#[derive(Debug)]
pub struct NewPassword {
    /// The new one.
    pub new_password: Password,
    /// What it is. Needed where there is one, except within ten minutes of a sign-in with a code.
    pub current_password: Option<Password>,
}

/// Sets or changes the password of the signed-in user.
///
/// Anyone who has none needs a sign-in with a code in the last ten minutes. All other sessions of the
/// user end; this one stays. Their owner is told of a change by a message.
pub async fn change_password(
    flows: &Flows,
    caller: Caller,
    authenticated: Authenticated,
    wanted: NewPassword,
) -> Result<(), Refusal> {
    let Authenticated { user, session } = &authenticated;
    let stored = flows.records.password_of_user(user.id).await?;
    require_proof(flows, &authenticated, stored.as_ref(), &wanted)?;
    count_call(flows, Step::NewPassword, caller).await?;
    // Before the comparison: a poor choice costs no try.
    let client = caller.client();
    judge(flows, &wanted.new_password, user, &client).await?;
    if let (Some(stored), Some(current)) = (&stored, &wanted.current_password) {
        compare(flows, user, caller, stored, current).await?;
    }
    let change = PasswordChange {
        user: user.id,
        hash: {
            let place = flows.passwords.place(Some(&client))?;
            place.hash(&wanted.new_password).await?
        },
        keep_session: Some(session.id),
        now: flows.clock.now(),
    };
    // A first password is no change that anybody must be warned of.
    let phone = authenticated.user.phone.filter(|_| stored.is_some());
    let notice = phone.map(|phone| notice(flows, phone, caller.locale));
    let changed = flows.records.change_password(&change, notice.as_ref());
    match changed.await? {
        PasswordChangeOutcome::Set => {}
        // The session was ended, or the user blocked, since the request came in.
        PasswordChangeOutcome::NotAllowed => return Err(RefusalCode::Unauthenticated.into()),
        PasswordChangeOutcome::TooOften { until } => {
            let wait = (until - flows.clock.now()).num_milliseconds();
            let code = RefusalCode::TooManyPasswordChanges;
            return Err(Refusal::waiting(code, wait));
        }
    }
    if let Some(notice) = notice {
        notices::enqueue(flows, notice.waiting(), caller.request_id).await;
    }
    Ok(())
}

/// What shows that a new password is set by the owner of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOfOwner {
    /// Nothing more: they signed in with a code a moment ago.
    Given,
    /// The present password, or a new sign-in with a code.
    CurrentPassword,
    /// A new sign-in with a code.
    CodeSignIn,
}

/// What somebody has to show before they can set a password.
pub fn proof_of_owner(flows: &Flows, authenticated: &Authenticated) -> ProofOfOwner {
    proof(flows, authenticated, authenticated.user.has_password)
}

/// A stolen session alone must not set a password: that would make it last.
fn proof(flows: &Flows, authenticated: &Authenticated, has_password: bool) -> ProofOfOwner {
    if authenticated.fresh(flows).is_ok() {
        ProofOfOwner::Given
    } else if has_password {
        ProofOfOwner::CurrentPassword
    } else {
        ProofOfOwner::CodeSignIn
    }
}

fn require_proof(
    flows: &Flows,
    authenticated: &Authenticated,
    stored: Option<&PasswordHash>,
    wanted: &NewPassword,
) -> Result<(), Refusal> {
    match proof(flows, authenticated, stored.is_some()) {
        ProofOfOwner::Given => Ok(()),
        ProofOfOwner::CurrentPassword if wanted.current_password.is_some() => Ok(()),
        ProofOfOwner::CurrentPassword => Err(Refusal::missing(Input::CurrentPassword)),
        ProofOfOwner::CodeSignIn => Err(RefusalCode::FreshSignInRequired.into()),
    }
}

async fn judge(
    flows: &Flows,
    password: &Password,
    user: &User,
    client: &str,
) -> Result<(), Refusal> {
    let names = [&user.username, &user.first_name, &user.last_name].map(String::as_str);
    let own = OwnWords::new(
        user.phone.as_ref(),
        names.into_iter().chain(user.email.as_deref()),
    );
    let judged = flows.passwords.judge(password, own, Some(client)).await;
    judged.map_err(Refusal::new_password)
}

/// Compares the current password, under the limits of all tries at it.
async fn compare(
    flows: &Flows,
    user: &User,
    caller: Caller,
    stored: &PasswordHash,
    current: &Password,
) -> Result<(), Refusal> {
    // Without a number there is no lock to count on; such accounts sign in to nothing here.
    let phone = user.phone.as_ref();
    let phone = phone.ok_or(RefusalCode::FreshSignInRequired)?;
    let place = flows.passwords.place(Some(&caller.client()))?;
    let counted = CountedTry::begin(flows, Step::Password, phone, caller).await?;
    if !place.verify(current, Some(stored)).await? {
        return Err(RefusalCode::PasswordWrong.into());
    }
    counted.succeeded(flows).await;
    Ok(())
}
