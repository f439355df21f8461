//! A challenge as a Redis hash: short names and small values, so that it stays one compact block.

use crate::challenge::{Challenge, ChallengeId, Locale, Salt};
use crate::hot_state::HotStateError;
use crate::otp::Purpose;
use crate::phone::PhoneNumber;

/// The fields, in the order of [`Fields`]; the last, the trace, may be missing. `r`, the nonce of
/// the last grant, is read by the accept script only.
pub(super) const FIELDS: &[&str] = &[
    "p", "u", "k", "s", "d", "l", "c", "e", "t", "n", "a", "b", "x", "w",
];

pub(super) type Fields = Vec<Option<Vec<u8>>>;

/// Reads a record; `None` where there is none.
pub(super) fn read(
    id: ChallengeId,
    mut fields: Fields,
) -> Result<Option<Challenge>, HotStateError> {
    if fields.iter().all(Option::is_none) {
        return Ok(None);
    }
    let trace = fields.pop().flatten();
    let fields: Option<Vec<Vec<u8>>> = fields.into_iter().collect();
    fields
        .as_deref()
        .and_then(|fields| challenge(id, fields, trace.as_deref()))
        .map(Some)
        .ok_or(HotStateError::Corrupt("a challenge"))
}

fn challenge(id: ChallengeId, fields: &[Vec<u8>], trace: Option<&[u8]>) -> Option<Challenge> {
    let [
        phone,
        purpose,
        kid,
        salt,
        digits,
        locale,
        created,
        expires,
        last,
        sends,
        by_session,
        by_phone,
        consumed,
    ] = fields
    else {
        return None;
    };
    Some(Challenge {
        id,
        phone: PhoneNumber::from_e164(text(phone)?)?,
        purpose: Purpose::from_name(text(purpose)?)?,
        kid: text(kid)?.to_owned(),
        salt: Salt::from_bytes(salt.as_slice().try_into().ok()?),
        digits: number(digits)?,
        locale: Locale::from_name(text(locale)?)?,
        created_at: number(created)?,
        expires_at: number(expires)?,
        last_send_at: number(last)?,
        sends: number(sends)?,
        session_attempts: number(by_session)?,
        phone_attempts: number(by_phone)?,
        consumed: text(consumed)? == "1",
        trace: trace.and_then(text).map(str::to_owned),
    })
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    text(field)?.parse().ok()
}
