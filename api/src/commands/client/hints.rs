//! What is allowed and may still not be meant.

use oidc::clients::{Client, ClientType, IdTokenAlg};

/// What anyone who set this client up may want to know, a line each.
pub(super) fn of(client: &Client) -> Vec<String> {
    let mut hints = Vec::new();
    let mut hint = |text: &str| hints.push(text.to_owned());
    if client.has_two_secrets() {
        hint(
            "has two secrets; when the older one is used no more, `api client secret ID --retire`",
        );
    }
    if client
        .redirect_uris
        .iter()
        .any(|uri| is_http_site(client, uri))
    {
        hint(
            "redirect_uris has an address on this machine; remove it where the service is not for development",
        );
    }
    if client.post_logout_redirect_uris.is_empty() && client.kind != ClientType::Native {
        hint(
            "has no post_logout_redirect_uris; people stay on a page of Ramz when they have logged out",
        );
    }
    if !client.scopes.contains("phone") {
        hint("may not ask for the scope phone; it does not learn the number");
    }
    if client.offline && client.kind == ClientType::Spa {
        hint(
            "has offline = true; the refresh token of a page in a browser then outlives the log-out",
        );
    }
    if !client.require_pkce {
        hint(
            "has require_pkce = false; remove the line when its library can do PKCE, and until then let it send a nonce",
        );
    }
    if client.id_token_alg == IdTokenAlg::EdDsa {
        hint("has id_token_alg = \"EdDSA\", which many libraries refuse; RS256 works with all");
    }
    hints
}

/// An app on loopback is no mistake, a site is one for development.
fn is_http_site(client: &Client, uri: &str) -> bool {
    client.kind != ClientType::Native && uri.starts_with("http:")
}
