//! The challenge: one request for a code, from the first message to its end.
//!
//! A challenge is known by two ids. The [`SessionId`] is a secret of the client: it is never
//! stored or logged. The [`ChallengeId`], a one-way image of it, is used everywhere else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::otp::{KeyRing, OtpCode, Purpose, derive};
use crate::phone::PhoneNumber;
use crate::random::Random;

const CHALLENGE_DOMAIN: &[u8] = b"ramz challenge v1";
const OWNED_CHALLENGE_DOMAIN: &[u8] = b"ramz owned challenge v1";
const STEP_DOMAIN: &[u8] = b"ramz step session v1";

/// No challenge outlives this, however often its code is sent again.
pub const MAX_CHALLENGE_MILLIS: i64 = 10 * 60 * 1000;

/// A message that could not be handed over this long before its code dies is not sent: it would
/// arrive dead.
pub const SEND_MARGIN_MILLIS: i64 = 30 * 1000;

/// The client's secret handle of a challenge, or of its place in the step flow: a random UUID,
/// version 4. Debug output hides it and it has no `Display`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(random.uuid_v4())
    }

    /// The text that goes to the client, and nowhere else.
    pub fn expose(self) -> String {
        self.0.hyphenated().to_string()
    }

    /// The id under which everything else knows the challenge: the first 16 bytes of
    /// SHA-256("ramz challenge v1" ‖ session id).
    pub fn challenge_id(self) -> ChallengeId {
        let hash = Sha256::new()
            .chain_update(CHALLENGE_DOMAIN)
            .chain_update(self.0)
            .finalize();
        ChallengeId::from_hash(&hash)
    }

    /// The same for a challenge that only one signed-in user may use: the first 16 bytes of
    /// SHA-256("ramz owned challenge v1" ‖ session id ‖ user id). In anybody else's hands the
    /// session id leads to a challenge that does not exist, and so it does where no owner is asked
    /// for; the code, which depends on the challenge id, is bound to the owner with it.
    pub fn challenge_id_of(self, owner: Uuid) -> ChallengeId {
        let hash = Sha256::new()
            .chain_update(OWNED_CHALLENGE_DOMAIN)
            .chain_update(self.0)
            .chain_update(owner)
            .finalize();
        ChallengeId::from_hash(&hash)
    }

    /// What the records keep of a place in the step flow: SHA-256("ramz step session v1" ‖ session
    /// id).
    pub fn step_hash(self) -> [u8; 32] {
        Sha256::new()
            .chain_update(STEP_DOMAIN)
            .chain_update(self.0)
            .finalize()
            .into()
    }
}

impl FromStr for SessionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(••••)")
    }
}

/// The public id of a challenge, 16 bytes; its text form is 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChallengeId([u8; 16]);

impl ChallengeId {
    /// Takes the id as stores keep it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id as stores keep it.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn from_hash(hash: &[u8]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Self(id)
    }
}

impl fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChallengeId({self})")
    }
}

impl FromStr for ChallengeId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id)?;
        Ok(Self(id))
    }
}

impl Serialize for ChallengeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChallengeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// 16 random bytes that live in the challenge record only; without them a leaked key gives no
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

/// How a code travels to the phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A text message.
    #[default]
    Sms,
    /// A voice call that reads the code; needs a template at the gateway.
    Call,
}

impl Channel {
    /// The name in stores, jobs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Call => "call",
        }
    }

    /// The channel of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sms, Self::Call]
            .into_iter()
            .find(|channel| channel.as_str() == name)
    }
}

/// The language of the message and of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// Persian, the default.
    #[default]
    Fa,
    /// English.
    En,
}

impl Locale {
    /// The language tag (BCP 47).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fa => "fa",
            Self::En => "en",
        }
    }

    /// The locale whose language a tag begins with (BCP 47), as clients write them: in any case, with
    /// region and script, and with the underscore of POSIX.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_', '.', '@']).next()?;
        Self::from_name(&primary.to_ascii_lowercase())
    }

    /// The locale of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Fa, Self::En]
            .into_iter()
            .find(|locale| locale.as_str() == name)
    }
}

/// The way a code comes back. Each has its own attempts, so that a stranger who only knows the
/// number cannot use up those of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// With the session id.
    Session,
    /// With the phone number only.
    Phone,
}

impl Way {
    /// The name in scripts and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Phone => "phone",
        }
    }
}

/// What a new challenge is made of; the time, the send number and the limits are added by the
/// accept step.
#[derive(Clone, Debug)]
pub struct NewChallenge {
    /// Its id.
    pub id: ChallengeId,
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
    /// The language of the message.
    pub locale: Locale,
}

impl NewChallenge {
    /// A challenge of a new session, with its secret handle.
    pub fn begin(
        random: &Random,
        keys: &KeyRing,
        phone: PhoneNumber,
        purpose: Purpose,
        digits: u8,
        locale: Locale,
    ) -> (SessionId, Self) {
        let session = SessionId::new(random);
        let challenge = Self {
            id: session.challenge_id(),
            phone,
            purpose,
            kid: keys.newest().kid().to_owned(),
            salt: Salt::new(random),
            digits,
            locale,
        };
        (session, challenge)
    }

    /// The same challenge for one signed-in user only.
    #[must_use]
    pub fn owned_by(self, session: SessionId, owner: Uuid) -> Self {
        Self {
            id: session.challenge_id_of(owner),
            ..self
        }
    }
}

/// A challenge as hot state holds it. Validity is decided by the times in it; that it still
/// exists proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
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
    /// The language of the message.
    pub locale: Locale,
    /// When it began.
    pub created_at: UnixMillis,
    /// From this moment on no code is accepted.
    pub expires_at: UnixMillis,
    /// When its code was last asked for and granted.
    pub last_send_at: UnixMillis,
    /// How many sends were granted.
    pub sends: u32,
    /// Attempts counted with the session id.
    pub session_attempts: u32,
    /// Attempts counted with the phone number only.
    pub phone_attempts: u32,
    /// A code of it had its effect; nothing more is sent or accepted.
    pub consumed: bool,
    /// W3C `traceparent` of the request that began it.
    pub trace: Option<String>,
}

impl Challenge {
    /// Attempts counted by this way.
    pub fn attempts(&self, way: Way) -> u32 {
        match way {
            Way::Session => self.session_attempts,
            Way::Phone => self.phone_attempts,
        }
    }

    /// Whether its code can still be used by the client that holds the session id.
    pub fn is_live(&self, now: UnixMillis, max_attempts: u32) -> bool {
        !self.consumed && now < self.expires_at && self.session_attempts < max_attempts
    }

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
    fn i_05_session_ids_and_salts_are_hidden_and_the_challenge_id_is_one_way() {
        let session: SessionId = "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11"
            .parse()
            .expect("a UUID");
        assert_eq!(format!("{session:?}"), "SessionId(••••)");
        assert_eq!(format!("{:?}", Salt::new(&Random::seeded(1))), "Salt(••••)");
        let id = session.challenge_id();
        assert_eq!(id.to_string().parse::<ChallengeId>(), Ok(id));
        assert_eq!(
            hex::encode(session.step_hash()),
            "cc1dc3f577ccaa47d470cf0fbf3758d15ea6ccaa92984e06797275bee2379b26"
        );
        assert_eq!(
            serde_json::to_string(&id).expect("JSON"),
            format!("\"{id}\"")
        );
    }

    #[test]
    fn r_18_a_session_id_leads_each_owner_to_a_challenge_of_their_own() {
        let session = SessionId::new(&Random::seeded(1));
        let [first, second] = [1, 2].map(|owner| session.challenge_id_of(Uuid::from_u128(owner)));
        assert_ne!(first, second);
        assert_ne!(first, session.challenge_id());
        assert_eq!(first, session.challenge_id_of(Uuid::from_u128(1)));
    }

    #[test]
    fn names_in_stores_lead_back_to_their_values() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_name(purpose.as_str()), Some(purpose));
        }
        for channel in [Channel::Sms, Channel::Call] {
            assert_eq!(Channel::from_name(channel.as_str()), Some(channel));
        }
        for locale in [Locale::Fa, Locale::En] {
            assert_eq!(Locale::from_name(locale.as_str()), Some(locale));
        }
        for tag in ["en", "EN", "en-US", "en_US", "en_GB.UTF-8", " en-Latn-US "] {
            assert_eq!(Locale::from_tag(tag), Some(Locale::En), "{tag}");
        }
        for tag in ["fa", "fa-IR", "FA_ir", "fa-Arab-AF"] {
            assert_eq!(Locale::from_tag(tag), Some(Locale::Fa), "{tag}");
        }
        for tag in ["", "english", "fas", "de-EN", "*"] {
            assert_eq!(Locale::from_tag(tag), None, "{tag}");
        }
    }
}
