//! What sites and apps get of somebody who signs in to them through us: a code by way of the browser, tokens
//! for the code, and claims for the tokens. What a client may ask for is the business of the crate `oidc`.

mod codes;
mod logouts;
mod requests;
mod secrets;
mod sign_on;
mod tokens;

pub use codes::{Asking, Redemption, give_code, redeem};
pub use logouts::{drop_logout, due_logouts, logout_token, note_logout};
pub use requests::{keep_request, remember_once, request, take_request};
pub use secrets::SecretTry;
pub use shared::hot_state::{AuthorizationRequestId, MAX_AUTHORIZATION_REQUEST_BYTES};
pub use shared::records::{CodeFault, Grant};
pub use sign_on::signed_on;
pub use tokens::{ClientTokens, GrantRefusal, Renewal, Told, renew, revoke, told};
