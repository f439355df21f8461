//! Values, defaults and files.

use domain::limits::{Quota, Rule};
use std::time::Duration;

use domain::challenge::Locale;
use domain::otp::Purpose;

use super::*;
use crate::config::{MetricsAddress, ServeLimits};

use crate::stores::StoresConfig;
use crate::telemetry::LogFormat;

const DAY_MILLIS: i64 = 86_400_000;

#[test]
fn the_defaults_are_those_of_the_documents() {
    let config = api(&complete_but(&[("PUBLIC_URL", "")]));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.http.public_url.origin(), "http://127.0.0.1:8000");
    assert_eq!(config.http.limits, ServeLimits::default());
    assert_eq!(config.otp.length, 6);
    assert_eq!(config.otp.life, Duration::from_mins(2));
    assert_eq!(config.otp.max_attempts, 3);
    assert_eq!(config.otp.resend_cooldown, Duration::from_secs(30));
    assert_eq!(config.tokens.access.issuer, "http://127.0.0.1:8000");
    assert_eq!(config.tokens.access.audience, "http://127.0.0.1:8000");
    assert_eq!(config.tokens.access.lifetime, Duration::from_mins(5));
    assert_eq!(
        config.tokens.refresh_idle_lifetime,
        Duration::from_hours(24)
    );
    assert_eq!(
        config.tokens.refresh_lifetime,
        Duration::from_hours(30 * 24)
    );
    assert_eq!(config.tokens.refresh_grace, Duration::from_mins(5));
    let policy = config.accept_policy();
    assert_eq!(policy.code_life_millis, 120_000);
    assert_eq!(policy.queue_max_age_millis, 40_000);
    let quotas = policy.quotas;
    assert_eq!(quotas.window(Rule::PhoneShort), Some((3, 120_000)));
    assert_eq!(quotas.window(Rule::PhoneDay), Some((10, DAY_MILLIS)));
    assert_eq!(quotas.of(Rule::Address), Some(per_minute(30)));
    assert_eq!(quotas.of(Rule::Group), Some(per_minute(1_200)));
    assert_eq!(quotas.of(Rule::ServiceDay), None);
    let worker = WorkerConfig::load(&complete_but(&[])).expect("a configuration");
    assert_eq!(worker.concurrency, 256);
    assert_eq!(
        worker.gateway.base_url.as_str(),
        "https://api.kavenegar.com/"
    );
}

#[test]
fn a_preset_sets_the_limits_and_single_ones_go_before_it() {
    let strict = api(&complete_but(&[("LIMITS", "strict")])).limits;
    let hour = 60 * 60 * 1000;
    let lock = |failures, millis| Some(Quota::Lock { failures, millis });
    assert_eq!(strict.quotas.window(Rule::PhoneDay), Some((5, DAY_MILLIS)));
    assert_eq!(strict.quotas.of(Rule::Address), Some(per_minute(5)));
    assert_eq!(strict.quotas.of(Rule::FailuresPhone), lock(3, hour));
    assert_eq!(strict.quotas.of(Rule::FailuresAddress), lock(3, hour));
    let balanced = api(&complete_but(&[])).limits.quotas;
    assert_eq!(balanced.of(Rule::FailuresPhone), lock(10, hour));
    assert_eq!(
        balanced.of(Rule::FailuresAddress),
        Some(per_second(1, 10_000))
    );
    assert_eq!(
        balanced.of(Rule::FailuresGroup),
        Some(per_second(10, 1_000))
    );
    let mixed = api(&complete_but(&[
        ("LIMITS", "strict"),
        ("LIMIT_PHONE_DAY", "8"),
        ("LIMIT_PHONE_SHORT", "2/60"),
        ("LIMIT_GROUP_PER_MINUTE", "off"),
        ("LIMIT_FAILURES_PHONE", "20"),
        ("LIMIT_FAILURES_ADDRESS", "5/s"),
        ("LIMIT_FAILURES_LOCK", "600"),
    ]))
    .limits
    .quotas;
    assert_eq!(mixed.window(Rule::PhoneDay), Some((8, DAY_MILLIS)));
    assert_eq!(mixed.window(Rule::PhoneShort), Some((2, 60_000)));
    assert_eq!(mixed.of(Rule::Address), Some(per_minute(5)));
    assert_eq!(mixed.of(Rule::Group), None);
    assert_eq!(mixed.of(Rule::FailuresPhone), lock(20, 600_000));
    assert_eq!(mixed.of(Rule::FailuresAddress), Some(per_second(5, 2_000)));
}

fn per_minute(count: u32) -> Quota {
    Quota::Rate {
        count,
        millis: 60_000,
        ahead: 60_000,
    }
}

fn per_second(count: u32, ahead: i64) -> Quota {
    Quota::Rate {
        count,
        millis: 1_000,
        ahead,
    }
}

#[test]
fn empty_variables_count_as_unset_and_white_space_is_cut() {
    let config = api(&complete_but(&[
        ("OTP_LENGTH", "  "),
        ("OTP_EXPIRY_TIME", " 180\n"),
        ("LISTEN", ""),
    ]));
    assert_eq!(config.otp.length, 6);
    assert_eq!(config.otp.life, Duration::from_mins(3));
    assert_eq!(config.http.listen.port(), 8000);
}

#[test]
fn sec_01_a_secret_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("otp_key");
    std::fs::write(&path, format!("{}\n", otp_key())).expect("written");
    let path = path.to_str().expect("UTF-8");
    let config = api(&complete_but(&[("OTP_KEY", ""), ("OTP_KEY_FILE", path)]));
    assert_eq!(config.otp_keys.newest().kid(), "k1");

    // As Windows saves it.
    let marked = folder.path().join("marked");
    std::fs::write(&marked, format!("\u{feff}{}\r\n", otp_key())).expect("written");
    let marked = marked.to_str().expect("UTF-8");
    let config = api(&complete_but(&[("OTP_KEY", ""), ("OTP_KEY_FILE", marked)]));
    assert_eq!(config.otp_keys.newest().kid(), "k1");

    let both = complete_but(&[("OTP_KEY_FILE", path)]);
    assert_one(&api_problems(&both), &["OTP_KEY:", "OTP_KEY_FILE", "unset"]);

    let missing = complete_but(&[("OTP_KEY", ""), ("OTP_KEY_FILE", "/nowhere/key")]);
    assert_one(
        &api_problems(&missing),
        &["OTP_KEY_FILE:", "`/nowhere/key` cannot be read"],
    );

    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").expect("written");
    let empty = empty.to_str().expect("UTF-8");
    let environment = complete_but(&[("OTP_KEY", ""), ("OTP_KEY_FILE", empty)]);
    assert_one(&api_problems(&environment), &["OTP_KEY_FILE:", "is empty"]);
}

#[test]
fn templates_are_found_by_language_and_purpose() {
    let config = api(&complete_but(&[
        ("KAVENEGAR_TEMPLATE", ""),
        ("KAVENEGAR_TEMPLATE_EN", "ramz-en"),
        ("KAVENEGAR_TEMPLATE_FA_RESET_PASSWORD", "ramz-reset"),
        ("KAVENEGAR_TEMPLATE_ADMIN", "ramz-admin"),
    ]));
    let covers = |locale, purpose| config.templates.covers(locale, purpose);
    assert!(covers(Locale::En, Purpose::SignIn));
    assert!(covers(Locale::Fa, Purpose::ResetPassword));
    assert!(covers(Locale::Fa, Purpose::Admin));
    assert!(!covers(Locale::Fa, Purpose::SignIn));
    let find = |locale, purpose| config.templates.find(locale, purpose);
    assert_eq!(find(Locale::Fa, Purpose::ResetPassword), Some("ramz-reset"));
    assert_eq!(find(Locale::Fa, Purpose::Admin), Some("ramz-admin"));
    let general = api(&complete_but(&[]));
    assert!(general.templates.covers(Locale::Fa, Purpose::SignIn));
}

#[test]
fn metrics_have_a_port_of_their_own_unless_one_is_given() {
    let first_free =
        |address: &str| MetricsAddress::FirstFreeFrom(address.parse().expect("an address"));
    assert_eq!(
        api(&complete_but(&[])).metrics,
        first_free("127.0.0.1:9464")
    );
    let worker = WorkerConfig::load(&complete_but(&[])).expect("a configuration");
    assert_eq!(worker.metrics, first_free("127.0.0.1:9465"));
    let given = api(&complete_but(&[("METRICS_LISTEN", "127.0.0.1:9000")]));
    assert_eq!(
        given.metrics,
        MetricsAddress::Exactly("127.0.0.1:9000".parse().expect("an address"))
    );
}

#[test]
fn the_own_log_level_goes_before_rust_log() {
    let filter = |pairs: &[(&str, &str)]| format!("{:?}", api(&complete_but(pairs)).log.filter);
    assert!(filter(&[]).contains("info"));
    assert!(filter(&[("RUST_LOG", "warn")]).contains("warn"));
    assert!(filter(&[("RUST_LOG", "warn"), ("LOG_LEVEL", "debug")]).contains("debug"));
    let format = api(&complete_but(&[("LOG_FORMAT", "json")])).log.format;
    assert_eq!(format, Some(LogFormat::Json));
}

#[test]
fn standalone_starts_with_no_setting_at_all_and_talks_to_its_simulator() {
    let config = StandaloneConfig::load(&only(&[])).expect("a configuration");
    assert!(config.otp_keys.is_none() && config.signing_keys.is_none());
    let StoresConfig::Sqlite { url } = &config.stores else {
        panic!("{:?}", config.stores);
    };
    assert_eq!(url, "sqlite://./data/ramz.sqlite3");
    let simulator = config.simulator.expect("the simulator");
    assert_eq!(simulator.to_string(), "127.0.0.1:8025");
    assert_eq!(config.gateway.base_url.as_str(), "http://127.0.0.1:8025/");

    let environment = complete_but(&[]);
    let (otp_keys, signing_keys) = (api(&environment).otp_keys, api(&environment).signing_keys);
    let (front, back) = config.halves(otp_keys, signing_keys);
    assert_eq!(front.otp_keys.newest().kid(), "k1");
    assert_eq!(back.gateway.base_url, config.gateway.base_url);
}

#[test]
fn standalone_with_a_key_sends_to_the_real_gateway() {
    let config = StandaloneConfig::load(&only(&[GATEWAY_KEY, ("DATA_DIR", "/var/lib/a?b%c")]))
        .expect("a configuration");
    assert_eq!(config.simulator, None);
    assert_eq!(config.gateway.api_key.expose_secret(), GATEWAY_KEY.1);
    let StoresConfig::Sqlite { url } = &config.stores else {
        panic!("{:?}", config.stores);
    };
    assert_eq!(url, "sqlite:///var/lib/a%3Fb%25c/ramz.sqlite3");
}
