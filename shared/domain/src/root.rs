//! The root of codes: what makes the code of a number and purpose, shared by all who ask for it
//! within minutes.
//!
//! One number has one live code: a page that is reloaded, a second tab and a message that comes late
//! all meet the same digits. A root is begun by a request, and anyone who asks for the same number and
//! purpose while it has enough of its ten minutes left gets a challenge of their own on it. The first
//! right code closes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::challenge::ChallengeId;
use crate::clock::UnixMillis;
use crate::otp::{KeyRing, OtpCode, Purpose, derive};
use crate::phone::PhoneNumber;
use crate::random::Random;

/// No code outlives this, however often it is asked for or sent again.
pub const MAX_ROOT_MILLIS: i64 = 10 * 60 * 1000;

/// A root is shared while it has so much of its life left, or the life of a code where that is less.
pub const SHARED_LIFE_MILLIS: i64 = 5 * 60 * 1000;

/// How long a new root may be shared where a code lives so long.
pub const fn shared_for_millis(code_life_millis: i64) -> i64 {
    if code_life_millis < SHARED_LIFE_MILLIS {
        MAX_ROOT_MILLIS - code_life_millis
    } else {
        MAX_ROOT_MILLIS - SHARED_LIFE_MILLIS
    }
}

/// The id of a root: that of the challenge which began it, or random bytes where one that had begun
/// before went on to it. The records know the use of a code and its messages by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootId([u8; 16]);

impl RootId {
    /// One of its own.
    pub fn new(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// Takes the id as stores keep it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id as stores keep it.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<ChallengeId> for RootId {
    fn from(challenge: ChallengeId) -> Self {
        Self(*challenge.as_bytes())
    }
}

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootId({self})")
    }
}

impl FromStr for RootId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id)?;
        Ok(Self(id))
    }
}

impl Serialize for RootId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RootId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// 16 random bytes that live in the record of the root only; without them a leaked key gives no
/// code. Debug output hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// Takes a salt as stores keep it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The salt as stores keep it.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(••••)")
    }
}

/// The secret half of a root that may begin.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// The key that derives the code.
    pub kid: String,
    /// The other half of the derivation.
    pub salt: Salt,
    /// The length of the code.
    pub digits: u8,
}

impl NewSecret {
    /// A new one, under the newest key.
    pub fn new(random: &Random, keys: &KeyRing, digits: u8) -> Self {
        Self {
            kid: keys.newest().kid().to_owned(),
            salt: Salt::new(random),
            digits,
        }
    }

    /// The root that it makes.
    pub fn of(self, id: RootId, phone: PhoneNumber, purpose: Purpose) -> NewRoot {
        NewRoot {
            id,
            phone,
            purpose,
            secret: self,
        }
    }
}

/// What a new root is made of; the time is added by the accept step.
#[derive(Clone, Debug)]
pub struct NewRoot {
    /// Its id.
    pub id: RootId,
    /// Whom the code is for.
    pub phone: PhoneNumber,
    /// What the code may be used for.
    pub purpose: Purpose,
    /// What the code is made of.
    pub secret: NewSecret,
}

/// Who gave back the code that closed a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honoured {
    /// Anyone who holds the session id of this challenge.
    Session(ChallengeId),
    /// Somebody who gave the number only, and whose code may not have had its effect yet.
    Phone,
    /// Nobody who could give it back once more.
    Nobody,
}

/// A root as hot state holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its id.
    pub id: RootId,
    /// Whom the code is for.
    pub phone: PhoneNumber,
    /// What the code may be used for.
    pub purpose: Purpose,
    /// The key that derives the code.
    pub kid: String,
    /// The other half of the derivation.
    pub salt: Salt,
    /// The length of the code.
    pub digits: u8,
    /// When it began.
    pub created_at: UnixMillis,
    /// From this moment on the code is dead for all who share it.
    pub ends_at: UnixMillis,
    /// When its code was last put on its way.
    pub last_send_at: UnixMillis,
    /// How many messages were granted.
    pub sends: u32,
    /// Tries counted with the phone number only.
    pub phone_attempts: u32,
    /// Who gave the right code back; nothing more is sent, and nobody else is let in.
    pub closed: Option<Honoured>,
    /// W3C `traceparent` of the request that began it.
    pub trace: Option<String>,
}

impl Root {
    /// Its code, unless the ring lacks the key.
    pub fn code(&self, keys: &KeyRing) -> Option<OtpCode> {
        let key = keys.find(&self.kid)?;
        Some(derive(
            key,
            self.purpose,
            &self.phone,
            self.id,
            &self.salt,
            self.digits,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_05_salts_are_hidden_and_ids_lead_back_from_their_texts() {
        let random = Random::seeded(1);
        assert_eq!(format!("{:?}", Salt::new(&random)), "Salt(••••)");
        let id = RootId::new(&random);
        assert_eq!(id.to_string().parse::<RootId>(), Ok(id));
        let json = serde_json::to_string(&id).expect("JSON");
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<RootId>(&json).expect("an id"), id);
    }

    #[test]
    fn a_root_is_shared_until_less_than_a_code_of_life_or_five_minutes_is_left() {
        let minutes = |minutes: i64| minutes * 60 * 1000;
        assert_eq!(shared_for_millis(minutes(2)), minutes(8));
        assert_eq!(shared_for_millis(minutes(5)), minutes(5));
        assert_eq!(shared_for_millis(minutes(10)), minutes(5));
    }
}
