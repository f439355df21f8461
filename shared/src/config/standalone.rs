//! What `standalone` reads.

use std::net::SocketAddr;
use std::path::PathBuf;

use domain::challenge::Locale;
use domain::otp::KeyRing;
use domain::templates::Templates;
use domain::tokens::SigningKeys;
use secrecy::SecretString;
use url::Url;

use super::Environment;
use super::api::{ApiConfig, Front};
use super::callback::CallbackSecret;
use super::console::ConsoleConfig;
use super::gateway::GatewayConfig;
use super::http::{HttpConfig, MetricsAddress, simulator_address};
use super::limits::LimitsConfig;
use super::logging::LogConfig;
use super::otp::{OtpConfig, read_keys};
use super::pages::PagesConfig;
use super::reader::{ConfigError, Read, Reader, Reported};
use super::retention::Retention;
use super::stores::{data_dir, read_pool_size, read_stores};
use super::threads::read_threads;
use super::tokens::{TokensConfig, read_signing_keys};
use super::unknown::refuse_unknown;
use super::variables::{Binary, DELIVERY_CALLBACK_SECRET, KAVENEGAR_URL, SIMULATOR_LISTEN};
use super::worker::{WorkerConfig, read_concurrency};
use crate::stores::StoresConfig;
use crate::traces::TraceSettings;

/// The key that standalone and its simulator agree on.
const SIMULATOR_KEY: &str = "simulator";
/// The line of every simulator, from which notices go.
const SIMULATOR_LINE: &str = "30009911";

/// The settings of `standalone`, which makes the keys that are not given.
#[derive(Clone, Debug)]
pub struct StandaloneConfig {
    /// `DATA_DIR`
    pub data_dir: PathBuf,
    /// `OTP_KEY`; where it is not set, standalone keeps one of its own.
    pub otp_keys: Option<KeyRing>,
    /// `JWT_PRIVATE_KEY`; where it is not set, standalone keeps one of its own.
    pub signing_keys: Option<SigningKeys>,
    /// Where the simulator listens, if messages go there and not to the real gateway.
    pub simulator: Option<SocketAddr>,
    /// Where everything lives.
    pub stores: StoresConfig,
    /// `DATABASE_POOL_SIZE`, which both halves carry and a SQLite file does not need.
    pub pool_size: u32,
    /// `THREADS`
    pub threads: usize,
    /// The public listener.
    pub http: HttpConfig,
    /// Where metrics are served.
    pub metrics: MetricsAddress,
    /// Log lines.
    pub log: LogConfig,
    /// The export of traces, if there is one.
    pub traces: Option<TraceSettings>,
    /// What codes are like.
    pub otp: OtpConfig,
    /// What is refused.
    pub limits: LimitsConfig,
    /// What tokens say.
    pub tokens: TokensConfig,
    /// The gateway, or the simulator in its place.
    pub gateway: GatewayConfig,
    /// `WORKER_CONCURRENCY`
    pub concurrency: usize,
    /// `RETENTION_DAYS`
    pub retention: Retention,
    /// `STEP_FLOW`
    pub step_flow: bool,
    /// The pages for people, if there are any.
    pub pages: Option<PagesConfig>,
    /// `OIDC_CLIENTS_FILE`
    pub oidc_clients: Option<PathBuf>,
    /// `DELIVERY_CALLBACK_SECRET`
    pub delivery_callback: Option<CallbackSecret>,
    /// The console, if there is one.
    pub console: Option<ConsoleConfig>,
    /// What the operator should know, to be logged at the start.
    pub warnings: Vec<String>,
}

impl StandaloneConfig {
    /// Reads the settings, or names everything that is wrong with them.
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        let (config, warnings) = Reader::load(environment, Binary::Standalone, Self::read)?;
        Ok(Self { warnings, ..config })
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        refuse_unknown(reader);
        let otp_keys = read_keys(reader);
        let signing_keys = read_signing_keys(reader);
        let data_dir = data_dir(reader)?;
        let stores = read_stores(reader, Some(&data_dir));
        let pool_size = read_pool_size(reader, &stores);
        let threads = read_threads(reader);
        let front = Front::read(reader);
        let gateway = read_gateway_or_simulator(reader);
        let concurrency = read_concurrency(reader);
        let retention = Retention::read(reader);
        let (front, (gateway, simulator)) = (front?, gateway?);
        Ok(Self {
            data_dir,
            otp_keys: otp_keys?,
            signing_keys: signing_keys?,
            simulator,
            stores: stores?,
            pool_size: pool_size?,
            threads: threads?,
            http: front.http,
            metrics: front.metrics,
            log: front.log,
            traces: front.traces,
            otp: front.otp,
            limits: front.limits,
            tokens: front.tokens,
            step_flow: front.step_flow,
            pages: front.pages,
            oidc_clients: front.oidc_clients,
            delivery_callback: front.delivery_callback,
            console: front.console,
            gateway,
            concurrency: concurrency?,
            retention: retention?,
            warnings: Vec::new(),
        })
    }

    /// The settings of the two halves, with the keys that were given or made. The warnings stay
    /// with the whole.
    pub fn halves(
        &self,
        otp_keys: KeyRing,
        signing_keys: SigningKeys,
    ) -> (ApiConfig, WorkerConfig) {
        let api = ApiConfig {
            stores: self.stores.clone(),
            pool_size: self.pool_size,
            threads: self.threads,
            http: self.http.clone(),
            metrics: self.metrics,
            log: self.log.clone(),
            traces: self.traces.clone(),
            otp_keys: otp_keys.clone(),
            otp: self.otp.clone(),
            limits: self.limits.clone(),
            signing_keys,
            tokens: self.tokens.clone(),
            templates: self.gateway.templates.clone(),
            step_flow: self.step_flow,
            pages: self.pages.clone(),
            oidc_clients: self.oidc_clients.clone(),
            delivery_callback: self.delivery_callback.clone(),
            console: self.console.clone(),
            warnings: Vec::new(),
        };
        let worker = WorkerConfig {
            stores: self.stores.clone(),
            pool_size: self.pool_size,
            threads: self.threads,
            metrics: self.metrics,
            log: self.log.clone(),
            traces: self.traces.clone(),
            otp_keys,
            gateway: self.gateway.clone(),
            concurrency: self.concurrency,
            retention: self.retention,
            warnings: Vec::new(),
        };
        (api, worker)
    }
}

/// Without a key messages go to the simulator, which then has the address of the gateway.
fn read_gateway_or_simulator(reader: &mut Reader<'_>) -> Read<(GatewayConfig, Option<SocketAddr>)> {
    let key = GatewayConfig::read_key(reader);
    let simulator = simulator_address(reader);
    let gateway = GatewayConfig::read(reader, SecretString::default());
    if let Some(api_key) = key? {
        let gateway = GatewayConfig {
            api_key,
            ..gateway?
        };
        gateway.warn(reader)?;
        let why = "KAVENEGAR_API_KEY is set, so messages go to the gateway and no simulator runs";
        reader.warn_without_effect(&SIMULATOR_LISTEN, why)?;
        return Ok((gateway, None));
    }
    if reader.is_changed(&KAVENEGAR_URL)? {
        return Err(reader.refuse(
            KAVENEGAR_URL.name,
            "is set without KAVENEGAR_API_KEY; set the key too, or unset the URL to use the simulator",
        ));
    }
    let why = "there is no KAVENEGAR_API_KEY, and the simulator reports no deliveries by itself";
    reader.warn_without_effect(&DELIVERY_CALLBACK_SECRET, why)?;
    let simulator = simulator?;
    let mut gateway = GatewayConfig {
        api_key: SIMULATOR_KEY.into(),
        base_url: Url::parse(&format!("http://{simulator}/")).map_err(|_| Reported)?,
        ..gateway?
    };
    if gateway.templates.is_empty() {
        gateway.templates = simulator_templates();
    }
    gateway
        .sender
        .get_or_insert_with(|| SIMULATOR_LINE.to_owned());
    Ok((gateway, Some(simulator)))
}

/// Templates that every simulator knows; with them voice calls work too.
fn simulator_templates() -> Templates {
    Templates::new([
        (None, None, "ramz-otp".to_owned()),
        (Some(Locale::En), None, "ramz-otp-en".to_owned()),
    ])
}
