//! Giving a token back (RFC 7009): what it belongs to ends. Of a token that is not the client's nothing is
//! told.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flows::grants;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::answers::{OAuthError, json_answer};
use crate::clients::Client;
use crate::origins::shown_to;
use crate::provider::{CallerOf, Provider};
use crate::token::authentication::read_form;

/// `POST /oidc/revoke`
pub(crate) async fn revoke(
    State(provider): State<Provider>,
    CallerOf(caller): CallerOf,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut client: Option<&Client> = None;
    let answered = async {
        let (found, form) = read_form(&provider, caller, &headers, body, &mut client).await?;
        let token = form
            .get("token")
            .map_err(|_| OAuthError::request("token is there twice"))?;
        let token = token.ok_or_else(|| OAuthError::request("token is missing"))?;
        grants::revoke(provider.flows(), &found.id, token).await?;
        Ok::<_, OAuthError>(json_answer(StatusCode::OK, &json!({})))
    };
    let answered = answered.await;
    shown_to(client, &headers, answered)
}
