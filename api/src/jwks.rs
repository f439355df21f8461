//! The public halves of the signing keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flows::Flows;
use http::header::CACHE_CONTROL;

/// A new key is published ten minutes before it signs; readers look again well within that.
const MAX_AGE: &str = "public, max-age=300";

/// The keys that access tokens are signed with (RFC 7517), the one in use first.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "tokens",
    responses((status = 200, description = "A JWK set", body = serde_json::Value, example = json!({
        "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        }]
    })))
)]
pub(crate) async fn jwks(State(flows): State<Arc<Flows>>) -> Response {
    let keys = Json(flows.signing_keys().jwks());
    ([(CACHE_CONTROL, MAX_AGE)], keys).into_response()
}
