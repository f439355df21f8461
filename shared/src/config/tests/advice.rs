//! What an error or a warning of the settings tells people to do is done, and then nothing is wrong any more.

use std::process::Command;

use super::*;
use crate::config::Binary::{self, Api, Standalone, Worker};

/// Changes of a complete environment; an empty value unsets.
type Changes<'a> = &'a [(&'a str, &'a str)];

/// What is told of an environment: the problems, which end the start, or else the warnings.
fn told(binary: Binary, changes: Changes<'_>) -> Result<Vec<String>, Vec<String>> {
    let environment = complete_but(changes);
    let warnings = match binary {
        Api => ApiConfig::load(&environment).map(|config| config.warnings),
        Worker => WorkerConfig::load(&environment).map(|config| config.warnings),
        Standalone => StandaloneConfig::load(&only(changes)).map(|config| config.warnings),
    };
    warnings.map_err(|error| lines(Err(error)))
}

/// What a command of OpenSSL prints.
fn openssl(arguments: &str) -> String {
    let output = Command::new("openssl").args(arguments.split(' ')).output();
    let output = output.expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// Who is started, with which changes, what is advised, and each way that the advice names.
type Case<'a> = (Binary, Changes<'a>, &'a str, &'a [Changes<'a>]);

const CASES: &[Case<'_>] = &[
    (
        Api,
        &[("PUBLIC_URL", "http://login.example.ir")],
        "use https, or http on 127.0.0.1 for development",
        &[&[("PUBLIC_URL", "https://login.example.ir")]],
    ),
    (
        Api,
        &[("PUBLIC_URL", "https://login.example.ir/app")],
        "scheme, host and port only, such as https://login.example.ir",
        &[&[("PUBLIC_URL", "https://login.example.ir")]],
    ),
    (
        Api,
        &[("TRUSTED_PROXIES", "")],
        "all clients seem to have the address of the proxy",
        &[&[("TRUSTED_PROXIES", "10.0.0.0/8")]],
    ),
    (
        Api,
        &[("TRUSTED_PROXIES", "0.0.0.0/0")],
        "name the networks of your proxies only",
        &[&[("TRUSTED_PROXIES", "192.0.2.1/32")]],
    ),
    (
        Api,
        &[("METRICS_LISTEN", "127.0.0.1:8000")],
        "metrics need a private address of their own",
        &[&[("METRICS_LISTEN", "127.0.0.1:9464")]],
    ),
    (
        Api,
        &[("ADMIN_LISTEN", "127.0.0.1:8000")],
        "the console needs a private address of its own",
        &[
            &[("ADMIN_LISTEN", "127.0.0.1:8001")],
            &[("ADMIN_LISTEN", "off")],
        ],
    ),
    (
        Api,
        &[("ADMIN_LISTEN", "0.0.0.0:8001")],
        "ADMIN_URL must say under which https address the proxy before it serves staff",
        &[&[
            ("ADMIN_LISTEN", "0.0.0.0:8001"),
            ("ADMIN_URL", "https://console.example.ir"),
        ]],
    ),
    (
        Api,
        &[("LISTEN", "localhost:8000")],
        "such as 127.0.0.1:8000",
        &[&[("LISTEN", "127.0.0.1:8000")]],
    ),
    (
        Api,
        &[("ALLOWED_ORIGINS", "*")],
        "name each origin as it is, such as https://app.example.ir",
        &[&[("ALLOWED_ORIGINS", "https://app.example.ir")]],
    ),
    (
        Api,
        &[("ALLOWED_ORIGINS", "http://app.example.ir")],
        "use https, or http on localhost for development",
        &[&[("ALLOWED_ORIGINS", "https://app.example.ir")]],
    ),
    (
        Api,
        &[("ALLOWED_ORIGINS", "app.example.ir")],
        "such as https://app.example.ir; several are separated by commas",
        &[&[("ALLOWED_ORIGINS", "https://app.example.ir")]],
    ),
    (
        Api,
        &[("ALLOWED_ORIGINS", "capacitor://localhost")],
        "must begin with https://, or with http:// on localhost",
        &[&[("ALLOWED_ORIGINS", "http://localhost")]],
    ),
    (
        Api,
        &[("OTP_RESEND_COOLDOWN", "120")],
        "choose less",
        &[
            &[("OTP_RESEND_COOLDOWN", "119")],
            &[("OTP_EXPIRY_TIME", "121"), ("OTP_RESEND_COOLDOWN", "120")],
        ],
    ),
    (
        Api,
        &[("OTP_LENGTH", "5")],
        "choose longer codes, fewer attempts or fewer sends",
        &[
            &[("OTP_LENGTH", "6")],
            &[
                ("OTP_LENGTH", "5"),
                ("OTP_MAX_ATTEMPTS", "1"),
                ("LIMIT_PHONE_DAY", "5"),
            ],
        ],
    ),
    (
        Api,
        &[("REFRESH_TOKEN_IDLE_LIFETIME", "9999999")],
        "choose less",
        &[&[("REFRESH_TOKEN_IDLE_LIFETIME", "86400")]],
    ),
    (
        Api,
        &[("OTP_KEY_FILE", "/run/secrets/otp_key")],
        "unset one of them",
        &[&[("OTP_KEY_FILE", "")]],
    ),
    (
        Api,
        &[
            ("OIDC_CLIENTS_FILE", "/etc/ramz/clients.toml"),
            ("PAGES", "off"),
        ],
        "switch the pages on or unset it",
        &[
            &[("OIDC_CLIENTS_FILE", "/etc/ramz/clients.toml")],
            &[("PAGES", "off")],
        ],
    ),
    (
        Api,
        &[("LIMIT_PHONE_DAYS", "5")],
        "did you mean LIMIT_PHONE_DAY?",
        &[&[("LIMIT_PHONE_DAY", "5")]],
    ),
    (
        Worker,
        &[("KAVENEGAR_SOMETHING_ELSE", "5")],
        "remove it",
        &[&[]],
    ),
    (
        Api,
        &[("DATABASE_URL", "postgres://ramz:a#b@127.0.0.1/ramz")],
        "percent-encode the user name and the password",
        &[&[("DATABASE_URL", "postgres://ramz:a%23b@127.0.0.1/ramz")]],
    ),
    (
        Worker,
        &[("REDIS_URL", "redis://:a/b@127.0.0.1/")],
        "percent-encode the user name and the password",
        &[&[("REDIS_URL", "redis://:a%2Fb@127.0.0.1/")]],
    ),
    (
        Api,
        &[("DATABASE_URL", "sqlite://data/ramz.sqlite3")],
        "unset REDIS_URL or use PostgreSQL",
        &[
            &[
                ("DATABASE_URL", "sqlite://data/ramz.sqlite3"),
                ("REDIS_URL", ""),
            ],
            &[],
        ],
    ),
    (
        Api,
        &[
            ("DATABASE_URL", "sqlite://data/ramz.sqlite3"),
            ("REDIS_URL", ""),
            ("DATABASE_POOLER", "transaction"),
        ],
        "unset it",
        &[&[
            ("DATABASE_URL", "sqlite://data/ramz.sqlite3"),
            ("REDIS_URL", ""),
        ]],
    ),
    (
        Standalone,
        &[("DATABASE_URL", "postgres://ramz@127.0.0.1/ramz")],
        "unset it, or run `api` and `worker`",
        &[&[]],
    ),
    (
        Standalone,
        &[("DATABASE_URL", "sqlite::memory:")],
        "name a file, such as `sqlite://data/ramz.sqlite3`",
        &[&[("DATABASE_URL", "sqlite://data/ramz.sqlite3")]],
    ),
    (
        Standalone,
        &[("KAVENEGAR_URL", "https://api.kavenegar.com")],
        "set the key too, or unset the URL to use the simulator",
        &[
            &[
                ("KAVENEGAR_URL", "https://api.kavenegar.com"),
                GATEWAY_KEY,
                TEMPLATE,
            ],
            &[],
        ],
    ),
    (
        Worker,
        &[("KAVENEGAR_URL", "http://simulator:8025")],
        "use https, or set KAVENEGAR_ALLOW_HTTP=1",
        &[
            &[("KAVENEGAR_URL", "https://simulator:8025")],
            &[
                ("KAVENEGAR_URL", "http://simulator:8025"),
                ("KAVENEGAR_ALLOW_HTTP", "1"),
            ],
        ],
    ),
    (
        Worker,
        &[("KAVENEGAR_URL", "https://user:x@api.kavenegar.com")],
        "must hold no user, password, query or fragment",
        &[&[("KAVENEGAR_URL", "https://api.kavenegar.com")]],
    ),
    (
        Worker,
        &[("KAVENEGAR_TEMPLATE", "")],
        "slower than by a template",
        &[&[("KAVENEGAR_TEMPLATE", "ramz-otp")]],
    ),
    (
        Worker,
        &[],
        "KAVENEGAR_TEMPLATE_PHONE_CHANGED, KAVENEGAR_TEMPLATE_PASSWORD_CHANGED",
        &[
            &[("KAVENEGAR_SENDER", "10004346")],
            &[
                ("KAVENEGAR_TEMPLATE_PHONE_CHANGED", "a"),
                ("KAVENEGAR_TEMPLATE_PASSWORD_CHANGED", "b"),
                ("KAVENEGAR_TEMPLATE_PHONE_MOVE_ASKED", "c"),
            ],
        ],
    ),
    (
        Worker,
        &[("KAVENEGAR_API_KEY", "6B79 2D33")],
        "copy the key again from the panel of Kavenegar",
        &[&[GATEWAY_KEY]],
    ),
    (
        Worker,
        &[("KAVENEGAR_TEMPLATE", "ramz code")],
        "English letters, digits and `-` only",
        &[&[("KAVENEGAR_TEMPLATE", "ramz-code-2")]],
    ),
    (
        Worker,
        &[("KAVENEGAR_SENDER", "RAMZ")],
        "such as 10004346",
        &[&[("KAVENEGAR_SENDER", "10004346")]],
    ),
    (
        Worker,
        &[
            ("WEBOTP_DOMAIN", "https://login.example.ir"),
            ("KAVENEGAR_TEMPLATE", ""),
        ],
        "such as login.example.ir",
        &[&[
            ("WEBOTP_DOMAIN", "login.example.ir"),
            ("KAVENEGAR_TEMPLATE", ""),
            ("KAVENEGAR_SENDER", "10004346"),
        ]],
    ),
];

fn check((binary, broken, advice, ways): Case<'_>) {
    let before = told(binary, broken).unwrap_or_else(|problems| problems);
    let line = before.iter().find(|line| line.contains(advice));
    let line = line.unwrap_or_else(|| panic!("{broken:?}: no {advice:?} in {before:?}"));
    for way in ways {
        let after = told(binary, way).unwrap_or_else(|problems| panic!("{way:?}: {problems:?}"));
        let same = after
            .iter()
            .find(|after| *after == line || after.contains(advice));
        assert_eq!(same, None, "{way:?} does not mend it");
    }
}

#[test]
fn whatever_an_error_or_a_warning_advises_mends_it() {
    for case in CASES {
        check(*case);
    }
}

#[test]
fn secrets_that_are_made_as_advised_are_taken() {
    let hex = openssl("rand -hex 32");
    let key = format!("k1:{}", openssl("rand -base64 32"));
    let pem = openssl("genpkey -algorithm ed25519");
    let cases: &[Case<'_>] = &[
        (
            Api,
            &[("DELIVERY_CALLBACK_SECRET", "short")],
            "make one with `openssl rand -hex 32`",
            &[&[("DELIVERY_CALLBACK_SECRET", &hex)]],
        ),
        (
            Api,
            &[(
                "DELIVERY_CALLBACK_SECRET",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            )],
            "make one with `openssl rand -hex 32`",
            &[&[("DELIVERY_CALLBACK_SECRET", &hex)]],
        ),
        (
            Api,
            &[(
                "DELIVERY_CALLBACK_SECRET",
                "9f2c4b7d1e6a8035/9f2d4b7e1a608351",
            )],
            "make one with `openssl rand -hex 32`",
            &[&[("DELIVERY_CALLBACK_SECRET", &hex)]],
        ),
        (
            Api,
            &[("OTP_KEY", "k1:c2hvcnQ=")],
            "make one with `openssl rand -base64 32`",
            &[&[("OTP_KEY", &key)]],
        ),
        (
            Api,
            &[("OTP_KEY", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
            "make one with `openssl rand -base64 32`",
            &[&[("OTP_KEY", &key)]],
        ),
        (
            Api,
            &[("JWT_PRIVATE_KEY", "secret")],
            "make a key with `openssl genpkey -algorithm ed25519` and give the whole text",
            &[&[("JWT_PRIVATE_KEY", &pem)]],
        ),
        (
            Api,
            &[("JWT_PRIVATE_KEY", &pem[..pem.len() - 30])],
            "give the whole PEM text",
            &[&[("JWT_PRIVATE_KEY", &pem)]],
        ),
    ];
    for case in cases {
        check(*case);
    }
}

#[test]
fn a_health_check_that_cannot_know_where_to_ask_says_what_to_name() {
    let load = |listen: &str| HealthcheckConfig::load_api(&only(&[("LISTEN", listen)])).map(|_| ());
    let problems = lines(load("127.0.0.1:0"));
    assert_one(&problems, &["LISTEN", "name a port"]);
    assert!(lines(load("127.0.0.1:8000")).is_empty());
}
