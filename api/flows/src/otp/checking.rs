//! Checking a code of any purpose: one read, one comparison in constant time, and one step that counts the
//! attempt before the verdict is honoured.
//!
//! With the session id the attempts of that one challenge count, and the answer says why it is
//! refused. With the phone number alone one guess is compared with all live roots of the
//! number under a count of their own, and every refusal is the same: anyone who knows a number only
//! learns nothing about it.

use std::future::Future;
use std::hint::black_box;

use domain::challenge::{Challenge, ChallengeId, SessionId};
use domain::client_address::ClientAddress;
use domain::limits::Step;
use domain::otp::{OtpCode, Purpose};
use domain::phone::PhoneNumber;
use domain::root::{Root, RootId, Salt};
use shared::hot_state::{Guess, HotStateError, PHONE_ROOTS, Verdict};
use shared::traces::{self, Span};
use uuid::Uuid;

use super::proven::{Proven, RefusedVerification};
use crate::caller::Caller;
use crate::flows::Flows;
use crate::metrics::VerificationResult;
use crate::refusal::{Refusal, RefusalCode};
use crate::tries::{CountedTry, wrong_code};

/// The number of the root whose code is derived where there is none, for the same work.
const DECOY_NUMBER: &str = "+989000000000";

/// What checking a code with its session id can be refused with.
pub const CHECKING_REFUSALS: [RefusalCode; 8] = [
    RefusalCode::CodeMalformed,
    RefusalCode::CodeWrong,
    RefusalCode::AttemptsExhausted,
    RefusalCode::SessionUnknown,
    RefusalCode::CodeUsed,
    RefusalCode::CodeExpired,
    RefusalCode::StoreUnavailable,
    RefusalCode::KeyUnavailable,
];

/// Checks a code that comes with its session id. Only a challenge of this purpose is known here.
pub(crate) async fn by_session(
    flows: &Flows,
    purpose: Purpose,
    session: SessionId,
    phone: Option<PhoneNumber>,
    caller: ClientAddress,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    let id = session.challenge_id();
    by_challenge(flows, purpose, session, id, phone, caller, typed).await
}

/// The same for a code that only this signed-in user may give back: to anybody else its session is
/// unknown.
pub(crate) async fn by_session_of(
    flows: &Flows,
    purpose: Purpose,
    owner: Uuid,
    session: SessionId,
    caller: ClientAddress,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    let id = session.challenge_id_of(owner);
    by_challenge(flows, purpose, session, id, None, caller, typed).await
}

async fn by_challenge(
    flows: &Flows,
    purpose: Purpose,
    session: SessionId,
    id: ChallengeId,
    phone: Option<PhoneNumber>,
    caller: ClientAddress,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    let found = flows.hot_state.challenge(id).await?;
    let challenge = found.filter(|challenge| challenge.root.purpose == purpose);
    let digits = challenge
        .as_ref()
        .map_or(flows.otp.length, |c| c.root.digits);
    let typed = parse(typed, digits)?;
    let Some(mut challenge) = challenge else {
        compare_with_decoy(flows, &typed);
        return Err(RefusalCode::SessionUnknown.into());
    };
    traces::join(challenge.trace.as_deref());
    if phone.is_some_and(|phone| phone != challenge.root.phone) {
        return Err(RefusalCode::PhoneMismatch.into());
    }
    let mut verdict = compare(flows, &challenge, caller, &typed).await?;
    if verdict == Verdict::Gone
        && let Some(again) = Box::pin(flows.hot_state.challenge(id)).await?
    {
        // Somebody asked again in between, and it went on to another root: nothing was counted.
        challenge = again;
        verdict = compare(flows, &challenge, caller, &typed).await?;
    }
    let refusal = match verdict {
        Verdict::Right { .. } => {
            let left = flows.otp.max_attempts;
            let left = left.saturating_sub(challenge.session_attempts + 1);
            return Ok(Proven {
                session: Some(session),
                root: challenge.root,
                as_if_wrong: Refusal::code_wrong(Some(left)),
                if_used: RefusalCode::CodeUsed.into(),
                counted_try: None,
            });
        }
        Verdict::Used => RefusalCode::CodeUsed.into(),
        Verdict::Wrong { attempts_left } => Refusal::code_wrong(Some(attempts_left)),
        Verdict::Exhausted => RefusalCode::AttemptsExhausted.into(),
        Verdict::Expired => RefusalCode::CodeExpired.into(),
        Verdict::Gone => RefusalCode::SessionUnknown.into(),
    };
    Err(of_verdict(verdict, refusal))
}

/// Compares a code with that of a challenge, and counts the attempt.
async fn compare(
    flows: &Flows,
    challenge: &Challenge,
    caller: ClientAddress,
    typed: &OtpCode,
) -> Result<Verdict, RefusedVerification> {
    let Some(code) = challenge.code(&flows.otp_keys) else {
        tracing::error!(
            kid = challenge.root.kid,
            "OTP_KEY lacks the key of a challenge"
        );
        return Err(RefusalCode::KeyUnavailable.into());
    };
    let (allowed, right) = (flows.otp.max_attempts, code.matches(typed));
    let count = flows
        .hot_state
        .count_by_session(allowed, challenge, right, Some(caller));
    let verdict = counting(count).await?;
    if matches!(verdict, Verdict::Wrong { .. }) {
        wrong_code(flows, caller).await;
    }
    Ok(verdict)
}

/// Checks a code that comes with its number only. Such tries count on the lock that they share with
/// the password of the number.
pub(crate) async fn by_phone(
    flows: &Flows,
    phone: &PhoneNumber,
    caller: Caller,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    let typed = parse(typed, flows.otp.length)?;
    let mut roots = flows.hot_state.phone_roots(phone).await?;
    let counted_try = CountedTry::begin(flows, Step::CodeByPhone, phone, caller).await?;
    let guesses: Vec<Guess<'_>> = roots
        .iter()
        .filter_map(|root| {
            let right = is_right(flows, root, &typed)?;
            Some(Guess { root, right })
        })
        .collect();
    for _ in guesses.len()..PHONE_ROOTS {
        compare_with_decoy(flows, &typed);
    }
    // Also where nothing was compared: the answer shall not come sooner for it.
    let allowed = flows.otp.max_attempts;
    let verdict = counting(flows.hot_state.count_by_phone(allowed, &guesses)).await?;
    if let Verdict::Right { root } = verdict
        && let Some(index) = roots.iter().position(|known| known.id == root)
    {
        let root = roots.swap_remove(index);
        traces::join(root.trace.as_deref());
        return Ok(Proven {
            root,
            session: None,
            as_if_wrong: Refusal::code_wrong(None),
            if_used: Refusal::code_wrong(None),
            counted_try: Some(counted_try),
        });
    }
    Err(of_verdict(verdict, Refusal::code_wrong(None)))
}

/// The count step.
async fn counting(
    count: impl Future<Output = Result<Verdict, HotStateError>>,
) -> Result<Verdict, Refusal> {
    let step = Span::step("count attempt");
    let counted = step.run(count).await;
    match &counted {
        Ok(verdict) => step.set("ramz.outcome", verdict.as_str()),
        Err(_) => step.fail("store_unavailable"),
    }
    Ok(counted?)
}

/// Reads a code by its shape alone.
pub(crate) fn parse(typed: &str, digits: u8) -> Result<OtpCode, Refusal> {
    OtpCode::parse(typed, digits).map_err(|_| Refusal::code_malformed(digits))
}

/// `None` where the key is not known here: nothing was compared, so nothing is counted, and another
/// api that knows the key can still take the code.
fn is_right(flows: &Flows, root: &Root, typed: &OtpCode) -> Option<bool> {
    if let Some(code) = root.code(&flows.otp_keys) {
        return Some(code.matches(typed));
    }
    // An answer of its own would tell that the number has a challenge.
    tracing::error!(kid = root.kid, "OTP_KEY lacks the key of a challenge");
    None
}

/// Does the work of a comparison where there is nothing to compare with.
fn compare_with_decoy(flows: &Flows, typed: &OtpCode) {
    let Some(phone) = PhoneNumber::from_e164(DECOY_NUMBER) else {
        return;
    };
    let decoy = Root {
        id: RootId::from_bytes([0; 16]),
        phone,
        purpose: Purpose::SignIn,
        kid: flows.otp_keys.newest().kid().to_owned(),
        salt: Salt::from_bytes([0; 16]),
        digits: flows.otp.length,
        created_at: 0,
        ends_at: 0,
        last_send_at: 0,
        sends: 0,
        phone_attempts: 0,
        closed: None,
        trace: None,
    };
    black_box(
        decoy
            .code(&flows.otp_keys)
            .is_some_and(|code| code.matches(typed)),
    );
}

fn of_verdict(verdict: Verdict, refusal: Refusal) -> RefusedVerification {
    let result = match verdict {
        // Not here, unless the store names a challenge that it was not asked about.
        Verdict::Right { .. } => VerificationResult::Failed,
        Verdict::Used => VerificationResult::Used,
        Verdict::Wrong { .. } => VerificationResult::Wrong,
        Verdict::Exhausted => VerificationResult::Exhausted,
        Verdict::Expired => VerificationResult::Expired,
        Verdict::Gone => VerificationResult::Unknown,
    };
    RefusedVerification { result, refusal }
}
