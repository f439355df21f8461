//! What `worker` reads.

use domain::otp::KeyRing;
use secrecy::SecretString;

use super::Environment;
use super::gateway::GatewayConfig;
use super::http::{MetricsAddress, metrics_address};
use super::logging::LogConfig;
use super::otp::read_keys;
use super::reader::{ConfigError, Read, Reader};
use super::retention::Retention;
use super::stores::{read_pool_size, read_stores};
use super::threads::read_threads;
use super::traces::read_traces;
use super::unknown::refuse_unknown;
use super::variables::{Binary, KAVENEGAR_API_KEY, OTP_KEY, WORKER_CONCURRENCY};
use crate::stores::StoresConfig;
use crate::traces::TraceSettings;

/// The settings of `worker`.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Where records and hot state live.
    pub stores: StoresConfig,
    /// `DATABASE_POOL_SIZE`
    pub pool_size: u32,
    /// `THREADS`
    pub threads: usize,
    /// Where metrics are served.
    pub metrics: MetricsAddress,
    /// Log lines.
    pub log: LogConfig,
    /// The export of traces, if there is one.
    pub traces: Option<TraceSettings>,
    /// The keys of codes.
    pub otp_keys: KeyRing,
    /// The gateway.
    pub gateway: GatewayConfig,
    /// `WORKER_CONCURRENCY`
    pub concurrency: usize,
    /// `RETENTION_DAYS`
    pub retention: Retention,
    /// What the operator should know, to be logged at the start.
    pub warnings: Vec<String>,
}

impl WorkerConfig {
    /// Reads the settings, or names everything that is wrong with them.
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        let (config, warnings) = Reader::load(environment, Binary::Worker, Self::read)?;
        Ok(Self { warnings, ..config })
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        refuse_unknown(reader);
        let otp_keys = read_keys(reader).and_then(|keys| reader.present(&OTP_KEY, keys));
        let api_key =
            GatewayConfig::read_key(reader).and_then(|key| reader.present(&KAVENEGAR_API_KEY, key));
        let stores = read_stores(reader, None);
        let pool_size = read_pool_size(reader, &stores);
        let threads = read_threads(reader);
        // The rest of the gateway is looked at even without its key.
        let gateway = GatewayConfig::read(reader, SecretString::default());
        let concurrency = read_concurrency(reader);
        let retention = Retention::read(reader);
        let metrics = metrics_address(reader, None);
        let log = LogConfig::read(reader);
        let traces = read_traces(reader);
        let gateway = gateway?;
        gateway.warn(reader)?;
        Ok(Self {
            stores: stores?,
            pool_size: pool_size?,
            threads: threads?,
            metrics: metrics?,
            log: log?,
            traces: traces?,
            otp_keys: otp_keys?,
            gateway: GatewayConfig {
                api_key: api_key?,
                ..gateway
            },
            concurrency: concurrency?,
            retention: retention?,
            warnings: Vec::new(),
        })
    }
}

/// Reads `WORKER_CONCURRENCY`.
pub(super) fn read_concurrency(reader: &mut Reader<'_>) -> Read<usize> {
    reader.number(&WORKER_CONCURRENCY, 1..=4_096)
}
