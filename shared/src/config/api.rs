//! What `api` reads.

use std::path::PathBuf;

use domain::otp::KeyRing;
use domain::templates::Templates;
use domain::tokens::SigningKeys;

use super::Environment;
use super::callback::{CallbackSecret, read_callback_secret};
use super::console::ConsoleConfig;
use super::gateway::read_templates;
use super::http::{HttpConfig, MetricsAddress, metrics_address};
use super::limits::LimitsConfig;
use super::logging::LogConfig;
use super::otp::{OtpConfig, read_keys};
use super::pages::PagesConfig;
use super::reader::{ConfigError, Read, Reader};
use super::stores::{read_pool_size, read_stores};
use super::threads::read_threads;
use super::tokens::{TokensConfig, read_signing_keys};
use super::traces::read_traces;
use super::unknown::refuse_unknown;
use super::variables::{
    Binary, DELIVERY_CALLBACK_SECRET, JWT_PRIVATE_KEY, OIDC_CLIENTS_FILE, OTP_KEY, STEP_FLOW,
};
use crate::hot_state::AcceptPolicy;
use crate::stores::StoresConfig;
use crate::traces::TraceSettings;

/// The settings of `api`.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Where records and hot state live.
    pub stores: StoresConfig,
    /// `DATABASE_POOL_SIZE`
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
    /// The keys of codes.
    pub otp_keys: KeyRing,
    /// What codes are like.
    pub otp: OtpConfig,
    /// What is refused.
    pub limits: LimitsConfig,
    /// The keys of access tokens.
    pub signing_keys: SigningKeys,
    /// What tokens say.
    pub tokens: TokensConfig,
    /// The templates of the gateway: without one, a voice call cannot be asked for.
    pub templates: Templates,
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

impl ApiConfig {
    /// Reads the settings, or names everything that is wrong with them.
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        let (config, warnings) = Reader::load(environment, Binary::Api, Self::read)?;
        Ok(Self { warnings, ..config })
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        refuse_unknown(reader);
        let otp_keys = read_keys(reader).and_then(|keys| reader.present(&OTP_KEY, keys));
        let signing_keys =
            read_signing_keys(reader).and_then(|keys| reader.present(&JWT_PRIVATE_KEY, keys));
        let stores = read_stores(reader, None);
        let pool_size = read_pool_size(reader, &stores);
        let threads = read_threads(reader);
        let front = Front::read(reader);
        let templates = read_templates(reader);
        let has_console = front.as_ref().is_ok_and(|front| front.console.is_some());
        let console_database =
            ConsoleConfig::read_database(reader, stores.as_ref().ok(), has_console);
        let front = front?;
        let console_database = console_database?;
        Ok(Self {
            stores: stores?,
            pool_size: pool_size?,
            threads: threads?,
            http: front.http,
            metrics: front.metrics,
            log: front.log,
            traces: front.traces,
            otp_keys: otp_keys?,
            otp: front.otp,
            limits: front.limits,
            signing_keys: signing_keys?,
            tokens: front.tokens,
            templates: templates?,
            step_flow: front.step_flow,
            pages: front.pages,
            oidc_clients: front.oidc_clients,
            delivery_callback: front.delivery_callback,
            console: front.console.map(|console| ConsoleConfig {
                database_url: console_database,
                ..console
            }),
            warnings: Vec::new(),
        })
    }

    /// The rules of the accept step.
    pub fn accept_policy(&self) -> AcceptPolicy {
        self.limits.accept_policy(&self.otp)
    }
}

/// Reads `OIDC_CLIENTS_FILE`. The file itself is read by the one who knows what stands in it.
fn read_clients_file(
    reader: &mut Reader<'_>,
    pages: Option<&Option<PagesConfig>>,
) -> Read<Option<PathBuf>> {
    let file = reader.parsed_if_set(&OIDC_CLIENTS_FILE, |text| {
        Ok::<_, String>(PathBuf::from(text))
    })?;
    if file.is_some() && pages.is_some_and(Option::is_none) {
        let what = "is set although PAGES is off, so nobody could sign in; switch the pages on or unset it";
        return Err(reader.refuse(OIDC_CLIENTS_FILE.name, what));
    }
    Ok(file)
}

/// What `api` and `standalone` read alike.
pub(super) struct Front {
    pub(super) http: HttpConfig,
    pub(super) metrics: MetricsAddress,
    pub(super) log: LogConfig,
    pub(super) traces: Option<TraceSettings>,
    pub(super) otp: OtpConfig,
    pub(super) limits: LimitsConfig,
    pub(super) tokens: TokensConfig,
    pub(super) step_flow: bool,
    pub(super) pages: Option<PagesConfig>,
    pub(super) oidc_clients: Option<PathBuf>,
    pub(super) delivery_callback: Option<CallbackSecret>,
    pub(super) console: Option<ConsoleConfig>,
}

impl Front {
    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let http = HttpConfig::read(reader);
        let metrics = metrics_address(reader, http.as_ref().ok().map(|http| http.listen));
        let console = ConsoleConfig::read(reader, http.as_ref().ok().map(|http| http.listen));
        let log = LogConfig::read(reader);
        let traces = read_traces(reader);
        let otp = OtpConfig::read(reader);
        let limits = LimitsConfig::read(reader);
        let tokens = TokensConfig::read(reader, http.as_ref().ok().map(|http| &http.public_url));
        let step_flow = reader.switch(&STEP_FLOW);
        let pages = PagesConfig::read(reader);
        let oidc_clients = read_clients_file(reader, pages.as_ref().ok());
        let delivery_callback = read_callback_secret(reader);
        let (otp, limits) = (otp?, limits?);
        limits.warn(&otp, reader)?;
        if let Ok(HttpConfig { public_url, .. }) = &http
            && !public_url.is_secure()
            && reader.binary() == Binary::Api
            && matches!(&delivery_callback, Ok(Some(_)))
        {
            let what =
                "is set, but PUBLIC_URL is http on this machine, where Kavenegar cannot report";
            reader.warn(&DELIVERY_CALLBACK_SECRET, what);
        }
        Ok(Self {
            http: http?,
            metrics: metrics?,
            log: log?,
            traces: traces?,
            otp,
            limits,
            tokens: tokens?,
            step_flow: step_flow?,
            pages: pages?,
            oidc_clients: oidc_clients?,
            delivery_callback: delivery_callback?,
            console: console?,
        })
    }
}
