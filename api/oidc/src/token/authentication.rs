//! How a client proves itself: by a secret in the header or the form, by a signature, or not at all where it
//! cannot keep a secret.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flows::Caller;
use flows::grants::SecretTry;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::assertion;
use crate::answers::OAuthError;
use crate::clients::Client;
use crate::parameters::Parameters;
use crate::provider::Provider;

/// The form that a client sends, and the client, which has proven itself. `named` is as in
/// [`authenticate`].
pub(crate) async fn read_form<'a>(
    provider: &'a Provider,
    caller: Caller,
    headers: &HeaderMap,
    body: Body,
    named: &mut Option<&'a Client>,
) -> Result<(&'a Client, Parameters), OAuthError> {
    let form = Parameters::of_form(headers, body).await;
    let form = form.ok_or_else(|| OAuthError::request("The body is not a form"))?;
    let client = authenticate(provider, caller, headers, &form, named).await?;
    Ok((client, form))
}

/// The client of a request. `named` is set as soon as it is known which one it says to be, so that its
/// pages may read the error, too.
async fn authenticate<'a>(
    provider: &'a Provider,
    caller: Caller,
    headers: &HeaderMap,
    form: &Parameters,
    named: &mut Option<&'a Client>,
) -> Result<&'a Client, OAuthError> {
    if form.any_repeated() {
        return Err(OAuthError::request("A parameter is there twice"));
    }
    let basic = basic(headers)?;
    let by_basic = basic.is_some();
    let in_form = form.first("client_id");
    let (secret_in_form, assertion) = (form.first("client_secret"), form.first("client_assertion"));
    let ways = [
        basic.as_ref().is_some_and(|(_, secret)| !secret.is_empty()),
        secret_in_form.is_some(),
        assertion.is_some(),
    ];
    if ways.into_iter().filter(|way| *way).count() > 1 {
        return Err(OAuthError::request(
            "The client proves itself in two ways; use one",
        ));
    }
    let asserted = assertion.map(assertion::named_client);
    let asserted = match asserted {
        Some(None) => {
            return Err(OAuthError::client(
                "client_assertion is no JWT of a client",
                false,
            ));
        }
        Some(Some(id)) => Some(id),
        None => None,
    };
    let ids = [
        basic.as_ref().map(|(id, _)| id.as_str()),
        in_form,
        asserted.as_deref(),
    ];
    let mut ids = ids.into_iter().flatten();
    let Some(id) = ids.next() else {
        return Err(OAuthError::request("client_id is missing"));
    };
    if ids.any(|other| other != id) {
        return Err(OAuthError::request("Two different clients are named"));
    }
    let refused = |description| OAuthError::client(description, by_basic);
    let Some(client) = provider.client(id) else {
        return Err(refused("The client is unknown"));
    };
    *named = Some(client);
    let secret = basic.as_ref().map(|(_, secret)| secret.as_str());
    let secret = secret
        .filter(|secret| !secret.is_empty())
        .or(secret_in_form);
    match (secret, assertion) {
        (None, None) if client.is_confidential() => {
            Err(refused("The client does not prove itself"))
        }
        (None, None) => Ok(client),
        (Some(_), _) if !client.has_secret() => Err(refused("The client has no secret")),
        (Some(secret), _) => {
            let tried = SecretTry::begin(provider.flows(), caller).await?;
            if !client.knows_secret(secret) {
                return Err(refused("The secret is wrong"));
            }
            tried.succeeded(provider.flows()).await;
            Ok(client)
        }
        (None, Some(assertion)) => {
            let kind = form.first("client_assertion_type");
            assertion::check(provider, caller, client, kind, assertion).await?;
            Ok(client)
        }
    }
}

/// Id and secret in the `Authorization` header, if there are any there. Both are encoded as in a form
/// (RFC 6749, section 2.3.1); ids and secrets of letters and digits are the same without that.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let unreadable = || OAuthError::request("The Authorization header is no Basic one");
    let mut found = None;
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| unreadable())?.trim();
        let Some((scheme, rest)) = value.split_once(' ') else {
            return Err(unreadable());
        };
        if !scheme.eq_ignore_ascii_case("basic") || found.is_some() {
            return Err(unreadable());
        }
        let bytes = STANDARD.decode(rest.trim()).map_err(|_| unreadable())?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable())?;
        let (id, secret) = text.split_once(':').ok_or_else(unreadable)?;
        found = Some((decoded(id), decoded(secret)));
    }
    Ok(found)
}

/// A value as it stands in a form.
fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('&', "%26").replace('=', "%3D"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Result<Option<(String, String)>, OAuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_str(value).expect("a value"),
        );
        basic(&headers)
    }

    #[test]
    fn id_and_secret_are_read_encoded_and_as_they_are() {
        for (text, id, secret) in [
            ("shop:abc", "shop", "abc"),
            ("a%2Db%5Fc:x%3Ay", "a-b_c", "x:y"),
            ("a-b_c:x:y", "a-b_c", "x:y"),
            ("shop:", "shop", ""),
            ("shop:a=b&c", "shop", "a=b&c"),
        ] {
            let found = read(&format!("Basic {}", STANDARD.encode(text))).expect(text);
            assert_eq!(found, Some((id.to_owned(), secret.to_owned())));
        }
        for wrong in ["Basic", "Basic !!!", "Bearer abc", "Basic bm9jb2xvbg=="] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(basic(&HeaderMap::new()).expect("none"), None);
    }
}
