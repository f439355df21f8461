//! The way back to an application: always by 303, so that no form goes along (RFC 9700, section 4.12).

use axum::response::Response;
use flows::Refusal;
use flows::grants::{self, Asking};
use flows::refusal::RefusalKind;
use flows::sessions::Authenticated;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use oidc::Provider;
use oidc::authorization::{AuthorizationRequest, Back};
use web::AnsweredCode;

use crate::frame::lead_to;

/// Leads back with a code.
pub(crate) async fn with_code(
    provider: &Provider,
    request: &AuthorizationRequest,
    signed_on: &Authenticated,
) -> Response {
    let asking = Asking {
        client: request.client.clone(),
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        scope: request.scope.clone(),
    };
    let back = request.back();
    match grants::give_code(provider.flows(), asking, signed_on).await {
        Ok(Some(code)) => lead(&back.with_code(&code.expose(), provider.issuer())),
        Ok(None) => with_error(provider, &back, "login_required", "Nobody is signed in"),
        Err(refusal) => with_refusal(provider, &back, &refusal),
    }
}

/// Leads back with an error.
pub(crate) fn with_error(
    provider: &Provider,
    back: &Back,
    error: &'static str,
    description: &'static str,
) -> Response {
    let mut response = lead(&back.with_error(error, description, provider.issuer()));
    response.extensions_mut().insert(AnsweredCode(error));
    response
}

/// Leads back because something of ours is away, or a limit is reached.
pub(crate) fn with_refusal(provider: &Provider, back: &Back, refusal: &Refusal) -> Response {
    match refusal.code.kind() {
        RefusalKind::Limited => {
            let error = "temporarily_unavailable";
            with_error(
                provider,
                back,
                error,
                "Too many sign-ins from this address; try again later",
            )
        }
        RefusalKind::Unavailable => {
            let error = "temporarily_unavailable";
            with_error(
                provider,
                back,
                error,
                "A part of the service is away; try again",
            )
        }
        _ => with_error(provider, back, "server_error", "The service has failed"),
    }
}

fn lead(address: &str) -> Response {
    let mut response = lead_to(address);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address of a page of ours is nobody's business either.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
