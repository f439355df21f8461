//! The settings of all binaries, read from the environment once, at the start.
//!
//! A start names everything that is wrong, not the first mistake only, and never a secret. An
//! empty variable counts as unset. Each secret can also be given as a file, by `NAME_FILE`.
//! Variables that look like ours but are none are refused with the nearest known name. What is
//! allowed but doubtful is a warning, which the binary logs.
//!
//! One file per concern; [`variables`] is the table of all names, defaults and meanings.

mod api;
mod brand_color;
mod callback;
mod commands;
mod console;
mod environment;
mod gateway;
mod healthcheck;
mod http;
mod limits;
mod logging;
mod origins;
mod otp;
mod own_texts;
mod pages;
mod reader;
mod reference;
mod retention;
mod seen;
mod standalone;
mod stores;
mod threads;
mod tokens;
mod traces;
mod unknown;
mod variables;
mod worker;

pub use api::ApiConfig;
pub use brand_color::{BrandColor, Rgb};
pub use callback::CallbackSecret;
pub use commands::{
    AdminLinkConfig, ClientsFileConfig, RecordsCommandConfig, SigningKeyConfig, WhyConfig,
};
pub use console::ConsoleConfig;
pub use environment::Environment;
pub use gateway::GatewayConfig;
pub use healthcheck::HealthcheckConfig;
pub use http::{HttpConfig, MetricsAddress, PublicUrl, ServeLimits};
pub use limits::LimitsConfig;
pub use logging::LogConfig;
pub use origins::AllowedOrigins;
pub use otp::OtpConfig;
pub use own_texts::OwnText;
pub use pages::{Logo, PagesConfig};
pub use reader::{ConfigError, SettingProblem};
pub use reference::{env_example, help_text, limits_table, reference_table};
pub use retention::Retention;
pub use seen::{SeenSetting, SettingGroup};
pub use standalone::StandaloneConfig;
pub use tokens::TokensConfig;
pub use variables::Binary;
pub use worker::WorkerConfig;

#[cfg(test)]
mod tests;
