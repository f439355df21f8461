//! What follows from another setting, and what is told of settings that change nothing.

use super::*;

type Changes<'a> = &'a [(&'a str, &'a str)];

fn warnings_of_api(changes: &[(&str, &str)]) -> Vec<String> {
    api(&complete_but(changes)).warnings
}

fn worker(changes: &[(&str, &str)]) -> WorkerConfig {
    WorkerConfig::load(&complete_but(changes)).expect("a configuration of worker")
}

fn standalone(pairs: &[(&str, &str)]) -> StandaloneConfig {
    StandaloneConfig::load(&only(pairs)).expect("a configuration of standalone")
}

fn tells(warnings: &[String], name: &str, words: &str) -> bool {
    let start = format!("{name}: ");
    let mut of_name = warnings.iter().filter(|line| line.starts_with(&start));
    of_name.any(|line| line.contains(words))
}

const NO_EFFECT: &str = "has no effect";
const SQLITE: [(&str, &str); 2] = [("DATABASE_URL", "sqlite://ramz.db"), ("REDIS_URL", "")];
/// A template for whatever is sent.
const ALL_TEMPLATES: [(&str, &str); 4] = [
    TEMPLATE,
    ("KAVENEGAR_TEMPLATE_PHONE_CHANGED", "ramz-changed"),
    ("KAVENEGAR_TEMPLATE_PASSWORD_CHANGED", "ramz-changed"),
    ("KAVENEGAR_TEMPLATE_PHONE_MOVE_ASKED", "ramz-changed"),
];

#[test]
fn api_tells_of_each_setting_that_changes_nothing() {
    let secret = "9f2c4b7d1e6a8035c9f2d4b7e1a60835";
    let cases: [(Changes<'_>, &str, &str); 10] = [
        (
            &[SQLITE[0], SQLITE[1], ("DATABASE_POOL_SIZE", "20")],
            "DATABASE_POOL_SIZE",
            NO_EFFECT,
        ),
        (
            &[("LOG_LEVEL", "warn"), ("RUST_LOG", "debug")],
            "RUST_LOG",
            NO_EFFECT,
        ),
        (
            &[("OTEL_SERVICE_NAME", "login")],
            "OTEL_SERVICE_NAME",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
        (
            &[("OTEL_TRACES_SAMPLER", "always_off")],
            "OTEL_TRACES_SAMPLER",
            NO_EFFECT,
        ),
        (
            &[("OTEL_EXPORTER_OTLP_HEADERS", "a=b")],
            "OTEL_EXPORTER_OTLP_HEADERS",
            NO_EFFECT,
        ),
        (
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
                ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
            ],
            "OTEL_TRACES_SAMPLER_ARG",
            "traceidratio",
        ),
        (
            &[("LIMIT_PHONE_DAY", "4"), ("LIMIT_PHONE_SHORT", "4/60")],
            "LIMIT_PHONE_SHORT",
            "LIMIT_PHONE_DAY",
        ),
        (
            &[
                ("LIMITS", "strict"),
                ("LIMIT_PHONE_DAY", "9"),
                ("LIMIT_ADDRESS_PER_MINUTE", "9"),
                ("LIMIT_FAILURES_PHONE", "9"),
                ("LIMIT_FAILURES_ADDRESS", "9"),
                ("LIMIT_FAILURES_GROUP", "9/s"),
                ("LIMIT_FAILURES_WIDE", "9/s"),
                ("LIMIT_GROUP_PER_MINUTE", "9"),
                ("LIMIT_AUTHORIZE_ADDRESS", "9"),
                ("LIMIT_AUTHORIZE_GROUP", "9"),
                ("LIMIT_CLIENT_SECRET_ADDRESS", "9"),
            ],
            "LIMITS",
            NO_EFFECT,
        ),
        (
            &[("LIMIT_GROUP_SHARE", "off"), ("LIMIT_WIDE_SHARE", "20")],
            "LIMIT_WIDE_SHARE",
            "LIMIT_GROUP_SHARE",
        ),
        (
            &[
                ("PUBLIC_URL", "http://127.0.0.1:8000"),
                ("DELIVERY_CALLBACK_SECRET", secret),
            ],
            "DELIVERY_CALLBACK_SECRET",
            "cannot report",
        ),
    ];
    for (changes, name, words) in cases {
        let warnings = warnings_of_api(changes);
        assert!(tells(&warnings, name, words), "{changes:?}: {warnings:?}");
    }
}

#[test]
fn a_setting_that_has_its_effect_or_its_default_is_not_told_of() {
    let cases: [Changes<'_>; 8] = [
        &[("DATABASE_POOL_SIZE", "20")],
        &[SQLITE[0], SQLITE[1]],
        &[("RUST_LOG", "debug")],
        &[
            ("OTEL_TRACES_SAMPLER", "always_on"),
            ("OTEL_TRACES_SAMPLER_ARG", "1"),
        ],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
            ("OTEL_SERVICE_NAME", "login"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ],
        &[("LIMIT_PHONE_DAY", "4"), ("LIMIT_PHONE_SHORT", "2/60")],
        &[("LIMIT_PHONE_DAY", "2")],
        &[("LIMITS", "strict"), ("LIMIT_PHONE_DAY", "9")],
    ];
    for changes in cases {
        assert_eq!(
            warnings_of_api(changes),
            Vec::<String>::new(),
            "{changes:?}"
        );
    }
}

#[test]
fn a_worker_tells_of_what_templates_leave_without_effect() {
    let domain = ("WEBOTP_DOMAIN", "login.example.ir");
    let line = "`@login.example.ir #%token`";
    let sender = ("KAVENEGAR_SENDER", "10004346");
    let all = worker(&[&ALL_TEMPLATES[..], &[domain, sender]].concat()).warnings;
    assert!(
        tells(&all, "WEBOTP_DOMAIN", "all go by a template"),
        "{all:?}"
    );
    assert!(tells(&all, "WEBOTP_DOMAIN", line), "{all:?}");
    assert!(tells(&all, "KAVENEGAR_SENDER", NO_EFFECT), "{all:?}");
    let some = [
        ("KAVENEGAR_TEMPLATE", ""),
        ("KAVENEGAR_TEMPLATE_EN", "en"),
        domain,
        sender,
    ];
    let some = worker(&some).warnings;
    assert!(
        tells(&some, "WEBOTP_DOMAIN", "that go by a template"),
        "{some:?}"
    );
    assert!(!tells(&some, "KAVENEGAR_SENDER", ""), "{some:?}");
    let none = worker(&[("KAVENEGAR_TEMPLATE", ""), domain, sender]).warnings;
    assert_eq!(none, Vec::<String>::new());

    let leave = ("KAVENEGAR_ALLOW_HTTP", "1");
    let warnings = worker(&[leave, sender]).warnings;
    assert!(
        tells(&warnings, "KAVENEGAR_ALLOW_HTTP", NO_EFFECT),
        "{warnings:?}"
    );
    let elsewhere = ("KAVENEGAR_URL", "http://simulator:8025");
    assert_eq!(
        worker(&[leave, sender, elsewhere]).warnings,
        Vec::<String>::new()
    );
    let file = worker(&[SQLITE[0], SQLITE[1], ("DATABASE_POOL_SIZE", "9"), sender]).warnings;
    assert!(tells(&file, "DATABASE_POOL_SIZE", NO_EFFECT), "{file:?}");
}

#[test]
fn standalone_tells_of_what_needs_another_shape() {
    let webotp = ("WEBOTP_DOMAIN", "login.example.ir");
    let simulated = standalone(&[webotp]);
    assert_eq!(simulated.gateway.webotp_domain.as_deref(), Some(webotp.1));
    let other = |warnings: &[String]| {
        warnings
            .iter()
            .filter(|it| !it.starts_with("PUBLIC_URL"))
            .count()
    };
    assert_eq!(other(&simulated.warnings), 0, "{:?}", simulated.warnings);
    let real = standalone(&[webotp, GATEWAY_KEY, TEMPLATE]).warnings;
    assert!(
        tells(&real, "WEBOTP_DOMAIN", "all go by a template"),
        "{real:?}"
    );

    let listen = ("SIMULATOR_LISTEN", "127.0.0.1:9025");
    let real = standalone(&[listen, GATEWAY_KEY]).warnings;
    assert!(
        tells(&real, "SIMULATOR_LISTEN", "KAVENEGAR_API_KEY"),
        "{real:?}"
    );
    let pool = standalone(&[("DATABASE_POOL_SIZE", "20")]).warnings;
    assert!(tells(&pool, "DATABASE_POOL_SIZE", NO_EFFECT), "{pool:?}");
    let callback = (
        "DELIVERY_CALLBACK_SECRET",
        "9f2c4b7d1e6a8035c9f2d4b7e1a60835",
    );
    let callback = standalone(&[callback]).warnings;
    assert!(
        tells(&callback, "DELIVERY_CALLBACK_SECRET", NO_EFFECT),
        "{callback:?}"
    );
    assert_eq!(other(&standalone(&[listen]).warnings), 0);
}

#[test]
fn the_public_url_follows_the_listener_and_the_claims_follow_it() {
    for (listen, origin) in [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("127.0.0.2:9000", "http://127.0.0.2:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:9000", "http://127.0.0.1:9000"),
        ("192.0.2.1:9000", "http://127.0.0.1:9000"),
        ("127.0.0.1:0", "http://127.0.0.1:8000"),
        ("127.0.0.1:80", "http://127.0.0.1"),
    ] {
        let config = standalone(&[("LISTEN", listen)]);
        assert_eq!(config.http.public_url.origin(), origin, "{listen}");
        assert_eq!(config.tokens.access.issuer, origin);
        assert_eq!(config.tokens.access.audience, origin);
    }
    // Several `api` behind one proxy have one address, which none of them can know.
    let several = api(&complete_but(&[
        ("PUBLIC_URL", ""),
        ("LISTEN", "127.0.0.1:9000"),
    ]));
    assert_eq!(several.http.public_url.origin(), "http://127.0.0.1:8000");
    assert!(tells(
        &several.warnings,
        "PUBLIC_URL",
        "does not follow LISTEN"
    ));
    let given = [
        ("LISTEN", "127.0.0.1:9000"),
        ("PUBLIC_URL", "https://login.example.ir"),
    ];
    let given = standalone(&given).http.public_url;
    assert_eq!(given.origin(), "https://login.example.ir");
}

#[test]
fn threads_are_half_of_the_processors_or_as_many_as_are_named() {
    let processors = std::thread::available_parallelism()
        .expect("a number")
        .get();
    let half = (processors / 2).max(1);
    assert_eq!(api(&complete_but(&[])).threads, half);
    assert_eq!(worker(&[]).threads, half);
    assert_eq!(standalone(&[]).threads, processors);
    let three = [("THREADS", "3")];
    assert_eq!(api(&complete_but(&three)).threads, 3);
    assert_eq!(worker(&three).threads, 3);
    assert_eq!(standalone(&three).threads, 3);
    for wrong in ["0", "257", "all"] {
        let problems = api_problems(&complete_but(&[("THREADS", wrong)]));
        assert_one(&problems, &["THREADS: ", "from 1 to 256"]);
    }
}

#[test]
fn the_pool_has_a_size_of_its_own_in_api_and_worker() {
    assert_eq!(api(&complete_but(&[])).pool_size, 10);
    assert_eq!(worker(&[]).pool_size, 5);
    let size = [("DATABASE_POOL_SIZE", "40")];
    assert_eq!(api(&complete_but(&size)).pool_size, 40);
    assert_eq!(worker(&size).pool_size, 40);
    for wrong in ["0", "1", "1001", "-3", "many"] {
        let problems = api_problems(&complete_but(&[("DATABASE_POOL_SIZE", wrong)]));
        assert_one(&problems, &["DATABASE_POOL_SIZE: ", "from 2 to 1000"]);
    }
    let slip = api_problems(&complete_but(&[("DATABASE_POOLSIZE", "40")]));
    assert_one(&slip, &["did you mean DATABASE_POOL_SIZE?"]);
}
