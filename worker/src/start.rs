//! From a configuration to a running worker.

use std::time::Duration;

use domain::clock::Clock;
use domain::random::Random;
use gateway::{Gateway, GatewaySettings, GatewaySetupError};
use prometheus::Registry;
use serving::MetricsListener;
use shared::config::{GatewayConfig, WorkerConfig};
use shared::loops::{self, Loop};
use shared::queue::QueueSettings;
use shared::records::{LedgerMetrics, LedgerWriter, PoolSettings};
use shared::stores::{OpenError, SchemaError, StoreWatch, Stores};
use shared::telemetry::{MetricSet as _, metrics_registry};
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::account_watch::{AccountWatch, watch_account};
use crate::delivery::DeliveryWatch;
use crate::gate::Gate;
use crate::metrics::AccountMetrics;
use crate::metrics::GateMetrics;
use crate::metrics::WorkerMetrics;
use crate::retention::{RetentionMetrics, RetentionRounds};
use crate::runner::{RunnerParts, WorkerError, run};
use crate::send::SmsSender;

/// A batch of the ledger may take longer than a request of a client may wait.
const LEDGER_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Why a worker does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A store that cannot be opened.
    #[error(transparent)]
    Stores(#[from] OpenError),
    /// A database that stays away, or has another schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A gateway that cannot be used.
    #[error(transparent)]
    Gateway(#[from] GatewaySetupError),
    /// The listener of metrics.
    #[error("cannot serve metrics: {0}")]
    Metrics(#[from] std::io::Error),
    /// A metric that was registered twice.
    #[error("cannot register metrics: {0}")]
    Registry(#[from] prometheus::Error),
    /// The worker ended.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// Opens the stores, serves metrics and works until `stop`.
pub async fn start(config: WorkerConfig, stop: CancellationToken) -> Result<(), StartError> {
    let (clock, random) = (Clock::system(), Random::operating_system());
    let pool = PoolSettings {
        max_connections: config.pool_size,
        time_limit: LEDGER_TIME_LIMIT,
        ..PoolSettings::default()
    };
    let stores = Stores::open(&config.stores, pool, &clock, &random).await?;
    let Some(checked) = Box::pin(stop.run_until_cancelled(stores.require_schema())).await else {
        return Ok(());
    };
    checked?;
    let registry = metrics_registry("worker", env!("CARGO_PKG_VERSION"))?;
    let watch = StoreWatch::register(&registry, &stores)?;
    let metrics = MetricsListener::bind(config.metrics, registry.clone()).await?;
    tracing::info!(address = %metrics.local_addr()?, "metrics");
    // Metrics are served until the last message is settled.
    let settled = CancellationToken::new();
    let serving = tokio::spawn(metrics.serve(settled.clone()));
    tokio::spawn(watch.run(settled.clone()));
    let worked = work(config, stores, &registry, clock, random, stop).await;
    settled.cancel();
    let _ = serving.await;
    worked
}

/// The settings of the gateway's client, as the operator chose them. That an address without TLS is
/// allowed was decided where they were read.
pub fn gateway_settings(config: GatewayConfig) -> GatewaySettings {
    GatewaySettings {
        base_url: config.base_url,
        sender: config.sender,
        templates: config.templates,
        webotp_domain: config.webotp_domain,
        allow_http: true,
        ..GatewaySettings::new(config.api_key)
    }
}

/// Works on stores that are open, until `stop`.
pub async fn work(
    config: WorkerConfig,
    stores: Stores,
    registry: &Registry,
    clock: Clock,
    random: Random,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let rate_per_second = config.gateway.rate;
    let gateway = Gateway::new(gateway_settings(config.gateway))?;
    let measured = LedgerMetrics::register(registry)?;
    let ledger = LedgerWriter::start_measured(
        stores.records.clone(),
        clock.clone(),
        &measured,
        config.otp_keys.clone(),
    );
    let metrics = WorkerMetrics::register(registry)?;
    let gauges = GateMetrics::register(registry)?;
    let account = Account::new(
        gateway.clone(),
        metrics.clone(),
        AccountMetrics::register(registry)?,
        clock.clone(),
    );
    let gate = Gate::new(
        stores.hot_state.clone(),
        account.clone(),
        rate_per_second,
        clock.clone(),
        random.clone(),
        gauges,
        stop.clone(),
    );
    // They end by the stop; what goes wrong in them never ends the worker.
    let probing = gate.clone();
    tokio::spawn(loops::run(Loop::Breaker, stop.clone(), move || {
        probing.clone().probe_until_stopped()
    }));
    let watch = {
        let (account, records) = (account.clone(), stores.records.clone());
        let (clock, random) = (clock.clone(), random.clone());
        move || {
            AccountWatch::new(
                account.clone(),
                records.clone(),
                clock.clone(),
                random.clone(),
            )
        }
    };
    let stopped = stop.clone();
    tokio::spawn(loops::run(Loop::Account, stop.clone(), move || {
        watch_account(watch(), stopped.clone())
    }));
    let following = DeliveryWatch {
        hot_state: stores.hot_state.clone(),
        records: stores.records.clone(),
        gateway: gateway.clone(),
        gate: gate.clone(),
        account,
        holder: random.uuid_v4(),
        clock: clock.clone(),
        random: random.clone(),
        metrics: metrics.clone(),
        stop: stop.child_token(),
    }
    .start();
    let retention = RetentionRounds {
        records: stores.records.clone(),
        retention: config.retention,
        metrics: RetentionMetrics::register(registry)?,
        clock: clock.clone(),
        random: random.clone(),
    };
    let retention_stop = stop.clone();
    tokio::spawn(loops::run(Loop::Retention, stop.clone(), move || {
        retention.clone().run(retention_stop.clone())
    }));
    let sender = SmsSender::new(
        stores.hot_state,
        config.otp_keys,
        stores.records,
        ledger.clone(),
        gateway,
        gate,
        clock,
        random,
        metrics,
        stop.clone(),
    );
    let queue = QueueSettings {
        concurrency: config.concurrency,
        ..QueueSettings::default()
    };
    let parts = RunnerParts {
        feed: stores.feed,
        queue,
        sender,
        registry: registry.clone(),
    };
    let ran = run(parts, stop).await;
    tokio::join!(ledger.close(), following.end());
    tracing::info!("worker stopped: everything is settled");
    Ok(ran?)
}
