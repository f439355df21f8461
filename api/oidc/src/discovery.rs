//! What libraries read first (OpenID Connect Discovery, section 3; RFC 8414).

use axum::extract::State;
use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::answers::json_answer;
use crate::clients::KNOWN_SCOPES;
use crate::provider::Provider;

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`
pub(crate) async fn discovery(State(provider): State<Provider>) -> Response {
    let issuer = provider.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let mut scopes = KNOWN_SCOPES.to_vec();
    scopes.push("offline_access");
    let algorithms = provider.flows().signing_keys().id_token_algorithms();
    let methods = [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none",
    ];
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": at(Provider::AUTHORIZE),
        "token_endpoint": at(Provider::TOKEN),
        "userinfo_endpoint": at(Provider::USERINFO),
        "revocation_endpoint": at(Provider::REVOKE),
        "end_session_endpoint": at(Provider::LOG_OUT),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "jwks_uri": at("/.well-known/jwks.json"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": scopes,
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "amr", "acr",
            "name", "given_name", "family_name", "preferred_username",
            "phone_number", "phone_number_verified", "email", "email_verified",
        ],
        "acr_values_supported": ["urn:ramz:acr:sms", "urn:ramz:acr:pwd"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": ["fa", "en"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    let mut response = json_answer(StatusCode::OK, &body);
    let headers = response.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    headers.remove(http::header::PRAGMA);
    response
}
