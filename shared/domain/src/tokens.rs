//! What a signed-in client holds: a short access token that anybody with the public keys can
//! check, and a long refresh token that only the records can.
//!
//! An access token is a JWT of the profile RFC 9068 (`at+jwt`), signed with Ed25519 or P-256. A
//! refresh token is 32 bytes that nobody can guess; the records keep its hash only. The token of a known
//! device opens nothing; it gives its holder limits of their own.

mod access;
mod code;
mod device;
mod id;
mod refresh;
mod session;
mod signing_keys;

pub use access::{
    AccessClaims, AccessToken, AccessTokenError, AccessTokens, AccessTokensSettings, ForClient,
};
pub use code::{AuthorizationCode, s256};
pub use device::{DEVICE_TOKEN_LIFE, DeviceToken, KnownDevice};
pub use id::{IdClaims, IdToken, IdTokenAlg, IdTokenError, IdTokens};
pub use refresh::{OriginSalt, REFRESH_TOKEN_CHARS, RefreshToken, SuccessorSalt};
pub use session::SessionTokens;
pub use signing_keys::{SigningKeys, SigningKeysError};
