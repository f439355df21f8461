//! The API as a whole: what it is made of, its router and its background tasks.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Router, response::Redirect};
use domain::client_address::TrustedProxies;
use domain::clock::Clock;
use domain::otp::KeyRing;
use domain::password::Passwords;
use domain::random::Random;
use domain::templates::Templates;
use domain::tokens::AccessTokens;
use prometheus::{IntGauge, Registry};
use shared::config::{ApiConfig, CallbackSecret, OtpConfig, TokensConfig};
use shared::hot_state::{AcceptPolicy, HotState, TryLimits};
use shared::queue::Feed;
use shared::records::Records;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use web::cookies::Cookies;

use crate::metrics::ApiMetrics;
use crate::proxy_watch::ProxyWatch;
use crate::{
    background, callbacks, health, jwks, openapi, otp, password, profile, request_layer, sessions,
    steps,
};

/// What the API is built from.
pub struct AppParts<'a> {
    /// The settings.
    pub config: &'a ApiConfig,
    /// Challenges, limits and the entry of the queue.
    pub hot_state: HotState,
    /// The queue, which is only looked at here.
    pub queue: Feed,
    /// Users and sessions.
    pub records: Records,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Takes the figures of the API.
    pub registry: &'a Registry,
}

/// The API, ready to be served. Clones share everything.
#[derive(Clone)]
pub struct App(Arc<AppState>);

/// What handlers work with.
pub(crate) struct AppState {
    pub(crate) hot_state: HotState,
    pub(crate) queue: Feed,
    pub(crate) records: Records,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) metrics: ApiMetrics,
    pub(crate) otp_keys: KeyRing,
    pub(crate) otp: OtpConfig,
    pub(crate) accept_policy: AcceptPolicy,
    pub(crate) try_limits: TryLimits,
    pub(crate) passwords: Passwords,
    pub(crate) templates: Templates,
    pub(crate) step_flow: bool,
    pub(crate) delivery_callback: Option<CallbackSecret>,
    pub(crate) tokens: TokensConfig,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) cookies: Cookies,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) proxy_watch: ProxyWatch,
    /// Whether people reach the service over https.
    pub(crate) secure: bool,
    /// Scheme, host and port of our own pages, as browsers write it in `Origin`.
    pub(crate) public_origin: String,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the registry already holds figures of these names.
    pub fn build(parts: AppParts<'_>) -> prometheus::Result<Self> {
        let config = parts.config;
        let secure = config.http.public_url.is_secure();
        Ok(Self(Arc::new(AppState {
            hot_state: parts.hot_state,
            queue: parts.queue,
            records: parts.records,
            clock: parts.clock,
            try_limits: config.limits.tries,
            passwords: Passwords::new(&parts.random),
            random: parts.random,
            metrics: ApiMetrics::register(parts.registry)?,
            otp_keys: config.otp_keys.clone(),
            otp: config.otp.clone(),
            accept_policy: config.accept_policy(),
            templates: config.templates.clone(),
            step_flow: config.step_flow,
            delivery_callback: config.delivery_callback.clone(),
            tokens: config.tokens.clone(),
            access_tokens: AccessTokens::new(
                config.signing_keys.clone(),
                config.tokens.access.clone(),
            ),
            cookies: Cookies::new(secure),
            trusted_proxies: config.http.trusted_proxies.clone(),
            proxy_watch: ProxyWatch::default(),
            secure,
            public_origin: config.http.public_url.origin().to_owned(),
        })))
    }

    /// Everything that is served on the public listener; serve it with `serving`, which
    /// tells handlers the address of the peer.
    pub fn router(&self) -> Router {
        let mut router = OpenApiRouter::with_openapi(openapi::document())
            .routes(routes!(otp::request_code))
            .routes(routes!(otp::verify_code))
            .routes(routes!(password::log_in))
            .routes(routes!(password::change_password))
            .routes(routes!(password::ask_reset_code))
            .routes(routes!(password::reset_password))
            .routes(routes!(
                profile::show_profile,
                profile::update_profile,
                profile::delete_account
            ))
            .routes(routes!(profile::request_phone_change))
            .routes(routes!(profile::verify_phone_change))
            .routes(routes!(sessions::refresh_tokens))
            .routes(routes!(sessions::log_out))
            .routes(routes!(
                sessions::list_sessions,
                sessions::end_other_sessions
            ))
            .routes(routes!(sessions::end_session))
            .routes(routes!(jwks::jwks))
            .routes(routes!(health::livez))
            .routes(routes!(health::readyz));
        if self.0.step_flow {
            router = router.merge(steps::router());
        }
        let (router, mut document) = router.split_for_parts();
        openapi::complete(&mut document);
        let mut router = router
            .route("/", get(|| async { Redirect::to(openapi::DOCS_PAGE) }))
            .merge(openapi::routes(&document, self.0.otp.length));
        if self.0.delivery_callback.is_some() {
            // Not in the document: it is the gateway's, and nobody else's.
            router = router.route(callbacks::DELIVERY_PATH, callbacks::delivery_route());
        }
        self.finish(router)
    }

    fn finish(&self, router: Router<Arc<AppState>>) -> Router {
        let around = from_fn_with_state(Arc::clone(&self.0), request_layer::around_request);
        router.layer(around).with_state(Arc::clone(&self.0))
    }

    /// The gauge of open connections, for whoever serves the router.
    pub fn open_connections(&self) -> IntGauge {
        self.0.metrics.http.connections().clone()
    }

    /// Keeps the gauges of the queue fresh and the hot state swept until `shutdown` is cancelled.
    pub async fn run_background_tasks(&self, shutdown: CancellationToken) {
        background::run(&self.0, shutdown).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;
    use domain::tokens::SigningKeys;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use secrecy::ExposeSecret as _;
    use shared::config::Environment;
    use shared::sqlite_file::SqliteFile;
    use tower_service::Service as _;

    use super::*;

    async fn app(folder: &tempfile::TempDir) -> App {
        let url = format!("sqlite://{}", folder.path().join("ramz.sqlite3").display());
        let (clock, random) = (Clock::manual(0), Random::seeded(1));
        let pem = SigningKeys::generate_pem(&random);
        let config = ApiConfig::load(&Environment::from_pairs([
            ("DATABASE_URL", url.as_str()),
            ("OTP_KEY", "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU="),
            ("JWT_PRIVATE_KEY", pem.expose_secret()),
        ]));
        let file = SqliteFile::open(&url).await.expect("a file");
        App::build(AppParts {
            config: &config.expect("settings"),
            hot_state: HotState::sqlite(file.clone(), clock.clone()),
            queue: Feed::sqlite(file.clone(), clock.clone(), &random),
            records: Records::from_sqlite(file),
            clock,
            random,
            registry: &Registry::new(),
        })
        .expect("an app")
    }

    #[tokio::test]
    async fn err_01_a_panic_is_answered_like_any_other_defect() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let broken = Router::new().route("/", get(|| async { panic!("secret") as String }));
        let mut request = Request::new(axum::body::Body::empty());
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = app.finish(broken).call(request).await.expect("infallible");
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(problem["code"], "internal");
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }

    #[tokio::test]
    async fn a_20_requests_that_are_counted_by_address_are_watched_for_a_forgotten_proxy() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let proxy = SocketAddr::from(([10, 0, 0, 5], 1));
        let mut request = Request::post("/api/v1/usr/otp")
            .header("content-type", "application/json")
            .header("x-forwarded-for", "203.0.113.9")
            .body(axum::body::Body::from(r#"{"phone_number": "09123456789"}"#))
            .expect("a request");
        request.extensions_mut().insert(ConnectInfo(proxy));
        app.router().call(request).await.expect("infallible");
        let state = &app.0;
        let told =
            |watch: &ProxyWatch| watch.saw(proxy.ip(), true, &state.trusted_proxies, &state.clock);
        assert_eq!(
            told(&state.proxy_watch),
            None,
            "it was told with the request"
        );
        assert!(told(&ProxyWatch::default()).is_some());
    }
}
