//! Starts the parts and ends them in order: first nothing more is accepted, then what was accepted
//! is sent, last the gateway's stand-in and the metrics go.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use api::{App, ConsoleListener, FlowsParts};
use domain::clock::Clock;
use domain::random::Random;
use serving::{Front, MetricsListener, serve, serve_front};
use shared::config::ServeLimits;
use shared::config::StandaloneConfig;
use shared::sqlite_file::SqliteFile;
use shared::stores::{StoreWatch, Stores, StoresConfig};
use shared::telemetry::metrics_registry;
use simulator::{Account, Simulator, SimulatorConfig, Template};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::keys::{self, KeyFileError};
use crate::templates::simulated_templates;
use crate::welcome::Welcome;

const LOCK_FILE: &str = "lock";

/// Why standalone does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandaloneError {
    #[error(
        "DATABASE_URL: standalone works on one SQLite file; with PostgreSQL start `api` and `worker`"
    )]
    NotSqlite,
    #[error("{what} {address}: {source}")]
    Listen {
        what: &'static str,
        address: SocketAddr,
        source: io::Error,
    },
    #[error("DATA_DIR {0}: {1}")]
    DataDir(String, io::Error),
    #[error("DATA_DIR {0} is in use by another process")]
    InUse(String),
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    #[error("the database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database cannot be brought up to date: {0}")]
    Migration(#[from] migrate::MigrateError),
    #[error("cannot serve: {0}")]
    Serve(#[from] io::Error),
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Applications(#[from] api::ApplicationsError),
    #[error(transparent)]
    Worker(#[from] worker::StartError),
    #[error("{0} ended although nobody stopped it")]
    EndedByItself(&'static str),
}

/// Runs everything until `stop`.
pub(crate) async fn run(
    config: StandaloneConfig,
    stop: CancellationToken,
) -> Result<(), StandaloneError> {
    let (clock, random) = (Clock::system(), Random::operating_system());
    let StoresConfig::Sqlite { url } = &config.stores else {
        return Err(StandaloneError::NotSqlite);
    };
    let _lock = lock_data_dir(&config.data_dir)?;
    let otp_keys = match &config.otp_keys {
        Some(keys) => keys.clone(),
        None => keys::otp_keys(&config.data_dir, &random)?,
    };
    let signing_keys = match &config.signing_keys {
        Some(keys) => keys.clone(),
        None => keys::signing_keys(&config.data_dir, &random)?,
    };
    let clients = api::open_applications(config.oidc_clients.as_deref(), &signing_keys)?;
    let (api_config, mut worker_config) = config.halves(otp_keys, signing_keys);
    let file = SqliteFile::open(url).await?;
    migrate::run_sqlite(file.writer()).await?;
    let stores = Stores::in_file(file.clone(), &clock, &random);

    let registry = metrics_registry("standalone", env!("CARGO_PKG_VERSION"))?;
    let stores_watch = StoreWatch::register(&registry, &stores)?;
    let listener = listen("LISTEN", config.http.listen).await?;
    let metrics = MetricsListener::bind(config.metrics, registry.clone()).await?;
    // These outlive the worker, which may still need them.
    let settled = CancellationToken::new();
    let mut inbox = None;
    if let Some(address) = config.simulator {
        let listener = listen("SIMULATOR_LISTEN", address).await?;
        let address = listener.local_addr()?;
        // Port 0 is known only now.
        worker_config.gateway.base_url = Url::parse(&format!("http://{address}/"))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let templates = simulated_templates(&worker_config.gateway);
        let simulator = Simulator::new(simulator_config(&config, templates))?;
        let limits = ServeLimits::default();
        tokio::spawn(serve(listener, simulator.router(), limits, settled.clone()));
        inbox = Some(address);
    }
    let app = App::build(FlowsParts {
        config: &api_config,
        hot_state: stores.hot_state.clone(),
        queue: stores.feed.clone(),
        records: stores.records.clone(),
        clock: clock.clone(),
        random: random.clone(),
        registry: &registry,
    })?;
    let app = match clients {
        Some(clients) => app.with_clients(clients),
        None => app,
    };

    let console = ConsoleListener::bind(config.console.as_ref(), app.console_router()).await?;

    let welcome = Welcome {
        console: console.as_ref().map(ConsoleListener::address),
        public_url: config.http.public_url.origin(),
        pages: config.pages.is_some(),
        inbox,
        metrics: metrics.local_addr()?,
        database: url,
    };
    println!("{welcome}");
    tokio::spawn(metrics.serve(settled.clone()));
    tokio::spawn(stores_watch.run(settled.clone()));
    tokio::spawn(ConsoleListener::serve(console, stop.clone()));

    let no_more_requests = CancellationToken::new();
    let api = tokio::spawn(serve_front(
        listener,
        app.router(),
        config.http.limits,
        stop.clone(),
        Front {
            open: Some(app.open_connections()),
            shares_but_for: Some(config.http.trusted_proxies.clone()),
        },
    ));
    let work = worker::work(
        worker_config,
        stores,
        &registry,
        clock,
        random,
        no_more_requests.clone(),
    );
    let order = async {
        let ended = api.await;
        no_more_requests.cancel();
        ended.map_err(|_| StandaloneError::EndedByItself("the API"))
    };
    let work = async {
        let worked = work.await;
        // A worker that ends early must not leave an API that promises messages.
        stop.cancel();
        worked
    };
    let (served, worked, ()) = tokio::join!(order, work, app.run_background_tasks(stop.clone()));
    settled.cancel();
    file.close().await;
    served?;
    Ok(worked?)
}

fn simulator_config(
    config: &StandaloneConfig,
    templates: BTreeMap<String, Template>,
) -> SimulatorConfig {
    let mut account = Account::default();
    account.templates.extend(templates);
    let origin = config.http.public_url.origin();
    SimulatorConfig {
        account,
        sign_in_page: config
            .pages
            .as_ref()
            .map(|_| format!("{origin}{}", api::SIGN_IN_PAGE)),
        hosts: hosts_of(origin),
        ..SimulatorConfig::default()
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, StandaloneError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StandaloneError::Listen {
            what,
            address,
            source,
        })
}

/// Two processes on one folder would make two sets of keys and share a file that is not meant for
/// it. The lock goes with the process, however it ends.
fn lock_data_dir(data_dir: &Path) -> Result<File, StandaloneError> {
    let shown = || data_dir.display().to_string();
    let failed = |error| StandaloneError::DataDir(shown(), error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(failed)?;
    let lock = File::create(data_dir.join(LOCK_FILE)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StandaloneError::InUse(shown())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Anyone who gives the site a name reaches the inbox by it too.
fn hosts_of(origin: &str) -> Vec<String> {
    let host = Url::parse(origin).ok();
    let host = host.and_then(|url| url.host_str().map(str::to_owned));
    host.into_iter().collect()
}
