//! The challenge: one request for a code, from the first message to its end.
//!
//! A challenge is known by two ids. The [`SessionId`] is a secret of the client: it is never
//! stored or logged. The [`ChallengeId`], a one-way image of it, is used everywhere else.
//!
//! What the code is made of lives in the [`Root`], which the challenges of one
//! number and purpose may share: anyone who asks again within minutes gets the same code.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::otp::{KeyRing, OtpCode, Purpose};
use crate::phone::PhoneNumber;
use crate::random::Random;
use crate::root::{Honoured, NewRoot, NewSecret, Root};

const CHALLENGE_DOMAIN: &[u8] = b"ramz challenge v1";
const OWNED_CHALLENGE_DOMAIN: &[u8] = b"ramz owned challenge v1";
const STEP_DOMAIN: &[u8] = b"ramz step session v1";

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

    /// The bytes, to derive from.
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
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

/// How a code travels to the phone.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
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
        self.into()
    }

    /// The channel of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// The language of the message and of answers.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
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
        self.into()
    }

    /// The locale whose language a tag begins with (BCP 47), as clients write them: in any case, with
    /// region and script, and with the underscore of POSIX.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_', '.', '@']).next()?;
        Self::from_name(&primary.to_ascii_lowercase())
    }

    /// The locale of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// What a request for a code brings along; the time, the root and the limits are added by the accept
/// step.
#[derive(Clone, Debug)]
pub struct NewChallenge {
    /// Its id.
    pub id: ChallengeId,
    /// The root that it begins, unless the number has one that it can share.
    pub root: NewRoot,
    /// The language of the message.
    pub locale: Locale,
}

impl NewChallenge {
    /// A challenge of a new session, with its secret handle. The root that it may begin has its id.
    pub fn begin(
        random: &Random,
        keys: &KeyRing,
        phone: PhoneNumber,
        purpose: Purpose,
        digits: u8,
        locale: Locale,
    ) -> (SessionId, Self) {
        let session = SessionId::new(random);
        let id = session.challenge_id();
        let made = NewSecret::new(random, keys, digits);
        let root = made.of(id.into(), phone, purpose);
        (session, Self { id, root, locale })
    }

    /// The same challenge for one signed-in user only.
    #[must_use]
    pub fn owned_by(self, session: SessionId, owner: Uuid) -> Self {
        let id = session.challenge_id_of(owner);
        let root = NewRoot {
            id: id.into(),
            ..self.root
        };
        Self { id, root, ..self }
    }
}

/// A challenge as hot state holds it. Validity is decided by the times in it; that it still
/// exists proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
    /// What its code is made of, and what it shares with others.
    pub root: Root,
    /// The language of the message.
    pub locale: Locale,
    /// When it began.
    pub created_at: UnixMillis,
    /// From this moment on no code is accepted with its session id, as its client was told. Its root
    /// may end before; then no code is right.
    pub expires_at: UnixMillis,
    /// When it was last asked for and granted.
    pub last_asked_at: UnixMillis,
    /// Tries counted with the session id.
    pub session_attempts: u32,
    /// W3C `traceparent` of the request that began it.
    pub trace: Option<String>,
}

impl Challenge {
    /// Its code, unless the ring lacks the key.
    pub fn code(&self, keys: &KeyRing) -> Option<OtpCode> {
        self.root.code(keys)
    }

    /// Whether its own session gave the code back that its root was closed with.
    pub fn is_honoured(&self) -> bool {
        self.root.closed == Some(Honoured::Session(self.id))
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn i_05_session_ids_are_hidden_and_the_challenge_id_is_one_way() {
        let session: SessionId = "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11"
            .parse()
            .expect("a UUID");
        assert_eq!(format!("{session:?}"), "SessionId(••••)");
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
        for &purpose in Purpose::VARIANTS {
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
