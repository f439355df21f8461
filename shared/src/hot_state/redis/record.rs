//! A challenge as a Redis hash: short names and small values, so that it stays one compact block.

use domain::challenge::{Challenge, ChallengeId, Locale, Salt};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;

use crate::hot_state::HotStateError;

/// The fields that a record has from its start, then those that come when something happens: the
/// last resend and how many sends there were, attempts with the session and with the number,
/// whether it was consumed, and its trace. `r`, the nonce of the last grant, is read by the accept
/// script only.
pub(super) const FIELDS: &[&str] = &[
    "p", "u", "k", "s", "d", "l", "c", "e", "t", "n", "a", "b", "x", "w",
];

pub(super) type Fields = Vec<Option<Vec<u8>>>;

/// Reads a record; `None` where there is none.
pub(super) fn read(
    id: ChallengeId,
    fields: &[Option<Vec<u8>>],
) -> Result<Option<Challenge>, HotStateError> {
    if fields.iter().all(Option::is_none) {
        return Ok(None);
    }
    let fields: Vec<Option<&[u8]>> = fields.iter().map(Option::as_deref).collect();
    challenge(id, &fields)
        .map(Some)
        .ok_or(HotStateError::Corrupt("a challenge"))
}

fn challenge(id: ChallengeId, fields: &[Option<&[u8]>]) -> Option<Challenge> {
    let &[
        Some(phone),
        Some(purpose),
        Some(kid),
        Some(salt),
        Some(digits),
        Some(locale),
        Some(created),
        Some(expires),
        last_resend,
        sends,
        by_session,
        by_phone,
        consumed,
        trace,
    ] = fields
    else {
        return None;
    };
    Some(Challenge {
        id,
        phone: PhoneNumber::from_e164(text(phone)?)?,
        purpose: Purpose::from_name(text(purpose)?)?,
        kid: text(kid)?.to_owned(),
        salt: Salt::from_bytes(salt.try_into().ok()?),
        digits: number(digits)?,
        locale: Locale::from_name(text(locale)?)?,
        created_at: number(created)?,
        expires_at: number(expires)?,
        last_send_at: number(last_resend.unwrap_or(created))?,
        sends: number(sends.unwrap_or(b"1"))?,
        session_attempts: number(by_session.unwrap_or(b"0"))?,
        phone_attempts: number(by_phone.unwrap_or(b"0"))?,
        consumed: consumed == Some(b"1"),
        trace: trace.and_then(text).map(str::to_owned),
    })
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    text(field)?.parse().ok()
}
