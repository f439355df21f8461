//! What the use cases work with.

use domain::clock::Clock;
use domain::otp::KeyRing;
use domain::password::Passwords;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::sealed::Seal;
use domain::templates::Templates;
use domain::tokens::{AccessTokens, IdTokens, SigningKeys};
use prometheus::Registry;
use shared::config::{ApiConfig, OtpConfig, TokensConfig};
use shared::hot_state::{AcceptPolicy, HotState};
use shared::queue::Feed;
use shared::records::Records;
use shared::telemetry::MetricSet as _;

use crate::metrics::FlowMetrics;

/// What [`Flows`] are built from.
#[derive(Debug)]
pub struct FlowsParts<'a> {
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
    /// Takes the figures of the use cases.
    pub registry: &'a Registry,
}

/// The state of all use cases; each of them is a function that borrows it.
#[derive(Debug)]
pub struct Flows {
    /// What faces count of calls that never became one of a use case.
    pub metrics: FlowMetrics,
    pub(crate) hot_state: HotState,
    pub(crate) queue: Feed,
    pub(crate) records: Records,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) otp_keys: KeyRing,
    pub(crate) otp: OtpConfig,
    pub(crate) accept_policy: AcceptPolicy,
    pub(crate) passwords: Passwords,
    pub(crate) templates: Templates,
    pub(crate) tokens: TokensConfig,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) id_tokens: IdTokens,
}

impl Flows {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the registry already holds figures of these names.
    pub fn build(parts: FlowsParts<'_>) -> prometheus::Result<Self> {
        let config = parts.config;
        Ok(Self {
            metrics: FlowMetrics::register(parts.registry)?,
            hot_state: parts
                .hot_state
                .with_memory(&parts.records, &config.otp_keys),
            queue: parts.queue,
            records: parts.records,
            clock: parts.clock,
            passwords: Passwords::new(&parts.random),
            random: parts.random,
            otp_keys: config.otp_keys.clone(),
            otp: config.otp.clone(),
            accept_policy: config.accept_policy(),
            templates: config.templates.clone(),
            tokens: config.tokens.clone(),
            access_tokens: AccessTokens::new(
                config.signing_keys.clone(),
                config.tokens.access.clone(),
            ),
            id_tokens: IdTokens::new(
                config.signing_keys.clone(),
                config.http.public_url.origin().to_owned(),
            ),
        })
    }

    /// The keys that access tokens are signed with, the one in use first.
    pub fn signing_keys(&self) -> &SigningKeys {
        self.access_tokens.keys()
    }

    /// Signs ID tokens, and knows its own again.
    pub fn id_tokens(&self) -> &IdTokens {
        &self.id_tokens
    }

    /// Where the time comes from.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where chance comes from.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// Seals what a browser keeps of a use case; `label` names the use.
    pub fn seal(&self, label: &str) -> Seal {
        Seal::new(&self.otp_keys, label)
    }

    /// Reads a number in any of its spellings; nothing for what is none, or of a country that is not served.
    pub fn read_number(&self, text: &str) -> Option<PhoneNumber> {
        PhoneNumber::parse(text, &self.otp.allowed_countries).ok()
    }

    /// How many digits a code has.
    pub fn code_length(&self) -> u8 {
        self.otp.length
    }
}
