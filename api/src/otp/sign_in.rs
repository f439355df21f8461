//! What a right code opens: a session with its tokens.

use axum::response::Response;
use domain::client_address::ClientAddress;
use http::HeaderMap;
use shared::records::{SignIn, SignInOutcome};
use shared::traces::Span;

use super::checking::{Proven, Refused};
use crate::app::AppState;
use crate::signed_in::Opening;

/// Opens the session, once for each challenge. Where the records are away nothing is used up: the
/// same code may be tried again, and that attempt counts too.
pub(super) async fn sign_in(
    app: &AppState,
    proven: Proven,
    headers: &HeaderMap,
    address: ClientAddress,
    device_name: Option<String>,
) -> Result<Response, Refused> {
    let challenge = &proven.challenge;
    let opening = Opening::new(app, headers, address, device_name);
    let sign_in = SignIn {
        challenge: challenge.id,
        purpose: challenge.purpose,
        phone: challenge.phone.clone(),
        new_user_id: app.random.uuid_v7(app.clock.now_millis()),
        session: opening.session.clone(),
    };
    let signed_in = Span::step("sign in")
        .run(Box::pin(app.records.sign_in(&sign_in)))
        .await?;
    let (user, is_new_user) = match signed_in {
        SignInOutcome::SignedIn { user, is_new } => (user, is_new),
        SignInOutcome::CodeUsed => return Err(proven.used()),
        SignInOutcome::Blocked => return Err(proven.blocked()),
    };
    proven.consume(app).await;
    Ok(opening.signed_in(app, user, is_new_user)?)
}
