//! `api serve`: the API over the stores that the environment names.

use std::time::Duration;

use domain::clock::Clock;
use domain::random::Random;
use secrecy::{ExposeSecret as _, SecretString};
use serving::{Front, MetricsListener};
use shared::config::{ApiConfig, ConsoleConfig};
use shared::records::{PoolSettings, Records, RecordsError};
use shared::stores::{OpenError, SchemaError, StoreWatch, Stores, StoresConfig};
use shared::telemetry::metrics_registry;
use tokio::net::TcpListener;

use crate::console_listener::ConsoleListener;
use crate::{App, FlowsParts};

/// So many connections does the console keep to the database under a role of its own.
const CONSOLE_CONNECTIONS: u32 = 4;
/// People wait longer for a list than a program for a code.
const CONSOLE_TIME_LIMIT: Duration = Duration::from_secs(3);

/// Why the API could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A store cannot be opened.
    #[error(transparent)]
    Stores(#[from] OpenError),
    /// The database stays away, or has another schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The applications of `OIDC_CLIENTS_FILE` cannot be served.
    #[error(transparent)]
    Applications(#[from] oidc::StartError),
    /// The database of the console.
    #[error("ADMIN_DATABASE_URL: {0}")]
    ConsoleRecords(RecordsError),
    /// An address cannot be listened on, or signals cannot be received.
    #[error("{0}: {1}")]
    Listen(String, std::io::Error),
    /// The figures cannot be registered.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Serves until SIGTERM or SIGINT, then lets running requests finish.
///
/// # Errors
/// When the stores or an address cannot be used; nothing was served then.
pub async fn serve(config: &ApiConfig) -> Result<(), ServeError> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let clients = oidc::open(config.oidc_clients.as_deref(), &config.signing_keys)?;
    let listen_error = |what: &str| {
        let what = what.to_owned();
        move |error| ServeError::Listen(what, error)
    };
    let shutdown = serving::stop_on_signals().map_err(listen_error("signals"))?;
    let (clock, random) = (Clock::system(), Random::operating_system());
    let opening = async {
        let pool = PoolSettings {
            max_connections: config.pool_size,
            ..PoolSettings::default()
        };
        let stores = Stores::open(&config.stores, pool, &clock, &random).await?;
        stores.require_schema().await?;
        Ok::<_, ServeError>(stores)
    };
    let Some(stores) = Box::pin(shutdown.run_until_cancelled(opening)).await else {
        return Ok(());
    };
    let stores = stores?;

    let registry = metrics_registry("api", env!("CARGO_PKG_VERSION"))?;
    let stores_watch = StoreWatch::register(&registry, &stores)?;
    let records = stores.records.clone();
    let app = App::build(FlowsParts {
        config,
        hot_state: stores.hot_state,
        queue: stores.feed,
        records: stores.records,
        clock,
        random,
        registry: &registry,
    })?;
    let app = match clients {
        Some(clients) => app.with_clients(clients),
        None => app,
    };
    let app = match &config.console {
        Some(ConsoleConfig {
            database_url: Some(url),
            ..
        }) => {
            let records = open_console_records(config, url).await?;
            say_if_refused(&records, "ADMIN_DATABASE_URL").await;
            app.with_console_records(records)
        }
        Some(_) => {
            say_if_refused(&records, "DATABASE_URL").await;
            app
        }
        None => app,
    };
    let address = config.http.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(listen_error(&format!("LISTEN: {address} cannot be bound")))?;
    let metrics = MetricsListener::bind(config.metrics, registry)
        .await
        .map_err(listen_error("the listener of metrics"))?;
    let console = ConsoleListener::bind(config.console.as_ref(), app.console_router())
        .await
        .map_err(listen_error("the listener of the console"))?;
    let bound = listener.local_addr().map_err(listen_error("LISTEN"))?;
    let metrics_bound = metrics
        .local_addr()
        .map_err(listen_error("METRICS_LISTEN"))?;
    tracing::info!(
        address = %bound,
        public_url = config.http.public_url.origin(),
        metrics = %metrics_bound,
        console = console.as_ref().map(ConsoleListener::address).map(tracing::field::display),
        "serving; the documentation is at /api/docs/"
    );
    tokio::join!(
        serving::serve_front(
            listener,
            app.router(),
            config.http.limits,
            shutdown.clone(),
            Front {
                open: Some(app.open_connections()),
                shares_but_for: Some(config.http.trusted_proxies.clone()),
            },
        ),
        metrics.serve(shutdown.clone()),
        ConsoleListener::serve(console, shutdown.clone()),
        stores_watch.run(shutdown.clone()),
        app.run_background_tasks(shutdown),
    );
    tracing::info!("stopped");
    Ok(())
}

/// Says what to set where the console would answer 503 to everybody. A database that is away is told by others.
async fn say_if_refused(records: &Records, setting: &str) {
    if let Ok(false) = records.may_serve_the_console().await {
        tracing::warn!(
            "the console cannot be used: the role of {setting} may not read sessions of staff; set ADMIN_DATABASE_URL \
             to the same database under the role ramz_console, or ADMIN_LISTEN=off"
        );
    }
}

/// The records as the role of the console may use them. A server that is away is no reason not to start.
async fn open_console_records(
    config: &ApiConfig,
    url: &SecretString,
) -> Result<Records, ServeError> {
    let pooler = match &config.stores {
        StoresConfig::PostgresAndRedis { pooler, .. } => *pooler,
        StoresConfig::Sqlite { .. } => PoolSettings::default().pooler,
    };
    let settings = PoolSettings {
        max_connections: CONSOLE_CONNECTIONS,
        time_limit: CONSOLE_TIME_LIMIT,
        pooler,
    };
    let records = Records::connect(url.expose_secret(), settings).await;
    records.map_err(ServeError::ConsoleRecords)
}
