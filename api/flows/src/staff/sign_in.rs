//! Signing in to the console: who one is, by number and password or by a link; then a second factor.
//!
//! What is cheap comes first: a number that is locked, or a client that tries too much, makes nobody compare a password,
//! and a locked factor nobody compute a code.

use chrono::{DateTime, Utc};
use domain::limits::Step;
use domain::password::Password;
use domain::phone::PhoneNumber;
use domain::staff::{RECOVERY_CODES, RecoveryCode, Role, StaffToken, TotpSecret};
use serde_json::json;
use shared::records::{
    AuditEntry, AuditSource, FactorOpens, FactorTry, InConsole, NewFactor, NewStaffSession,
    RightFactor, SealedFactor,
};
use uuid::Uuid;

use super::{Deed, Desk};
use crate::caller::Caller;
use crate::password::Credentials;
use crate::refusal::{Refusal, RefusalCode};
use crate::staff::session::new_session;
use crate::tries::CountedTry;

/// What the seal of the secrets of apps is for.
pub(super) const FACTOR_SEAL: &str = "staff totp v1";

/// Somebody of the staff who has shown who they are and has to give a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownStaff {
    /// Who it is.
    pub user: Uuid,
    /// What they may do.
    pub role: Role,
    /// Whether they have a second factor; who has none sets one up.
    pub has_factor: bool,
}

/// Why a factor was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorRefused {
    /// It is wrong, or was used before.
    Wrong,
    /// Too many were wrong: nothing is looked at until then.
    Locked(DateTime<Utc>),
    /// There is none, or there is one already; the sign-in begins again.
    Over,
    /// The key under which the secret is sealed is not in the ring any more.
    Unreadable,
    /// Something else.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for FactorRefused {
    fn from(cause: E) -> Self {
        Self::Refused(cause.into())
    }
}

/// A second factor that was set up: the token of the session that it opened, and the recovery codes, which nobody
/// sees again.
pub struct SetUp {
    /// The session.
    pub token: StaffToken,
    /// To be shown once.
    pub recovery: Vec<RecoveryCode>,
}

/// Checks number and password. People without a role are refused like a wrong password.
pub async fn by_password(
    desk: &Desk,
    caller: Caller,
    credentials: Credentials,
) -> Result<KnownStaff, Refusal> {
    let flows = desk.flows();
    let typed = &credentials.phone_number;
    let phone = PhoneNumber::parse(typed, &flows.otp.allowed_countries)?;
    let password: Password = credentials.password;
    // The role of the console reads no hash, so this is the business of everybody's records.
    let holder = flows.records.password_of_phone(&phone).await?;
    let client = caller.client();
    let place = flows.passwords.place(Some(&client))?;
    let counted = CountedTry::begin(flows, Step::Password, &phone, caller).await?;
    let hash = holder.as_ref().and_then(|holder| holder.hash.as_ref());
    let compared = place.compare(&password, hash).await?;
    let known = match &holder {
        Some(holder) if compared.matches.is_right() && !holder.blocked => {
            known(desk, holder.user).await?
        }
        _ => None,
    };
    let Some(known) = known else {
        compared.hide_time().await;
        return Err(RefusalCode::CredentialsWrong.into());
    };
    counted.succeeded(flows).await;
    Ok(known)
}

/// Uses a link of `api admin-link` up. Nobody for one that is unknown, used or over.
pub async fn by_link(
    desk: &Desk,
    caller: Caller,
    token: &StaffToken,
) -> Result<Option<KnownStaff>, Refusal> {
    let entry = AuditEntry {
        id: new_id(desk),
        source: AuditSource::Console,
        actor: None,
        action: "admin_link_used",
        subject: None,
        object: None,
        details: json!({}),
        in_console: Some(InConsole {
            role: None,
            reason: None,
            address: Some(caller.address.ip()),
            request_id: caller.request_id,
        }),
    };
    let now = desk.flows().clock.now();
    let user = desk
        .records()
        .take_staff_link(token.link_hash(), &entry, now)
        .await?;
    match user {
        Some(user) => known(desk, user).await,
        None => Ok(None),
    }
}

/// What is known of somebody who has shown who they are; nobody without a role.
pub async fn known(desk: &Desk, user: Uuid) -> Result<Option<KnownStaff>, Refusal> {
    let Some(role) = desk.records().staff_role(user).await? else {
        return Ok(None);
    };
    let has_factor = desk.records().has_factor(user).await?;
    Ok(Some(KnownStaff {
        user,
        role,
        has_factor,
    }))
}

/// Opens a session for somebody who gives a code of their app, or a recovery code.
pub async fn with_factor(
    desk: &Desk,
    deed: &Deed,
    typed: &str,
    user_agent: Option<String>,
) -> Result<StaffToken, FactorRefused> {
    let (session, token) = new_session(desk, deed.actor, deed.address, user_agent);
    let opens = FactorOpens::Session(session);
    give(desk, deed, typed, &opens, "console_sign_in").await?;
    Ok(token)
}

/// Takes a factor once more in a session, which then is fresh for a while.
pub async fn prove_again(
    desk: &Desk,
    deed: &Deed,
    session: Uuid,
    typed: &str,
) -> Result<(), FactorRefused> {
    let opens = FactorOpens::Freshness(session);
    give(desk, deed, typed, &opens, "console_proven_again").await
}

async fn give(
    desk: &Desk,
    deed: &Deed,
    typed: &str,
    opens: &FactorOpens,
    action: &'static str,
) -> Result<(), FactorRefused> {
    let (user, now) = (deed.actor, desk.flows().clock.now());
    let (factor, locks) = match desk.records().count_factor_try(user, now).await? {
        FactorTry::Counted { factor, locks } => (factor, locks),
        FactorTry::Locked(until) => return Err(FactorRefused::Locked(until)),
        FactorTry::NotEnrolled => return Err(FactorRefused::Over),
    };
    let right = right_factor(desk, user, &factor, typed)?;
    if let Some(right) = right {
        let by = match right {
            RightFactor::Step(..) => "totp",
            RightFactor::Recovery(_) => "recovery_code",
        };
        let entry = deed.entry(desk, action, Some(user), None, json!({ "factor": by }));
        let accepted = desk
            .records()
            .accept_factor(user, &right, opens, &entry, now);
        if accepted.await? {
            return Ok(());
        }
    }
    let Some(until) = locks else {
        return Err(FactorRefused::Wrong);
    };
    let details = json!({ "until": until });
    let entry = deed.entry(desk, "console_factor_locked", Some(user), None, details);
    desk.records().write_audit(&entry, now).await?;
    Err(FactorRefused::Locked(until))
}

/// Which factor it is that was typed, if it is right.
fn right_factor(
    desk: &Desk,
    user: Uuid,
    factor: &SealedFactor,
    typed: &str,
) -> Result<Option<RightFactor>, FactorRefused> {
    if let Some(code) = RecoveryCode::parse(typed) {
        return Ok(Some(RightFactor::Recovery(code.hash(user))));
    }
    let flows = desk.flows();
    let seal = flows.seal(FACTOR_SEAL);
    let sealed = String::from_utf8_lossy(&factor.sealed);
    let secret = seal.open(&sealed);
    let secret = secret.and_then(|text| TotpSecret::from_base32(&text));
    let Some(secret) = secret else {
        tracing::error!(%user, "the second factor of somebody cannot be opened: its key is not in OTP_KEY");
        return Err(FactorRefused::Unreadable);
    };
    let Some(step) = secret.step_of(typed, flows.clock.now_millis()) else {
        return Ok(None);
    };
    let is_old = factor.kid != flows.otp_keys.newest().kid();
    let anew = is_old.then(|| sealed_factor(desk, &secret)).flatten();
    Ok(Some(RightFactor::Step(step, anew)))
}

/// A new secret for somebody who has none yet.
pub fn new_secret(desk: &Desk) -> TotpSecret {
    TotpSecret::new(&desk.flows().random)
}

/// Sets up a second factor with its first code, and opens a session.
pub async fn set_up(
    desk: &Desk,
    deed: &Deed,
    secret: &TotpSecret,
    typed: &str,
    user_agent: Option<String>,
) -> Result<SetUp, FactorRefused> {
    let flows = desk.flows();
    let step = secret.step_of(typed, flows.clock.now_millis());
    let step = step.ok_or(FactorRefused::Wrong)?;
    let codes: Vec<RecoveryCode> = (0..RECOVERY_CODES)
        .map(|_| RecoveryCode::new(&flows.random))
        .collect();
    let (session, token): (NewStaffSession, StaffToken) =
        new_session(desk, deed.actor, deed.address, user_agent);
    let factor = sealed_factor(desk, secret).ok_or(RefusalCode::Internal)?;
    let new = NewFactor {
        user: deed.actor,
        factor,
        step,
        recovery: codes.iter().map(|code| code.hash(deed.actor)).collect(),
        session,
    };
    let entry = deed.entry(
        desk,
        "console_factor_set_up",
        Some(deed.actor),
        None,
        json!({}),
    );
    if !desk.records().enroll_factor(&new, &entry).await? {
        return Err(FactorRefused::Over);
    }
    Ok(SetUp {
        token,
        recovery: codes,
    })
}

fn sealed_factor(desk: &Desk, secret: &TotpSecret) -> Option<SealedFactor> {
    let flows = desk.flows();
    let sealed = flows
        .seal(FACTOR_SEAL)
        .seal(&secret.to_base32(), &flows.random)?;
    Some(SealedFactor {
        sealed: sealed.into_bytes(),
        kid: flows.otp_keys.newest().kid().to_owned(),
    })
}

/// How many recovery codes somebody has left.
pub async fn recovery_codes_left(desk: &Desk, user: Uuid) -> Result<i64, Refusal> {
    Ok(desk.records().recovery_codes_left(user).await?)
}

fn new_id(desk: &Desk) -> Uuid {
    let flows = desk.flows();
    flows.random.uuid_v7(flows.clock.now_millis())
}
