//! What is refused, how it is said, and what is never said.

use super::*;

#[test]
fn every_problem_of_a_start_is_named_at_once() {
    let environment = complete_but(&[
        ("OTP_LENGTH", "four"),
        ("OTP_KEY", "k1:c2hvcnQ="),
        ("PUBLIC_URL", "http://login.example.ir"),
        ("LIMIT_PHONE_SHORT", "3"),
        ("OTP_LENGHT", "6"),
        ("LOG_FORMAT", "xml"),
    ]);
    let error = ApiConfig::load(&environment).expect_err("wrong");
    let text = error.to_string();
    assert!(text.starts_with("6 settings are wrong:\n  "), "{text}");
    for name in [
        "OTP_LENGTH",
        "OTP_KEY",
        "PUBLIC_URL",
        "LIMIT_PHONE_SHORT",
        "OTP_LENGHT",
        "LOG_FORMAT",
    ] {
        assert!(text.contains(&format!("\n  {name}: ")), "{name}: {text}");
    }
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn i_05_no_error_and_no_debug_output_shows_a_secret() {
    let environment = complete_but(&[
        ("DATABASE_URL", "mysql://ramz:db-canary@127.0.0.1/ramz"),
        ("REDIS_URL", "http://:redis-canary@127.0.0.1/"),
        ("OTP_KEY", "k1:otp-canary"),
        ("JWT_PRIVATE_KEY", "jwt-canary"),
        ("DELIVERY_CALLBACK_SECRET", "callback-canary"),
        ("KAVENEGAR_API_KEY", "gateway canary!"),
        (
            "KAVENEGAR_URL",
            "http://canary:canary@gateway.example/v1/canary",
        ),
        ("PUBLIC_URL", "ftp://user:canary@login.example.ir"),
    ]);
    let both = [api_problems(&environment), worker_problems(&environment)].concat();
    assert!(both.len() >= 10, "{both:?}");
    for problem in both {
        assert!(!problem.contains("canary"), "{problem}");
    }
    let good = complete_but(&[]);
    let shown = format!("{:?} {:?}", api(&good), WorkerConfig::load(&good));
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains(otp_key().trim_start_matches("k1:")));
}

#[test]
fn postgres_needs_redis_and_sqlite_needs_none() {
    assert_one(
        &api_problems(&complete_but(&[("REDIS_URL", "")])),
        &["REDIS_URL:", "is required with a PostgreSQL DATABASE_URL"],
    );
    assert_one(
        &api_problems(&complete_but(&[("DATABASE_URL", "sqlite://ramz.db")])),
        &["REDIS_URL:", "SQLite DATABASE_URL", "unset"],
    );
    for memory in ["sqlite::memory:", "sqlite://x?mode=memory"] {
        let environment = complete_but(&[("DATABASE_URL", memory), ("REDIS_URL", "")]);
        assert_one(&api_problems(&environment), &["DATABASE_URL:", "in memory"]);
    }
    let file = complete_but(&[("DATABASE_URL", "sqlite://ramz.db"), ("REDIS_URL", "")]);
    assert_eq!(api_problems(&file), Vec::<String>::new());
    assert_one(
        &standalone_problems(&only(&[DATABASE, REDIS])),
        &["DATABASE_URL:", "standalone"],
    );
}

#[test]
fn people_reach_the_service_over_https_or_on_loopback_only() {
    let problems = |url| api_problems(&complete_but(&[("PUBLIC_URL", url)]));
    for fine in [
        "https://login.example.ir",
        "https://login.example.ir:8443/",
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://[::1]:8000",
    ] {
        assert_eq!(problems(fine), Vec::<String>::new(), "{fine}");
    }
    for plain in [
        "http://login.example.ir",
        "http://0.0.0.0:8000",
        "http://localhost.example.ir",
        "http://10.0.0.1",
    ] {
        assert_one(&problems(plain), &["PUBLIC_URL:", "use https"]);
    }
    for no_origin in [
        "https://login.example.ir/app",
        "https://login.example.ir/?a=b",
        "https://user@login.example.ir",
    ] {
        assert_one(
            &problems(no_origin),
            &["PUBLIC_URL:", "scheme, host and port only"],
        );
    }
    let insecure = api(&complete_but(&[("PUBLIC_URL", "http://127.0.0.1:8000")]));
    assert!(!insecure.http.public_url.is_secure());
    assert!(
        insecure
            .warnings
            .iter()
            .any(|line| line.starts_with("PUBLIC_URL: is http"))
    );
    let unproxied = api(&complete_but(&[("TRUSTED_PROXIES", "")]));
    assert!(
        unproxied
            .warnings
            .iter()
            .any(|line| line.starts_with("TRUSTED_PROXIES"))
    );
    assert_eq!(api(&complete_but(&[])).warnings, Vec::<String>::new());
}

#[test]
fn origins_of_other_apps_are_exact_and_doubtful_ones_are_told() {
    let problems = |list| api_problems(&complete_but(&[("ALLOWED_ORIGINS", list)]));
    assert_one(&problems("*"), &["ALLOWED_ORIGINS:", "name each origin"]);
    let list = "https://app.example.ir,http://app.example.ir";
    assert_one(
        &problems(list),
        &["ALLOWED_ORIGINS:", "`http://app.", "use https"],
    );
    let warnings = |list| api(&complete_but(&[("ALLOWED_ORIGINS", list)])).warnings;
    let own = warnings("https://login.example.ir,https://app.example.ir");
    assert_one(&own, &["ALLOWED_ORIGINS: names the origin of PUBLIC_URL"]);
    let local = warnings("https://app.example.ir,http://localhost:5173");
    assert_one(
        &local,
        &["ALLOWED_ORIGINS: names an http origin", "development"],
    );
    assert_eq!(warnings("https://app.example.ir"), Vec::<String>::new());
}

#[test]
fn net_03_the_gateway_is_reached_over_https_unless_allowed() {
    let problems = |pairs: &[(&str, &str)]| worker_problems(&complete_but(pairs));
    let elsewhere = ("KAVENEGAR_URL", "http://simulator:8025");
    assert_one(
        &problems(&[elsewhere]),
        &["KAVENEGAR_URL:", "KAVENEGAR_ALLOW_HTTP=1"],
    );
    let nothing = Vec::<String>::new();
    assert_eq!(
        problems(&[elsewhere, ("KAVENEGAR_ALLOW_HTTP", "1")]),
        nothing
    );
    assert_eq!(
        problems(&[("KAVENEGAR_URL", "http://127.0.0.1:8025")]),
        nothing
    );
    assert_one(
        &problems(&[("KAVENEGAR_URL", "https://api.kavenegar.com/?a=b")]),
        &["KAVENEGAR_URL:", "query"],
    );
    let nested = complete_but(&[("KAVENEGAR_URL", "https://proxy.example/sms")]);
    let worker = WorkerConfig::load(&nested).expect("a configuration");
    assert_eq!(
        worker.gateway.base_url.as_str(),
        "https://proxy.example/sms/"
    );
}

#[test]
fn a_gateway_without_line_and_template_is_allowed_with_a_warning() {
    let bare = complete_but(&[("KAVENEGAR_TEMPLATE", "")]);
    let worker = WorkerConfig::load(&bare).expect("a configuration");
    assert!(worker.warnings[0].contains("default line"));
    let with_line = complete_but(&[("KAVENEGAR_TEMPLATE", ""), ("KAVENEGAR_SENDER", "10004346")]);
    let worker = WorkerConfig::load(&with_line).expect("a configuration");
    assert_eq!(worker.warnings, Vec::<String>::new());
}

#[test]
fn templates_for_codes_alone_are_allowed_with_a_warning_about_notices() {
    let worker = WorkerConfig::load(&complete_but(&[])).expect("a configuration");
    assert!(worker.warnings[0].contains("KAVENEGAR_TEMPLATE_PHONE_CHANGED"));
    for enough in [
        &[("KAVENEGAR_SENDER", "10004346")][..],
        &[
            ("KAVENEGAR_TEMPLATE_PHONE_CHANGED", "ramz-changed"),
            ("KAVENEGAR_TEMPLATE_PASSWORD_CHANGED", "ramz-changed"),
            ("KAVENEGAR_TEMPLATE_PHONE_MOVE_ASKED", "ramz-changed"),
        ],
    ] {
        let worker = WorkerConfig::load(&complete_but(enough)).expect("a configuration");
        assert_eq!(worker.warnings, Vec::<String>::new());
    }
}

#[test]
fn single_values_are_refused_with_what_would_be_right() {
    let cases = [
        ("OTP_EXPIRY_TIME", "119", "from 120 to 600"),
        ("OTP_EXPIRY_TIME", "601", "from 120 to 600"),
        ("OTP_LENGTH", "4", "from 5 to 8"),
        ("OTP_LENGTH", "9", "from 5 to 8"),
        ("OTP_MAX_ATTEMPTS", "0", "from 1 to 10"),
        ("OTP_RESEND_COOLDOWN", "120", "OTP_EXPIRY_TIME"),
        ("ALLOWED_COUNTRIES", "IR,XX", "`XX`"),
        ("LIMITS", "none", "`balanced` nor `strict`"),
        ("LIMIT_PHONE_SHORT", "0/120", "count/seconds"),
        ("LIMIT_PHONE_DAY", "-1", "from 1 to 1000"),
        ("LIMIT_ADDRESS_PER_MINUTE", "many", "`many`"),
        ("LIMIT_FAILURES_PHONE", "0", "from 1 to 100"),
        ("LIMIT_FAILURES_ADDRESS", "1/m", "`count/s`"),
        ("LIMIT_FAILURES_ADDRESS", "0/s", "`count/s`"),
        ("LIMIT_FAILURES_LOCK", "1", "from 60 to 86400"),
        ("TRUSTED_PROXIES", "0.0.0.0/0", "trust every client"),
        ("LISTEN", "localhost:8000", "IP address with a port"),
        ("METRICS_LISTEN", "127.0.0.1:8000", "like LISTEN"),
        ("ADMIN_LISTEN", "127.0.0.1:8000", "like LISTEN"),
        ("ADMIN_LISTEN", "localhost:8001", "IP address with a port"),
        ("ADMIN_LISTEN", "[::]:8001", "ADMIN_URL must say"),
        ("ADMIN_URL", "http://console.example.ir", "is http"),
        ("ADMIN_URL", "https://console.example.ir/staff", "only"),
        ("ADMIN_DATABASE_URL", "sqlite://a", "`postgres://`"),
        ("ACCESS_TOKEN_LIFETIME", "10", "from 60 to 3600"),
        (
            "REFRESH_TOKEN_IDLE_LIFETIME",
            "9999999",
            "REFRESH_TOKEN_LIFETIME",
        ),
        ("JWT_AUDIENCE", "فروشگاه", "visible ASCII"),
        ("KAVENEGAR_TEMPLATE", "ramz code", "letters, digits and `-`"),
        (
            "KAVENEGAR_TEMPLATE_EN",
            "ramz_code",
            "letters, digits and `-`",
        ),
        ("LOG_LEVEL", "worker=loud", "not a filter"),
    ];
    for (name, value, words) in cases {
        let problems = api_problems(&complete_but(&[(name, value)]));
        assert_one(&problems, &[&format!("{name}: "), words]);
    }
    let cases = [
        ("KAVENEGAR_SENDER", "RAMZ", "10004346"),
        ("KAVENEGAR_ALLOW_HTTP", "maybe", "neither 1 nor 0"),
        ("WEBOTP_DOMAIN", "https://login.example.ir", "bare domain"),
        ("WEBOTP_DOMAIN", "login.example.ir/x", "bare domain"),
        ("WORKER_CONCURRENCY", "0", "from 1 to 4096"),
    ];
    for (name, value, words) in cases {
        let problems = worker_problems(&complete_but(&[(name, value)]));
        assert_one(&problems, &[&format!("{name}: "), words]);
    }
}

#[test]
fn settings_that_make_guessing_worth_while_are_warned_of() {
    let warned = |pairs: &[(&str, &str)]| {
        let warnings = api(&complete_but(pairs)).warnings;
        warnings.iter().any(|line| line.contains("guesses"))
    };
    assert!(!warned(&[]), "60 guesses among a million codes");
    assert!(warned(&[("OTP_LENGTH", "5")]));
    assert!(warned(&[("LIMIT_PHONE_DAY", "20")]));
    assert!(!warned(&[("LIMIT_PHONE_DAY", "20"), ("OTP_LENGTH", "8")]));
}

#[test]
fn r_29_unknown_settings_are_refused_with_the_nearest_name() {
    let cases = [
        ("OTP_LENGHT", "did you mean OTP_LENGTH?"),
        (
            "LIMIT_ADDRESS_PER_MINUT",
            "did you mean LIMIT_ADDRESS_PER_MINUTE?",
        ),
        ("KAVENEGAR_APIKEY", "did you mean KAVENEGAR_API_KEY?"),
        (
            "KAVENEGAR_TEMPLATE_SIGNIN",
            "did you mean KAVENEGAR_TEMPLATE_SIGN_IN?",
        ),
        ("OTP_KEY_FIL", "did you mean OTP_KEY_FILE?"),
        ("RAMZ_SECRET_SAUCE", "remove it"),
    ];
    for (name, words) in cases {
        let problems = api_problems(&complete_but(&[(name, "6")]));
        assert_one(
            &problems,
            &[&format!("{name}: is not a setting of Ramz"), words],
        );
    }
}

#[test]
fn settings_of_other_binaries_and_of_the_platform_are_left_alone() {
    let shared = complete_but(&[
        ("WORKER_CONCURRENCY", "8"),
        ("SIMULATOR_LISTEN", "127.0.0.1:8025"),
        ("KAVENEGAR_TEMPLATE_EN_SIGN_IN", "ramz-en"),
        ("HTTP_PROXY", "http://proxy.example"),
        ("PATH", "/usr/bin"),
        ("OTP_SOMETHING", ""),
        ("WORKER_SERVICE_HOST", "10.0.0.1"),
        ("WORKER_SERVICE_PORT_METRICS", "9465"),
        ("RAMZ_API_PORT", "tcp://10.0.0.1:8000"),
        ("RAMZ_API_PORT_8000_TCP_ADDR", "10.0.0.1"),
    ]);
    assert_eq!(api_problems(&shared), Vec::<String>::new());
}

#[test]
fn standalone_does_not_guess_which_gateway_is_meant() {
    let environment = only(&[("KAVENEGAR_URL", "https://sms.example.ir/")]);
    assert_one(
        &standalone_problems(&environment),
        &["KAVENEGAR_URL:", "KAVENEGAR_API_KEY", "simulator"],
    );
}

#[test]
fn a_password_that_cuts_a_url_is_told_at_the_start_and_not_shown() {
    for (name, url) in [
        ("DATABASE_URL", "postgres://ramz:can#ary@127.0.0.1/ramz"),
        ("DATABASE_URL", "postgres://ramz:12/canary@127.0.0.1/ramz"),
        ("DATABASE_URL", "postgres://ramz:can?ary@127.0.0.1/ramz"),
        ("DATABASE_URL", "postgres://ramz:c@n/ary@127.0.0.1/ramz"),
        ("REDIS_URL", "redis://:can#ary@127.0.0.1/"),
        ("REDIS_URL", "rediss://default:34/canary@127.0.0.1/"),
        ("REDIS_URL", "redis://:can?ary@127.0.0.1/"),
    ] {
        let environment = complete_but(&[(name, url)]);
        for problems in [api_problems(&environment), worker_problems(&environment)] {
            assert_one(&problems, &[name, "percent-encode", "%23"]);
            assert!(!problems[0].contains("ary"), "{problems:?}");
        }
    }
    let encoded = complete_but(&[
        (
            "DATABASE_URL",
            "postgres://ramz:c%23a%2Fn%3Fa%40ry@127.0.0.1/ramz",
        ),
        ("REDIS_URL", "redis://:c%23a%2Fn%3Fa%40ry@127.0.0.1/"),
    ]);
    assert!(api_problems(&encoded).is_empty());
}

#[test]
fn a_pooler_stands_before_postgres_only() {
    let pooled = complete_but(&[("DATABASE_POOLER", "transaction")]);
    assert!(api_problems(&pooled).is_empty() && worker_problems(&pooled).is_empty());
    let session = complete_but(&[("DATABASE_POOLER", "session")]);
    assert_one(
        &api_problems(&session),
        &["DATABASE_POOLER", "`session`", "transaction"],
    );
    let sqlite = complete_but(&[
        ("DATABASE_POOLER", "transaction"),
        ("DATABASE_URL", "sqlite://data/ramz.sqlite3"),
        ("REDIS_URL", ""),
    ]);
    assert_one(&api_problems(&sqlite), &["DATABASE_POOLER", "SQLite"]);
}
