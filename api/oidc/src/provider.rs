//! The provider as a whole: what it works with, and what programs reach.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::middleware::from_fn;
use axum::routing::{get, post};
use domain::tokens::SigningKeys;
use flows::{Caller, Flows};
use http::request::Parts;
use tokio_util::sync::CancellationToken;
use web::{Client as Address, MissingFromRouter, RequestContext, Site, open_to_all};

use crate::authorization::{AuthorizationRequest, Fault, validate};
use crate::back_channel::BackChannel;
use crate::clients::{Client, ClientProblem, Clients, ClientsError, IdTokenAlg};
use crate::origins::preflight;
use crate::parameters::Parameters;
use crate::{discovery, revocation, token, userinfo};

/// Why the provider cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The file of the clients is wrong.
    #[error(transparent)]
    Clients(#[from] ClientsError),
}

/// Reads the clients, and looks whether there are keys for them. Nothing where there is no file, or no RSA
/// key: that is told in the log, and everything else goes on.
pub fn open(file: Option<&Path>, keys: &SigningKeys) -> Result<Option<Clients>, StartError> {
    let Some(file) = file else { return Ok(None) };
    let clients = Clients::read(file)?;
    if !keys.has_rsa() {
        tracing::warn!(
            "OIDC_CLIENTS_FILE: OpenID Connect is off, because JWT_PRIVATE_KEY holds no RSA key; append one to it \
             (`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`) when every api has this release, and restart"
        );
        return Ok(None);
    }
    let algorithms = keys.id_token_algorithms();
    let problems: Vec<ClientProblem> = clients
        .iter()
        .filter(|client| !algorithms.contains(&client.id_token_alg.as_str()))
        .map(|client| ClientProblem {
            client: client.id.clone(),
            field: "id_token_alg".to_owned(),
            message: format!(
                "is {}, but JWT_PRIVATE_KEY holds no such key; it has {}",
                client.id_token_alg,
                algorithms.join(", ")
            ),
        })
        .collect();
    if problems.is_empty() {
        return Ok(Some(clients));
    }
    let file = file.to_owned();
    Err(ClientsError { file, problems }.into())
}

/// The provider. Clones share everything.
#[derive(Clone)]
pub struct Provider {
    flows: Arc<Flows>,
    site: Arc<Site>,
    clients: Arc<Clients>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({} clients)", self.clients.len())
    }
}

impl Provider {
    /// Where clients lead people.
    pub const AUTHORIZE: &str = "/oidc/authorize";
    /// Where they get tokens.
    pub const TOKEN: &str = "/oidc/token";
    /// Where they get claims.
    pub const USERINFO: &str = "/oidc/userinfo";
    /// Where they give tokens back.
    pub const REVOKE: &str = "/oidc/revoke";
    /// Where they lead people to log out.
    pub const LOG_OUT: &str = "/oidc/logout";

    /// Of these clients.
    pub fn new(clients: Clients, flows: Arc<Flows>, site: Arc<Site>) -> Self {
        Self {
            flows,
            site,
            clients: Arc::new(clients),
        }
    }

    /// The use cases.
    pub fn flows(&self) -> &Arc<Flows> {
        &self.flows
    }

    /// The public listener.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// All clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The client of this id.
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.find(id)
    }

    /// Our name in the protocol: `PUBLIC_URL`, whatever a request says of its host.
    pub fn issuer(&self) -> &str {
        self.flows.id_tokens().issuer()
    }

    /// Looks at what a client asks for.
    pub fn validate(&self, parameters: &Parameters) -> Result<AuthorizationRequest, Fault> {
        let now = self.flows.clock().now_millis();
        validate(&self.clients, self.flows.id_tokens(), parameters, now)
    }

    /// How the ID tokens of a client are signed.
    pub(crate) fn id_token_alg(client: &Client) -> IdTokenAlg {
        client.id_token_alg
    }

    /// Tells clients of log-outs until it is told to stop.
    pub async fn run_background_tasks(&self, shutdown: CancellationToken) {
        let (flows, clients) = (Arc::clone(&self.flows), Arc::clone(&self.clients));
        match BackChannel::new(flows, clients) {
            Ok(back_channel) => back_channel.run(shutdown).await,
            Err(error) => tracing::error!(%error, "applications cannot be told of log-outs"),
        }
    }

    /// What programs reach. What people see is mounted with the pages.
    pub fn router(&self) -> Router {
        let discovery = || get(discovery::discovery).layer(from_fn(open_to_all));
        Router::new()
            .route("/.well-known/openid-configuration", discovery())
            .route("/.well-known/oauth-authorization-server", discovery())
            .route(Self::TOKEN, post(token::token).options(preflight))
            .route(Self::REVOKE, post(revocation::revoke).options(preflight))
            .route(
                Self::USERINFO,
                get(userinfo::userinfo)
                    .post(userinfo::userinfo)
                    .layer(from_fn(open_to_all)),
            )
            .with_state(self.clone())
    }
}

impl FromRef<Provider> for Arc<Site> {
    fn from_ref(provider: &Provider) -> Self {
        Arc::clone(&provider.site)
    }
}

/// Who calls, as the use cases want to know it.
pub(crate) struct CallerOf(pub(crate) Caller);

impl FromRequestParts<Provider> for CallerOf {
    type Rejection = MissingFromRouter;

    async fn from_request_parts(
        parts: &mut Parts,
        provider: &Provider,
    ) -> Result<Self, MissingFromRouter> {
        let context = RequestContext::from_request_parts(parts, provider).await?;
        let Address(address) = Address::from_request_parts(parts, provider).await?;
        Ok(Self(Caller {
            request_id: context.id,
            locale: context.locale,
            address,
            device: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use domain::random::Random;
    use secrecy::ExposeSecret as _;

    use super::*;

    const SHOP: &str = "[[clients]]\nid = \"shop\"\nname = \"Shop\"\ntype = \"spa\"\nredirect_uris = [\"https://shop.example.ir/\"]\n";

    #[test]
    fn without_a_file_or_an_rsa_key_there_is_no_provider_and_a_wrong_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("clients.toml");
        let pem = SigningKeys::generate_pem(&Random::seeded(1));
        let alone = SigningKeys::from_pem(pem.expose_secret()).expect("a key");
        let rsa = SigningKeys::generate_rsa_pem().expect("a key");
        let keys = alone
            .clone()
            .with_more(rsa.expose_secret())
            .expect("two keys");
        let opened = |keys: &SigningKeys| open(Some(&file), keys).map(|found| found.is_some());
        assert!(matches!(open(None, &keys), Ok(None)));
        assert!(opened(&keys).is_err(), "there is no such file");
        std::fs::write(&file, SHOP).expect("written");
        assert_eq!(opened(&alone), Ok(false), "no RSA key");
        assert_eq!(opened(&keys), Ok(true));
        std::fs::write(&file, format!("{SHOP}id_token_alg = \"EdDSA\"")).expect("written");
        assert_eq!(opened(&keys), Ok(true));
        std::fs::write(&file, format!("{SHOP}id_token_alg = \"ES256\"")).expect("written");
        let told = opened(&keys).expect_err("no P-256 key").to_string();
        let words = "client `shop`: id_token_alg is ES256, but JWT_PRIVATE_KEY holds no such key; it has RS256, EdDSA";
        assert!(told.contains(words), "{told}");
    }
}
