//! The settings as an operator meets them: a map goes in, a configuration or a list of problems
//! comes out.

mod advice;
mod contradictions;
mod effects;
mod reference;
mod traces;
mod values;

use domain::random::Random;
use domain::tokens::SigningKeys;
use secrecy::ExposeSecret as _;

use super::*;

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://ramz:db-canary@127.0.0.1/ramz");
const REDIS: (&str, &str) = ("REDIS_URL", "redis://:redis-canary@127.0.0.1/");
const GATEWAY_KEY: (&str, &str) = ("KAVENEGAR_API_KEY", "6B79canary2D33");
const TEMPLATE: (&str, &str) = ("KAVENEGAR_TEMPLATE", "ramz-code");

fn otp_key() -> String {
    use base64::Engine as _;
    let bytes: [u8; 32] = Random::seeded(1).bytes();
    format!(
        "k1:{}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    )
}

fn pem() -> String {
    SigningKeys::generate_pem(&Random::seeded(1))
        .expose_secret()
        .to_owned()
}

/// A complete environment of `api` and `worker`, behind a proxy.
fn complete() -> Vec<(String, String)> {
    let keys = [
        ("OTP_KEY".to_owned(), otp_key()),
        ("JWT_PRIVATE_KEY".to_owned(), pem()),
    ];
    [
        DATABASE,
        REDIS,
        GATEWAY_KEY,
        TEMPLATE,
        ("PUBLIC_URL", "https://login.example.ir"),
        ("TRUSTED_PROXIES", "10.0.0.0/8"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .chain(keys)
    .collect()
}

/// A complete environment with some variables changed or added; an empty value unsets one.
fn complete_but(changes: &[(&str, &str)]) -> Environment {
    let changes = changes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::from_pairs(complete().into_iter().chain(changes))
}

fn only(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().copied())
}

fn api(environment: &Environment) -> ApiConfig {
    ApiConfig::load(environment).expect("a configuration of api")
}

/// The problems of `api`, as `VARIABLE: message`.
fn api_problems(environment: &Environment) -> Vec<String> {
    lines(ApiConfig::load(environment).map(|_| ()))
}

fn worker_problems(environment: &Environment) -> Vec<String> {
    lines(WorkerConfig::load(environment).map(|_| ()))
}

fn standalone_problems(environment: &Environment) -> Vec<String> {
    lines(StandaloneConfig::load(environment).map(|_| ()))
}

fn lines(result: Result<(), ConfigError>) -> Vec<String> {
    let problems = result.err().map(|error| error.problems).unwrap_or_default();
    problems
        .into_iter()
        .map(|SettingProblem { variable, message }| format!("{variable}: {message}"))
        .collect()
}

/// Asserts that there is exactly one problem and that it says all of this.
fn assert_one(problems: &[String], words: &[&str]) {
    assert_eq!(problems.len(), 1, "{problems:?}");
    for word in words {
        assert!(problems[0].contains(word), "{word}: {problems:?}");
    }
}
