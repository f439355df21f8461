//! The service as a whole: the use cases, the public listener, and the faces that are mounted on it.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::get;
use console::Console;
use flows::{Flows, FlowsParts, background};
use oidc::Provider;
use oidc::clients::Clients;
use pages::Pages;
use prometheus::IntGauge;
use shared::records::Records;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;
use web::{MeantSlashes, Site, SiteParts, around_requests, forgive_slashes, open_to_all};

use crate::state::ApiState;
use crate::{callbacks, health, jwks, openapi, otp, password, problem, profile, sessions, steps};

/// The service, ready to be served. Clones share everything.
#[derive(Clone, Debug)]
pub struct App {
    state: ApiState,
    step_flow: bool,
    pages: Option<Pages>,
    console: Option<Console>,
    provider: Option<Provider>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the registry already holds figures of these names.
    pub fn build(parts: FlowsParts<'_>) -> prometheus::Result<Self> {
        let config = parts.config;
        let site = Site::build(SiteParts {
            http: &config.http,
            clock: parts.clock.clone(),
            random: parts.random.clone(),
            registry: parts.registry,
        })?;
        let (flows, site) = (Arc::new(Flows::build(parts)?), Arc::new(site));
        let pages = config
            .pages
            .as_ref()
            .map(|pages| Pages::new(pages, Arc::clone(&flows), Arc::clone(&site)));
        let console = config
            .console
            .as_ref()
            .map(|console| Console::new(console, Arc::clone(&flows), &site));
        Ok(Self {
            state: ApiState {
                flows,
                site,
                delivery_callback: config.delivery_callback.clone().map(Arc::new),
            },
            step_flow: config.step_flow,
            pages,
            console,
            provider: None,
        })
    }

    /// The same for sites and apps that sign their people in through us.
    #[must_use]
    pub fn with_clients(mut self, clients: Clients) -> Self {
        let (flows, site) = (Arc::clone(&self.state.flows), Arc::clone(&self.state.site));
        let provider = Provider::new(clients, flows, site);
        // Without pages nobody could sign in.
        if let Some(pages) = self.pages {
            self.pages = Some(pages.with_provider(provider.clone()));
            self.provider = Some(provider);
        }
        self
    }

    /// The same with a console that opens the records under a role of its own.
    #[must_use]
    pub fn with_console_records(mut self, records: Records) -> Self {
        self.console = self.console.map(|console| console.with_records(records));
        self
    }

    /// Everything that is served on the listener of the console, if there is one; never on the public one.
    pub fn console_router(&self) -> Option<Router> {
        self.console.as_ref().map(Console::router)
    }

    /// Everything that is served on the public listener; serve it with the crate `serving`, which
    /// tells handlers the address of the peer.
    pub fn router(&self) -> Router {
        let (json_face, slashes) = self.json_face();
        let json_face = match &self.provider {
            Some(provider) => json_face.merge(provider.router()),
            None => json_face,
        };
        let faces = match &self.pages {
            Some(pages) => json_face.merge(pages.router()),
            None => json_face.route("/", get(|| async { Redirect::to(openapi::DOCS_PAGE) })),
        };
        forgive_slashes(self.finish(faces), slashes)
    }

    /// The routes of the JSON face, and the slashes in them that mean something.
    fn json_face(&self) -> (Router, MeantSlashes) {
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
            .routes(routes!(profile::show_phone_move, profile::stop_phone_move))
            .routes(routes!(sessions::refresh_tokens))
            .routes(routes!(sessions::log_out))
            .routes(routes!(
                sessions::list_sessions,
                sessions::end_other_sessions
            ))
            .routes(routes!(sessions::end_session))
            .routes(routes!(jwks::jwks).layer(from_fn(open_to_all)))
            .routes(routes!(health::livez))
            .routes(routes!(health::readyz));
        if self.step_flow {
            router = router.merge(steps::router());
        }
        let (router, mut document) = router.split_for_parts();
        openapi::complete(&mut document, self.state.site.cookies);
        let mut router = router.merge(openapi::routes(&document, self.state.flows.code_length()));
        if self.state.delivery_callback.is_some() {
            // Not in the document: it is the gateway's, and nobody else's.
            router = router.route(callbacks::DELIVERY_PATH, callbacks::delivery_route());
        }
        let paths = document.paths.paths.keys().map(String::as_str);
        let paths = paths.chain([openapi::DOCS_PAGE, callbacks::DELIVERY_PATH]);
        let mut slashes = MeantSlashes::default();
        for path in paths {
            if let Some((before, _)) = path.split_once('{') {
                slashes.before_parameters.insert(before.to_owned());
            } else if path.ends_with('/') {
                slashes.names.insert(path.to_owned());
            }
        }
        (router.with_state(self.state.clone()), slashes)
    }

    /// Puts around the faces what all of them share.
    fn finish(&self, faces: Router) -> Router {
        around_requests(faces, Arc::clone(&self.state.site), problem::write)
    }

    /// The gauge of open connections, for anyone who serves the router.
    pub fn open_connections(&self) -> IntGauge {
        self.state.site.open_connections()
    }

    /// Keeps the gauges of the queue fresh and the stores swept until `shutdown` is cancelled.
    pub async fn run_background_tasks(&self, shutdown: CancellationToken) {
        let of_provider = async {
            if let Some(provider) = &self.provider {
                provider.run_background_tasks(shutdown.clone()).await;
            }
        };
        tokio::join!(
            background::run(&self.state.flows, shutdown.clone()),
            of_provider
        );
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;
    use domain::clock::Clock;
    use domain::random::Random;
    use domain::tokens::SigningKeys;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use prometheus::Registry;
    use secrecy::ExposeSecret as _;
    use shared::config::{ApiConfig, Environment};
    use shared::hot_state::HotState;
    use shared::queue::Feed;
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
        App::build(FlowsParts {
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
    async fn the_description_shows_that_bodies_are_closed_and_writes_shared_patterns_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let mut request = Request::get("/api/openapi.json")
            .body(axum::body::Body::empty())
            .expect("a request");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = app.router().call(request).await.expect("infallible");
        let body = answer.into_body().collect().await.expect("a body");
        let text = String::from_utf8(body.to_bytes().to_vec()).expect("text");
        assert!(!text.contains(r#""pattern":"{"#), "a pattern is a name");
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let operations = paths
            .values()
            .flat_map(|path| path.as_object().expect("calls"));
        let mut bodies = 0;
        for (_, operation) in operations {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if body.is_null() {
                continue;
            }
            let place = body["$ref"].as_str().expect("a schema with a name");
            let schema = document.pointer(place.trim_start_matches('#'));
            assert_eq!(
                schema.expect("there")["additionalProperties"],
                false,
                "{place}"
            );
            bodies += 1;
        }
        assert!(bodies >= 15, "only {bodies} calls have bodies");
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
        let told = |app: &App| app.state.site.saw(proxy.ip(), true);
        assert_eq!(told(&app), None, "it was told with the request");
        let folder = tempfile::tempdir().expect("a folder");
        assert!(told(&self::app(&folder).await).is_some());
    }
}
