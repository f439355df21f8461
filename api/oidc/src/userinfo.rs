//! What an access token of a client tells of its user (OpenID Connect Core, section 5.3).

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use flows::grants::{Told, told};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use web::{AnsweredCode, Bearer, bearer_token};

use crate::answers::{OAuthError, json_answer};
use crate::provider::Provider;

/// `GET` and `POST /oidc/userinfo`
pub(crate) async fn userinfo(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    let token = match bearer_token(&headers) {
        // Nobody tried, so nothing is told but how (RFC 6750, section 3.1).
        Bearer::None => return refused(StatusCode::UNAUTHORIZED, None),
        Bearer::Unreadable => return refused(StatusCode::UNAUTHORIZED, Some("invalid_token")),
        Bearer::One(token) => token,
    };
    match told(provider.flows(), token).await {
        Ok(Some(told)) if !told.scope.split(' ').any(|one| one == "openid") => {
            refused(StatusCode::FORBIDDEN, Some("insufficient_scope"))
        }
        Ok(Some(told)) => json_answer(StatusCode::OK, &Value::Object(claims(&told))),
        Ok(None) => refused(StatusCode::UNAUTHORIZED, Some("invalid_token")),
        Err(refusal) => OAuthError::of_refusal(&refusal).answer(None),
    }
}

fn refused(status: StatusCode, error: Option<&'static str>) -> Response {
    let text = error.map_or_else(
        || "Bearer".to_owned(),
        |error| format!("Bearer error=\"{error}\""),
    );
    let mut response = match error {
        // With a body, or the layer around would write one in the form of the JSON API.
        Some(error) => json_answer(status, &serde_json::json!({ "error": error })),
        None => json_answer(status, &serde_json::json!({})),
    };
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
        .extensions_mut()
        .insert(AnsweredCode(error.unwrap_or("no_token")));
    response.into_response()
}

/// What the scopes of a token allow; what is not known is left out.
fn claims(told: &Told) -> Map<String, Value> {
    let (user, mut claims) = (&told.user, Map::new());
    let mut tell = |name: &str, value: &str| {
        if !value.is_empty() {
            claims.insert(name.to_owned(), Value::from(value));
        }
    };
    tell("sub", &user.id.to_string());
    let has = |scope: &str| told.scope.split(' ').any(|one| one == scope);
    if has("profile") {
        let name = format!("{} {}", user.first_name, user.last_name);
        tell("name", name.trim());
        tell("given_name", &user.first_name);
        tell("family_name", &user.last_name);
        tell("preferred_username", &user.username);
    }
    let phone = user.phone.as_ref().filter(|_| has("phone"));
    if let Some(phone) = phone {
        tell("phone_number", phone.as_e164());
    }
    let email = user.email.as_deref().filter(|_| has("email"));
    if let Some(email) = email {
        tell("email", email);
    }
    if phone.is_some() {
        // False of a number that came with an import and was never given a code.
        let verified = Value::from(user.phone_verified_at.is_some());
        claims.insert("phone_number_verified".to_owned(), verified);
    }
    if email.is_some() {
        // Nobody has proven it here.
        claims.insert("email_verified".to_owned(), Value::from(false));
    }
    claims
}
