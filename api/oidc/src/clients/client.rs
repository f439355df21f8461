//! One site or app.

use std::collections::BTreeSet;
use std::fmt;

use domain::tokens::IdTokenAlg;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::ClientKeys;
use super::addresses::is_the_registered;

/// The scopes that mean something here, beside `offline_access`, which `offline` allows.
pub const KNOWN_SCOPES: [&str; 4] = ["openid", "profile", "phone", "email"];

/// What sort of program a client is, which decides what it can keep to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// A site with a server, which keeps a secret.
    Web,
    /// A page whose script asks for tokens by itself.
    Spa,
    /// An app on a telephone or a desktop.
    Native,
}

/// A site or app that may ask people to sign in.
#[derive(Clone)]
pub struct Client {
    /// Its name in the protocol.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What sort of program it is.
    pub kind: ClientType,
    /// SHA-256 of its secrets: one, or two while it goes from one to the other.
    pub(super) secrets: Vec<[u8; 32]>,
    /// The public keys that it proves itself by.
    pub keys: Option<ClientKeys>,
    /// Where its people may be led back to.
    pub redirect_uris: Vec<String>,
    /// Where they may be led after they logged out.
    pub post_logout_redirect_uris: Vec<String>,
    /// The origins whose scripts may ask for tokens.
    pub origins: Vec<String>,
    /// What it may ask for, `openid` among it.
    pub scopes: BTreeSet<String>,
    /// Whether its tokens outlive the sign-on in the browser.
    pub offline: bool,
    /// How its ID tokens are signed.
    pub id_token_alg: IdTokenAlg,
    /// Whether it must send a PKCE challenge.
    pub require_pkce: bool,
    /// Where it is told that somebody logged out.
    pub backchannel_logout_uri: Option<String>,
}

impl Client {
    /// Whether it can prove who it is.
    pub fn is_confidential(&self) -> bool {
        !self.secrets.is_empty() || self.keys.is_some()
    }

    /// Whether it has a secret at all.
    pub fn has_secret(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Whether it has two secrets, which it should not have for long.
    pub fn has_two_secrets(&self) -> bool {
        self.secrets.len() > 1
    }

    /// Whether this is one of its secrets, in a time that tells nothing.
    pub fn knows_secret(&self, secret: &str) -> bool {
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let equal = self.secrets.iter().map(|known| known.ct_eq(&hash));
        equal
            .fold(subtle::Choice::from(0), |any, one| any | one)
            .into()
    }

    /// Whether people may be led back to this address: one that is registered, byte by byte, but for the
    /// port of an app on loopback.
    pub fn may_lead_back_to(&self, address: &str) -> bool {
        let mut registered = self.redirect_uris.iter();
        registered.any(|registered| is_the_registered(self.kind, registered, address))
    }

    /// The same after a log-out.
    pub fn may_lead_to_after_log_out(&self, address: &str) -> bool {
        let mut registered = self.post_logout_redirect_uris.iter();
        registered.any(|registered| is_the_registered(self.kind, registered, address))
    }

    /// Whether scripts of this origin may ask for its tokens.
    pub fn has_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == origin)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("secrets", &self.secrets.len())
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}
