//! Checking a code of any purpose: one read, one comparison in constant time, and one step that counts the
//! attempt before the verdict is honoured.
//!
//! With the session id the attempts of that one challenge count, and the answer says why it is
//! refused. With the phone number alone one guess is compared with all live challenges of the
//! number under a count of its own, and every refusal is the same: whoever knows a number only
//! learns nothing about it.

use std::hint::black_box;

use domain::challenge::{Challenge, ChallengeId, Locale, Salt, SessionId, Way};
use domain::client_address::ClientAddress;
use domain::otp::{OtpCode, Purpose};
use domain::phone::{Operator, PhoneNumber};
use shared::hot_state::{Attempt, PHONE_CHALLENGES, Verdict};
use shared::traces::{self, Span};
use uuid::Uuid;

use crate::flows::Flows;
use crate::metrics::VerificationResult;
use crate::refusal::{Refusal, RefusalCode};
use crate::refused::RefusedAs;
use crate::tries::CountedTry;

/// The number of the challenge that is derived where there is none, for the same work.
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

/// A challenge whose code was right, with an attempt counted for it.
pub(crate) struct Proven {
    pub(crate) challenge: Challenge,
    /// What a wrong code would have been answered: blocked users hear no more.
    pub(crate) as_if_wrong: Refusal,
    /// The answer where the code had its effect before.
    pub(crate) if_used: Refusal,
    /// The try that the number was charged with, where the code came without its session id.
    pub(crate) counted_try: Option<CountedTry>,
}

impl Proven {
    /// The refusal where the code had its effect before.
    pub(crate) fn used(self) -> RefusedVerification {
        RefusedVerification {
            result: VerificationResult::Used,
            refusal: self.if_used,
        }
    }

    /// The refusal of a user who is kept out.
    pub(crate) fn blocked(self) -> RefusedVerification {
        RefusedVerification {
            result: VerificationResult::Blocked,
            refusal: self.as_if_wrong,
        }
    }

    /// Ends the challenge whose code has had its effect. The records keep the code from acting
    /// twice; this only stops resends of it.
    pub(crate) async fn consume(&self, flows: &Flows) {
        let challenge = &self.challenge;
        if let Err(error) = flows.hot_state.consume(challenge.id).await {
            tracing::warn!(%error, challenge = %challenge.id, "a used challenge stays open");
        }
        if let Some(counted) = &self.counted_try {
            counted.succeeded(flows).await;
        }
        let lasted = flows.clock.now_millis() - challenge.created_at;
        let operator = Operator::of(&challenge.phone);
        flows.metrics.verified_after(seconds(lasted), operator);
    }
}

/// Counts how a verification ended.
pub(crate) fn counted<T>(
    flows: &Flows,
    ended: Result<T, RefusedVerification>,
) -> Result<T, Refusal> {
    match ended {
        Ok(value) => {
            flows.metrics.verification(VerificationResult::Verified);
            Ok(value)
        }
        Err(RefusedVerification { result, refusal }) => {
            flows.metrics.verification(result);
            Err(refusal)
        }
    }
}

/// A refused verification.
pub(crate) type RefusedVerification = RefusedAs<VerificationResult>;

/// Checks a code that comes with its session id. Only a challenge of this purpose is known here.
pub(crate) async fn by_session(
    flows: &Flows,
    purpose: Purpose,
    session: SessionId,
    phone: Option<PhoneNumber>,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    by_challenge(flows, purpose, session.challenge_id(), phone, typed).await
}

/// The same for a code that only this signed-in user may give back: to anybody else its session is
/// unknown.
pub(crate) async fn by_session_of(
    flows: &Flows,
    purpose: Purpose,
    owner: Uuid,
    session: SessionId,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    by_challenge(flows, purpose, session.challenge_id_of(owner), None, typed).await
}

async fn by_challenge(
    flows: &Flows,
    purpose: Purpose,
    id: ChallengeId,
    phone: Option<PhoneNumber>,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    let found = flows.hot_state.challenge(id).await?;
    let challenge = found.filter(|challenge| challenge.purpose == purpose);
    let digits = challenge.as_ref().map_or(flows.otp.length, |c| c.digits);
    let typed = parse(typed, digits)?;
    let Some(challenge) = challenge else {
        compare_with_decoy(flows, &typed);
        return Err(RefusalCode::SessionUnknown.into());
    };
    traces::join(challenge.trace.as_deref());
    if phone.is_some_and(|phone| phone != challenge.phone) {
        return Err(RefusalCode::PhoneMismatch.into());
    }
    let Some(code) = challenge.code(&flows.otp_keys) else {
        tracing::error!(kid = challenge.kid, "OTP_KEY lacks the key of a challenge");
        return Err(RefusalCode::KeyUnavailable.into());
    };

    let right = code.matches(&typed);
    let attempts = [Attempt {
        challenge: &challenge,
        right,
    }];
    let allowed = flows.otp.max_attempts;
    let verdict = count(flows, Way::Session, allowed, &attempts).await?;
    let refusal = match verdict {
        Verdict::Right { .. } => {
            let left = allowed.saturating_sub(challenge.session_attempts + 1);
            return Ok(Proven {
                challenge,
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

/// Checks a code that comes with its number only. Such tries count on the lock that they share with
/// the password of the number.
pub(crate) async fn by_phone(
    flows: &Flows,
    phone: &PhoneNumber,
    address: ClientAddress,
    typed: &str,
) -> Result<Proven, RefusedVerification> {
    let typed = parse(typed, flows.otp.length)?;
    let mut challenges = flows.hot_state.phone_challenges(phone).await?;
    let counted_try = CountedTry::begin(flows, phone, address).await?;
    let attempts: Vec<Attempt<'_>> = challenges
        .iter()
        .filter_map(|challenge| {
            let right = is_right_or_decoy(flows, challenge, &typed)?;
            Some(Attempt { challenge, right })
        })
        .collect();
    for _ in attempts.len()..PHONE_CHALLENGES {
        compare_with_decoy(flows, &typed);
    }
    // Also where nothing was compared: the answer shall not come sooner for it.
    let allowed = flows.otp.max_attempts;
    let verdict = count(flows, Way::Phone, allowed, &attempts).await?;
    if let Verdict::Right { id } = verdict
        && let Some(index) = challenges.iter().position(|challenge| challenge.id == id)
    {
        let challenge = challenges.swap_remove(index);
        traces::join(challenge.trace.as_deref());
        return Ok(Proven {
            challenge,
            as_if_wrong: Refusal::code_wrong(None),
            if_used: Refusal::code_wrong(None),
            counted_try: Some(counted_try),
        });
    }
    Err(of_verdict(verdict, Refusal::code_wrong(None)))
}

/// The count step.
async fn count(
    flows: &Flows,
    way: Way,
    allowed: u32,
    attempts: &[Attempt<'_>],
) -> Result<Verdict, Refusal> {
    let step = Span::step("count attempt");
    let counted = step
        .run(flows.hot_state.count_attempt(way, allowed, attempts))
        .await;
    match &counted {
        Ok(verdict) => step.set("ramz.outcome", verdict.as_str()),
        Err(_) => step.fail("store_unavailable"),
    }
    Ok(counted?)
}

fn parse(typed: &str, digits: u8) -> Result<OtpCode, Refusal> {
    OtpCode::parse(typed, digits).map_err(|_| Refusal::code_malformed(digits))
}

/// `None` where the key is not known here: nothing was compared, so nothing is counted, and another
/// api that knows the key can still take the code.
fn is_right_or_decoy(flows: &Flows, challenge: &Challenge, typed: &OtpCode) -> Option<bool> {
    if let Some(code) = challenge.code(&flows.otp_keys) {
        return Some(code.matches(typed));
    }
    // An answer of its own would tell that the number has a challenge.
    tracing::error!(kid = challenge.kid, "OTP_KEY lacks the key of a challenge");
    None
}

/// Does the work of a comparison where there is nothing to compare with.
fn compare_with_decoy(flows: &Flows, typed: &OtpCode) {
    let Some(phone) = PhoneNumber::from_e164(DECOY_NUMBER) else {
        return;
    };
    let decoy = Challenge {
        id: ChallengeId::from_bytes([0; 16]),
        phone,
        purpose: Purpose::SignIn,
        kid: flows.otp_keys.newest().kid().to_owned(),
        salt: Salt::from_bytes([0; 16]),
        digits: flows.otp.length,
        locale: Locale::Fa,
        created_at: 0,
        expires_at: 0,
        last_send_at: 0,
        sends: 0,
        session_attempts: 0,
        phone_attempts: 0,
        consumed: false,
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

#[expect(
    clippy::cast_precision_loss,
    reason = "a span in milliseconds is far below 2^52"
)]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
