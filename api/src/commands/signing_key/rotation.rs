//! The keys of a file with their times, and the rules of their rotation.
//!
//! A key goes through three roles: published behind the signing key, signing, and accepted only.
//! The times stand as comment lines above each PEM block, where the readers of keys skip them. A
//! key without times, such as one that `openssl` wrote, has stood there at least since the file
//! was last changed.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::random::Random;
use domain::tokens::{SigningKeys, SigningKeysError};
use secrecy::ExposeSecret as _;
use serde_json::Value;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END PRIVATE KEY-----";
const KID_LINE: &str = "# key ";
const ADDED_LINE: &str = "# added ";
const SEEN_LINE: &str = "# here since ";
const SIGNS_LINE: &str = "# signs since ";
const SIGNED_LINE: &str = "# signed until ";

/// How long a key is published before it signs: readers keep the published keys for some minutes.
/// Also what the operator has for the restart of every `api` after a change.
pub(super) const PUBLISHED_BEFORE_SIGNING: TimeDelta = TimeDelta::minutes(10);

/// The keys of a file, the one that signs first.
pub(super) struct Rotation {
    keys: Vec<Key>,
    /// What stands behind the last key.
    rest: String,
}

/// One key; its block is the only private part.
pub(super) struct Key {
    pub(super) kid: String,
    pub(super) algorithm: String,
    block: String,
    /// Lines above the block that are not ours.
    remarks: String,
    pub(super) added: Option<DateTime<Utc>>,
    /// For a key that was not added by this command: when it was first seen here.
    pub(super) seen: Option<DateTime<Utc>>,
    pub(super) signs_since: Option<DateTime<Utc>>,
    pub(super) signed_until: Option<DateTime<Utc>>,
}

/// Why the keys stay as they are.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RotationError {
    #[error("{0}")]
    Keys(#[from] SigningKeysError),
    #[error("the file holds no key {0}; `api signing-key show` lists them")]
    NoSuchKey(String),
    #[error("key {0} signs already")]
    SignsAlready(String),
    #[error("key {0} signs; promote another one before it is removed")]
    Signs(String),
    #[error(
        "key {0} is an RSA key, which signs ID tokens and never access tokens; name another one"
    )]
    Rsa(String),
    #[error("no key waits to sign; `api signing-key add` makes one")]
    NoneWaits,
    #[error("no key has stopped signing, so there is none to remove")]
    NoneStopped,
    #[error(
        "key {kid} may sign from {from}, when it has been published for 10 minutes: a service that \
         checks tokens with older published keys would refuse its tokens (--now: do it anyway)"
    )]
    TooYoung { kid: String, from: String },
    #[error(
        "key {kid} may be removed from {from}, when the last tokens that it signed are dead \
         (--now: do it anyway, their holders must refresh or sign in again)"
    )]
    StillUsed { kid: String, from: String },
}

impl Rotation {
    /// Reads a text of PEM blocks with or without times; an empty one is a file that is not there.
    pub(super) fn parse(text: &str, modified: DateTime<Utc>) -> Result<Self, RotationError> {
        let mut rotation = Self {
            keys: Vec::new(),
            rest: String::new(),
        };
        if text.is_empty() {
            return Ok(rotation);
        }
        // As the readers of keys do: environment files hold one line a variable.
        let text = text.replace("\\n", "\n");
        let jwks = SigningKeys::from_pem(&text)?.jwks();
        let mut described = jwks["keys"].as_array().into_iter().flatten();
        let mut rest = text.as_str();
        while let Some((above, block, behind)) = next_block(rest) {
            let public = described.next().unwrap_or(&Value::Null);
            rotation
                .keys
                .push(Key::read(public, above, block, modified));
            rest = behind;
        }
        rest.trim().clone_into(&mut rotation.rest);
        Ok(rotation)
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The text of the file.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for key in &self.keys {
            key.render(&mut text);
        }
        if !self.rest.is_empty() {
            text.push_str(&self.rest);
            text.push('\n');
        }
        text
    }

    /// Appends a new Ed25519 key and returns its id. The first key of a file signs at once.
    pub(super) fn add(
        &mut self,
        random: &Random,
        now: DateTime<Utc>,
    ) -> Result<String, RotationError> {
        let pem = SigningKeys::generate_pem(random);
        let mut made = Self::parse(pem.expose_secret(), now)?;
        for mut key in made.keys.drain(..) {
            key.added = Some(now);
            key.seen = None;
            key.signs_since = self.keys.is_empty().then_some(now);
            self.keys.push(key);
        }
        // The whole must still be readable, for example not hold a key twice.
        SigningKeys::from_pem(&self.render())?;
        Ok(self
            .keys
            .last()
            .map_or_else(String::new, |key| key.kid.clone()))
    }

    /// Moves a key to the front: the one of this id, else the last that waits to sign. Returns the
    /// id.
    pub(super) fn promote(
        &mut self,
        kid: Option<&str>,
        at_once: bool,
        now: DateTime<Utc>,
    ) -> Result<String, RotationError> {
        let index = match kid {
            Some(kid) => self.find(kid)?,
            None => self
                .keys
                .iter()
                .rposition(|key| key.signed_until.is_none() && !key.is_rsa())
                .filter(|index| *index > 0)
                .ok_or(RotationError::NoneWaits)?,
        };
        let key = &self.keys[index];
        let kid = key.kid.clone();
        if index == 0 {
            return Err(RotationError::SignsAlready(kid));
        }
        if key.is_rsa() {
            return Err(RotationError::Rsa(kid));
        }
        let from = key.promotable_from(now);
        if now < from && !at_once {
            let from = shown(from);
            return Err(RotationError::TooYoung { kid, from });
        }
        self.keys[0].signed_until = Some(now);
        let mut key = self.keys.remove(index);
        key.signs_since = Some(now);
        key.signed_until = None;
        self.keys.insert(0, key);
        Ok(kid)
    }

    /// Removes the key of this id, else each that no longer signs, and returns their ids. A key
    /// that waits to sign stays unless it is named.
    pub(super) fn retire(
        &mut self,
        kid: Option<&str>,
        at_once: bool,
        access_token_lifetime: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, RotationError> {
        if let Some(kid) = kid
            && self.find(kid)? == 0
        {
            return Err(RotationError::Signs(kid.to_owned()));
        }
        let goes = |index: usize, key: &Key| match kid {
            Some(kid) => key.kid == kid,
            None => index > 0 && !key.waits() && !key.is_rsa(),
        };
        let mut gone = Vec::new();
        for (index, key) in self.keys.iter().enumerate() {
            if !goes(index, key) {
                continue;
            }
            if let Some(from) = key.removable_from(access_token_lifetime, now)
                && now < from
                && !at_once
            {
                let (kid, from) = (key.kid.clone(), shown(from));
                return Err(RotationError::StillUsed { kid, from });
            }
            gone.push(key.kid.clone());
        }
        if gone.is_empty() {
            return Err(RotationError::NoneStopped);
        }
        self.keys.retain(|key| !gone.contains(&key.kid));
        Ok(gone)
    }

    fn find(&self, kid: &str) -> Result<usize, RotationError> {
        self.keys
            .iter()
            .position(|key| key.kid == kid)
            .ok_or_else(|| RotationError::NoSuchKey(kid.escape_debug().to_string()))
    }
}

impl Key {
    fn read(public: &Value, above: &str, block: &str, modified: DateTime<Utc>) -> Self {
        let text = |name: &str| public[name].as_str().unwrap_or_default().to_owned();
        let mut key = Self {
            kid: text("kid"),
            algorithm: text("alg"),
            block: block.to_owned(),
            remarks: String::new(),
            added: None,
            seen: None,
            signs_since: None,
            signed_until: None,
        };
        for line in above.lines().filter(|line| !line.trim().is_empty()) {
            if !line.starts_with(KID_LINE) && !key.take_time(line) {
                key.remarks.push_str(line);
                key.remarks.push('\n');
            }
        }
        if key.added.is_none() && key.seen.is_none() {
            key.seen = Some(modified);
        }
        key
    }

    /// Whether the line is one of our times.
    fn take_time(&mut self, line: &str) -> bool {
        for (name, time) in [
            (ADDED_LINE, &mut self.added),
            (SEEN_LINE, &mut self.seen),
            (SIGNS_LINE, &mut self.signs_since),
            (SIGNED_LINE, &mut self.signed_until),
        ] {
            let Some(text) = line.strip_prefix(name) else {
                continue;
            };
            if let Ok(read) = DateTime::parse_from_rfc3339(text.trim()) {
                *time = Some(read.to_utc());
                return true;
            }
        }
        false
    }

    fn render(&self, text: &mut String) {
        let times = [
            (ADDED_LINE, self.added),
            (SEEN_LINE, self.seen),
            (SIGNS_LINE, self.signs_since),
            (SIGNED_LINE, self.signed_until),
        ];
        text.push_str(&self.remarks);
        text.extend([KID_LINE, &self.kid, "\n"]);
        for (line, time) in times {
            if let Some(time) = time {
                text.extend([line, &shown(time), "\n"]);
            }
        }
        text.extend([&self.block, "\n"]);
    }

    /// One for ID tokens, which has no part in the rotation.
    pub(super) fn is_rsa(&self) -> bool {
        self.algorithm == "RS256"
    }

    /// Added by `add` and never promoted.
    pub(super) fn waits(&self) -> bool {
        self.added.is_some() && self.signs_since.is_none()
    }

    fn there_since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.added.or(self.seen).unwrap_or(now)
    }

    /// When a waiting key may sign.
    pub(super) fn promotable_from(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.there_since(now) + PUBLISHED_BEFORE_SIGNING
    }

    /// When no token of this key can be alive: its last one was signed before every `api` had
    /// been restarted. Nothing for a key that has signed none.
    pub(super) fn removable_from(
        &self,
        access_token_lifetime: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let stopped = match self.signed_until {
            Some(stopped) => stopped,
            None if self.waits() => return None,
            None => self.there_since(now),
        };
        Some(stopped + PUBLISHED_BEFORE_SIGNING + access_token_lifetime)
    }
}

/// What stands above the next block, the block, and what stands behind it.
fn next_block(text: &str) -> Option<(&str, &str, &str)> {
    let begin = text.find(BEGIN)?;
    let end = begin + text[begin..].find(END)? + END.len();
    Some((&text[..begin], &text[begin..end], &text[end..]))
}

/// A time as it stands in the file and in messages.
pub(super) fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests;
