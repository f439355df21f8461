//! Codes and refresh tokens become tokens (RFC 6749, sections 4.1.3 and 6).

pub(crate) mod assertion;
pub(crate) mod authentication;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::tokens::{AuthorizationCode, RefreshToken};
use flows::Caller;
use flows::grants::{self, ClientTokens, CodeFault, GrantRefusal, Redemption, Renewal};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use shared::records::Device;
use web::UserAgent;

use crate::answers::{OAuthError, json_answer};
use crate::clients::Client;
use crate::origins::shown_to;
use crate::parameters::Parameters;
use crate::provider::{CallerOf, Provider};
use authentication::read_form;

/// A verifier has 43 to 128 characters that need no escape (RFC 7636, section 4.1).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// `POST /oidc/token`
pub(crate) async fn token(
    State(provider): State<Provider>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut client: Option<&Client> = None;
    let answered = async {
        let (found, form) = read_form(&provider, caller, &headers, body, &mut client).await?;
        let device = caller.device(None, agent);
        let tokens = match form.first("grant_type") {
            None => return Err(OAuthError::request("grant_type is missing")),
            Some("authorization_code") => redeem(&provider, found, &form, device).await?,
            Some("refresh_token") => renew(&provider, caller, found, &form, device).await?,
            Some(_) => {
                return Err(OAuthError::new(
                    "unsupported_grant_type",
                    "grant_type is neither authorization_code nor refresh_token",
                ));
            }
        };
        Ok(answer(&tokens))
    };
    let answered = answered.await;
    shown_to(client, &headers, answered)
}

fn answer(tokens: &ClientTokens) -> Response {
    let mut body = Map::new();
    let mut tell = |name: &str, value: Value| body.insert(name.to_owned(), value);
    tell("access_token", tokens.access.expose().into());
    tell("token_type", "Bearer".into());
    tell("expires_in", tokens.access_lifetime.as_secs().into());
    tell("refresh_token", tokens.refresh.expose().into());
    tell("scope", tokens.scope.as_str().into());
    if let Some(id_token) = &tokens.id_token {
        tell("id_token", id_token.as_str().into());
    }
    json_answer(StatusCode::OK, &Value::Object(body))
}

async fn redeem(
    provider: &Provider,
    client: &Client,
    form: &Parameters,
    device: Device,
) -> Result<ClientTokens, OAuthError> {
    let missing = |what| OAuthError::request(what);
    let code = form
        .first("code")
        .ok_or_else(|| missing("code is missing"))?;
    let redirect_uri = form.first("redirect_uri");
    let redirect_uri = redirect_uri.ok_or_else(|| missing("redirect_uri is missing"))?;
    let verifier = form.first("code_verifier");
    if verifier.is_some_and(|verifier| !is_verifier(verifier)) {
        return Err(grant(
            "code_verifier is not 43 to 128 characters of A-Z a-z 0-9 - . _ ~",
        ));
    }
    let code = AuthorizationCode::parse(code);
    let code = code.ok_or_else(|| grant("The code is unknown"))?;
    let redemption = Redemption {
        client: &client.id,
        name: &client.name,
        id_token_alg: Provider::id_token_alg(client),
        code,
        redirect_uri,
        verifier,
        device,
    };
    Ok(grants::redeem(provider.flows(), redemption).await?)
}

async fn renew(
    provider: &Provider,
    caller: Caller,
    client: &Client,
    form: &Parameters,
    device: Device,
) -> Result<ClientTokens, OAuthError> {
    let token = form.first("refresh_token");
    let token = token.ok_or_else(|| OAuthError::request("refresh_token is missing"))?;
    let token = RefreshToken::parse(token).ok_or_else(refresh_token_refused)?;
    let renewal = Renewal {
        client: &client.id,
        id_token_alg: Provider::id_token_alg(client),
        token,
        scope: form.first("scope"),
        device,
    };
    Ok(grants::renew(provider.flows(), caller, renewal).await?)
}

fn is_verifier(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    VERIFIER_CHARS.contains(&text.len()) && text.bytes().all(plain)
}

fn grant(description: &'static str) -> OAuthError {
    OAuthError::new("invalid_grant", description)
}

fn refresh_token_refused() -> OAuthError {
    grant("The refresh token is unknown, used, over or of another client")
}

impl From<GrantRefusal> for OAuthError {
    fn from(refusal: GrantRefusal) -> Self {
        match refusal {
            GrantRefusal::Code(fault) => grant(match fault {
                // Another client learns nothing of a code that is not its own.
                CodeFault::Unknown | CodeFault::OtherClient => "The code is unknown",
                CodeFault::Expired => "The code is older than a minute",
                CodeFault::WrongVerifier => {
                    "code_verifier does not belong to the code_challenge of this code"
                }
                CodeFault::OtherAddress => "redirect_uri is not the one that the code was sent to",
                CodeFault::SignOnOver => "The user has logged out or is kept out",
            }),
            GrantRefusal::CodeUsed => grant("The code was used before; what it gave is dead now"),
            GrantRefusal::Token => refresh_token_refused(),
            GrantRefusal::WiderScope => {
                Self::new("invalid_scope", "scope names more than was granted")
            }
            GrantRefusal::Refused(refusal) => Self::of_refusal(&refusal),
        }
    }
}
