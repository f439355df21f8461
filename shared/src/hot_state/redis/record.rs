//! Challenges and roots as Redis hashes: short names and small values, so that they stay compact blocks.
//!
//! A challenge that begins a root shares one hash with it (`c:`). One that joins a root has a hash of
//! its own under another name (`d:`), which a release without roots does not know: to it the session
//! does not exist, while half a record would be one that it cannot read. One that began a root and went
//! on to another lives under `d:` from then on.
//!
//! | field | of | what |
//! |---|---|---|
//! | `p`, `u` | both | number, purpose |
//! | `k`, `s`, `d` | root | key id, salt, digits |
//! | `l` | challenge | language |
//! | `w` | both | trace |
//! | `c` | both | begin |
//! | `e` | challenge | its end, as it was told; its root may end before |
//! | `g` | root | its end, where that is not `e` |
//! | `t` | challenge | when it was last asked for, after its begin |
//! | `z`, `h` | root | when its last message was granted, where that is not `t` or `c`; by which channel |
//! | `n` | root | how many messages were granted, from the second on |
//! | `a` | challenge | attempts with the session id; 1000 where it went on from the root that it began to another |
//! | `b` | root | attempts with the number only |
//! | `x`, `y` | root | that it is closed, and by whom: a challenge, `phone`, or `-` |
//! | `o` | challenge | its root, where it joined one |
//! | `r` | challenge | the nonce of the last grant, read by the accept script only |

use domain::challenge::{Challenge, ChallengeId, Locale};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{Honoured, Root, RootId, Salt};

use crate::hot_state::{HotStateError, LivingRoot};

/// The fields of a challenge; all but the last three are there from its start.
pub(super) const CHALLENGE_FIELDS: [&str; 6] = ["l", "c", "e", "t", "a", "w"];
/// The fields of a root; the first seven are there from its start.
pub(super) const ROOT_FIELDS: [&str; 15] = [
    "p", "u", "k", "s", "d", "c", "e", "g", "t", "z", "n", "b", "x", "y", "w",
];

/// The fields of a root, then two of the challenge that began it, which are gone where it went on to another.
pub(super) const LIVING_FIELDS: [&str; 17] = [
    "p", "u", "k", "s", "d", "c", "e", "g", "t", "z", "n", "b", "x", "y", "w", "l", "a",
];

/// What tells whether a root is there, whether it is closed, and by whom.
pub(super) const OPEN_FIELDS: [&str; 3] = ["p", "x", "y"];

pub(super) type Fields = Vec<Option<Vec<u8>>>;

/// Reads a challenge on its root.
pub(super) fn read_challenge(
    id: ChallengeId,
    fields: &[Option<Vec<u8>>],
    root: &str,
    root_fields: &[Option<Vec<u8>>],
) -> Result<Challenge, HotStateError> {
    let root = root
        .parse()
        .map_err(|_| HotStateError::Corrupt("the root of a challenge"))?;
    let root = read_root(root, root_fields)?;
    challenge(id, root, &plain(fields)).ok_or(HotStateError::Corrupt("a challenge"))
}

/// Reads a root.
pub(super) fn read_root(id: RootId, fields: &[Option<Vec<u8>>]) -> Result<Root, HotStateError> {
    root(id, &plain(fields)).ok_or(HotStateError::Corrupt("a root"))
}

/// Reads a root, if it is there, and how often the challenge that began it was tried.
pub(super) fn read_living(
    id: RootId,
    fields: &[Option<Vec<u8>>],
) -> Result<Option<LivingRoot>, HotStateError> {
    if fields.iter().all(Option::is_none) {
        return Ok(None);
    }
    let (of_root, of_challenge) = fields
        .split_at_checked(ROOT_FIELDS.len())
        .unwrap_or_default();
    let root = read_root(id, of_root)?;
    let session_attempts = match of_challenge {
        [Some(_), attempts] => {
            let attempts = attempts.as_deref().unwrap_or(b"0");
            Some(number(attempts).ok_or(HotStateError::Corrupt("the attempts at a challenge"))?)
        }
        _ => None,
    };
    Ok(Some(LivingRoot {
        root,
        session_attempts,
    }))
}

/// Does the work of reading a root where there is none.
pub(super) fn read_no_root() -> Option<Root> {
    let fields = [
        "+989000000000",
        "sign_in",
        "none",
        "0123456789abcdef",
        "6",
        "1763700000000",
        "1763700120000",
    ];
    let there = fields.map(|field| Some(field.as_bytes().to_vec()));
    let fields: Fields = there.into_iter().chain((0..8).map(|_| None)).collect();
    root(RootId::from_bytes([0; 16]), &plain(&fields))
}

fn plain(fields: &[Option<Vec<u8>>]) -> Vec<Option<&[u8]>> {
    fields.iter().map(Option::as_deref).collect()
}

fn challenge(id: ChallengeId, root: Root, fields: &[Option<&[u8]>]) -> Option<Challenge> {
    let &[
        Some(locale),
        Some(created),
        Some(expires),
        last_asked,
        attempts,
        trace,
    ] = fields
    else {
        return None;
    };
    Some(Challenge {
        id,
        root,
        locale: Locale::from_name(text(locale)?)?,
        created_at: number(created)?,
        expires_at: number(expires)?,
        last_asked_at: number(last_asked.unwrap_or(created))?,
        session_attempts: number(attempts.unwrap_or(b"0"))?,
        trace: trace.and_then(text).map(str::to_owned),
    })
}

fn root(id: RootId, fields: &[Option<&[u8]>]) -> Option<Root> {
    let &[
        Some(phone),
        Some(purpose),
        Some(kid),
        Some(salt),
        Some(digits),
        Some(created),
        Some(expires),
        ends,
        last_asked,
        last_send,
        sends,
        attempts,
        closed,
        honoured,
        trace,
    ] = fields
    else {
        return None;
    };
    Some(Root {
        id,
        phone: PhoneNumber::from_e164(text(phone)?)?,
        purpose: Purpose::from_name(text(purpose)?)?,
        kid: text(kid)?.to_owned(),
        salt: Salt::from_bytes(salt.try_into().ok()?),
        digits: number(digits)?,
        created_at: number(created)?,
        ends_at: number(ends.unwrap_or(expires))?,
        last_send_at: number(last_send.or(last_asked).unwrap_or(created))?,
        sends: number(sends.unwrap_or(b"1"))?,
        phone_attempts: number(attempts.unwrap_or(b"0"))?,
        closed: match (closed, honoured) {
            (Some(b"1"), Some(b"phone")) => Some(Honoured::Phone),
            (Some(b"1"), Some(b"-")) => Some(Honoured::Nobody),
            // A release without roots closed each challenge for itself.
            (Some(b"1"), None) => Some(Honoured::Session(ChallengeId::from_bytes(*id.as_bytes()))),
            (Some(b"1"), Some(session)) => Some(Honoured::Session(text(session)?.parse().ok()?)),
            _ => None,
        },
        trace: trace.and_then(text).map(str::to_owned),
    })
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    text(field)?.parse().ok()
}
