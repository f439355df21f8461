//! The one table of all settings: their names, defaults and meanings.
//!
//! Readers take names and defaults from here; `--help`, `.env.example`, `docs/configuration.md` and
//! the search for unknown names are made from it. Tests hold that each binary reads exactly the
//! variables that are listed for it.

use domain::limits::TABLE;

/// One of the binaries that read the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Serves the JSON API and the pages.
    Api,
    /// Sends the messages.
    Worker,
    /// Both in one process.
    Standalone,
}

impl Binary {
    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Standalone => "standalone",
        }
    }
}

/// The value of a variable that is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Initial {
    /// It must be set for these binaries; for others it is made or not needed.
    Required(&'static [Binary]),
    /// Nothing.
    Unset,
    /// This text, read as if it had been given.
    Text(&'static str),
    /// This text by the preset of the limits.
    ByPreset {
        balanced: &'static str,
        strict: &'static str,
    },
    /// Made of something else; the words say of what.
    Derived(&'static str),
}

/// One setting.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) binaries: &'static [Binary],
    pub(super) initial: Initial,
    /// Whether it may hold a secret: then it is never shown and can be given as `NAME_FILE`.
    pub(super) secret: bool,
    pub(super) meaning: &'static str,
}

/// Settings that belong together, under one heading.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) variables: &'static [&'static Variable],
    /// Those that are made of another table.
    pub(super) made: &'static [Variable],
}

impl Group {
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Variable> {
        self.variables.iter().copied().chain(self.made)
    }
}

use Binary::{Api, Standalone, Worker};
use Initial::{Derived, Required, Text, Unset};

const ALL: &[Binary] = &[Api, Worker, Standalone];
const FRONT: &[Binary] = &[Api, Standalone];
const BACK: &[Binary] = &[Worker, Standalone];
const SERVERS: &[Binary] = &[Api, Worker];
const ALONE: &[Binary] = &[Standalone];
const ONLY_API: &[Binary] = &[Api];

/// Declares each variable once, and the table of all.
macro_rules! variables {
    ($($title:literal { $($(#[$secret:ident])? $name:ident: $binaries:expr, $initial:expr, $meaning:literal;)+ $(..$made:expr)? })+) => {
        $($(pub(super) static $name: Variable = Variable {
            name: stringify!($name),
            binaries: $binaries,
            initial: $initial,
            secret: variables!(@secret $($secret)?),
            meaning: $meaning,
        };)+)+

        /// Every setting, in the order in which people meet them.
        pub(super) static GROUPS: &[Group] = &[
            $(Group { title: $title, variables: &[$(&$name),+], made: variables!(@made $($made)?) }),+
        ];
    };
    (@secret) => { false };
    (@secret secret) => { true };
    (@made) => { &[] };
    (@made $made:expr) => { $made };
}

variables! {
    "Stores" {
        #[secret] DATABASE_URL: ALL, Required(&[Api, Worker]),
            "`postgres://user:password@host/name`, or `sqlite://path` for one file; standalone makes a file under `DATA_DIR`";
        DATABASE_POOLER: SERVERS, Text("none"),
            "`transaction` behind a pooler that gives each transaction any connection (`pool_mode = transaction` of PgBouncer): a transaction more around each statement, and no prepared ones; `migrate` needs a direct `DATABASE_URL`";
        #[secret] REDIS_URL: ALL, Unset,
            "`redis://…` or `rediss://…`; required with PostgreSQL, refused with SQLite, whose file does the same work";
        DATABASE_POOL_SIZE: ALL, Derived("10, worker 5"),
            "connections to PostgreSQL that one process holds at most (2 to 1000); without effect on SQLite";
        RETENTION_DAYS: BACK, Text("sessions:30,challenge_uses:30,send_numbers:90,sends:400,notices:7,audit_log:730"),
            "days that rows are kept, `sort:days` or `sort:never`, separated by commas; what is not named keeps its default. `sessions` after their end, with their refresh tokens; `challenge_uses`, the codes that were used; `send_numbers`, the numbers in the ledger of sends, and `sends`, its rows; `notices` that never went out; `audit_log`";
        DATA_DIR: ALONE, Text("./data"),
            "where standalone keeps its database and the keys that it makes";
    }
    "Addresses" {
        LISTEN: FRONT, Text("127.0.0.1:8000"),
            "address and port of the API and the pages; TLS is ended by a reverse proxy in front";
        PUBLIC_URL: FRONT, Derived("`http://127.0.0.1:8000`, standalone with the port of `LISTEN`"),
            "how people reach the service: https, or http on loopback for development";
        ALLOWED_ORIGINS: FRONT, Unset,
            "other origins whose pages may call the API, exactly as browsers name them, separated by commas: `https://app.example.ir`, or http on loopback. Their tokens travel in bodies and in `Authorization`, never in cookies";
        TRUSTED_PROXIES: FRONT, Unset,
            "networks (CIDR, separated by commas) of the proxies whose `X-Forwarded-For` is believed";
        HTTP_MAX_CONNECTIONS: FRONT, Text("4096"),
            "connections served at once; where all are taken the oldest idle one goes. A client address has a sixteenth of them (64 at least) and its neighbourhood (/24, IPv6 /48) a quarter; those in `TRUSTED_PROXIES` may have all";
        METRICS_LISTEN: ALL, Derived("127.0.0.1:9464, worker 127.0.0.1:9465, or the next free port"),
            "private address of `/metrics` and `/log-level`; if it is set and taken, the start fails";
        SIMULATOR_LISTEN: ALONE, Text("127.0.0.1:8025"),
            "address of the gateway simulator and its inbox, which runs while there is no `KAVENEGAR_API_KEY`";
    }
    "Keys and tokens" {
        #[secret] OTP_KEY: ALL, Required(&[Api, Worker]),
            "`kid:base64[,kid:base64…]`, at least 32 random bytes each, the first for new codes (`openssl rand -base64 32`); the same for api and worker; standalone makes one";
        #[secret] JWT_PRIVATE_KEY: FRONT, Required(&[Api]),
            "one or more PKCS#8 keys in PEM form, Ed25519 or P-256, the first signs (`openssl genpkey -algorithm ed25519`); an RSA key behind it signs ID tokens (`OIDC_CLIENTS_FILE`); standalone makes both";
        JWT_ISSUER: FRONT, Derived("`PUBLIC_URL`"),
            "the claim `iss` of access tokens";
        JWT_AUDIENCE: FRONT, Derived("`PUBLIC_URL`"),
            "the claim `aud` of access tokens";
        ACCESS_TOKEN_LIFETIME: FRONT, Text("300"),
            "seconds that an access token lives (60 to 3600)";
        REFRESH_TOKEN_IDLE_LIFETIME: FRONT, Text("86400"),
            "seconds that a session lives without being used";
        REFRESH_TOKEN_LIFETIME: FRONT, Text("2592000"),
            "seconds that a session lives at most";
        REFRESH_GRACE: FRONT, Text("300"),
            "seconds in which a refresh whose answer was lost is answered once more (10 to 3600)";
    }
    "Gateway" {
        #[secret] KAVENEGAR_API_KEY: BACK, Required(&[Worker]),
            "key of the Kavenegar account; standalone without it sends to its simulator";
        KAVENEGAR_TEMPLATE: ALL, Unset,
            "name of an approved template for `verify/lookup`; voice calls need one. More of them by language, purpose or both: `KAVENEGAR_TEMPLATE_EN`, `KAVENEGAR_TEMPLATE_RESET_PASSWORD`, `KAVENEGAR_TEMPLATE_EN_SIGN_IN`. Notices of changes go by `KAVENEGAR_TEMPLATE_PHONE_CHANGED`, `KAVENEGAR_TEMPLATE_PASSWORD_CHANGED` and `KAVENEGAR_TEMPLATE_PHONE_MOVE_ASKED` (`%token` is the last four digits of the number), else as plain texts from `KAVENEGAR_SENDER`";
        KAVENEGAR_SENDER: BACK, Unset,
            "own line for messages without a template; unset, the account's default line sends";
        WEBOTP_DOMAIN: BACK, Unset,
            "domain of the line by which browsers fill in the code (WebOTP), in messages without a template and in those of the simulator of standalone; a template has its own line in the panel, `@domain #%token`";
        KAVENEGAR_URL: BACK, Text("https://api.kavenegar.com/"),
            "where the gateway is; https unless on loopback";
        KAVENEGAR_RATE: BACK, Text("100"),
            "calls of the gateway a second by all workers together (1 to 10000), the same for each of them; halved for a while when the gateway says that they are too many";
        #[secret] DELIVERY_CALLBACK_SECRET: FRONT, Unset,
            "32 to 128 letters, digits, `-` or `_` (`openssl rand -hex 32`); set, Kavenegar may report deliveries to `PUBLIC_URL/callbacks/kavenegar/<secret>/delivery`, which only makes them known sooner";
        KAVENEGAR_ALLOW_HTTP: BACK, Text("0"),
            "1 allows an http gateway on another machine, such as a simulator in a private network";
        WORKER_CONCURRENCY: BACK, Text("256"),
            "messages handled at once by one worker";
    }
    "Codes" {
        OTP_LENGTH: FRONT, Text("6"),
            "digits of a code (5 to 8)";
        OTP_EXPIRY_TIME: FRONT, Text("120"),
            "seconds that a code lives (120 to 600)";
        OTP_MAX_ATTEMPTS: FRONT, Text("3"),
            "attempts with the session id, and as many with the phone number (1 to 10)";
        OTP_RESEND_COOLDOWN: FRONT, Text("30"),
            "seconds before a code is sent again; shorter than its life";
        ALLOWED_COUNTRIES: FRONT, Text("IR"),
            "countries whose mobile numbers are served (ISO 3166, separated by commas)";
        STEP_FLOW: FRONT, Text("on"),
            "`off` takes away the step flow (`/api/register/` and what follows it), which tells whether a number has a password";
    }
    "Pages" {
        PAGES: FRONT, Text("on"),
            "`off` takes away the pages for people (`/`, `/accounts/…`) and leaves the API";
        BRAND_NAME: FRONT, Unset,
            "name at the head of the pages and in their titles; unset, they say رمز or Ramz";
        BRAND_COLOR: FRONT, Unset,
            "colour of buttons and links, such as `#0c6a4e`; what would be hard to read is made darker on light pages and brighter on dark ones";
        BRAND_LOGO_FILE: FRONT, Unset,
            "picture beside the name: an svg, png, webp or jpg of at most 64 KiB, best a square one";
        TERMS_URL: FRONT, Unset,
            "where the link to your terms leads, at the foot of the pages: an address, or a path of your own site";
        PRIVACY_URL: FRONT, Unset,
            "where the link to your privacy notice leads";
        SUPPORT_TEXT: FRONT, Unset,
            "how people reach you, in one line at the foot of the pages, such as a telephone number";
        BRAND_TEXTS_FILE: FRONT, Unset,
            "a file with your own `BRAND_NAME`, `TERMS_URL`, `PRIVACY_URL` and `SUPPORT_TEXT` by language, a line each: `SUPPORT_TEXT.fa = …`, `SUPPORT_TEXT.en = …`; what it lacks is that of the setting";
    }
    "Applications" {
        OIDC_CLIENTS_FILE: FRONT, Unset,
            "a TOML file with the sites and apps that sign their people in through this service (OpenID Connect); unset, there are none. It needs an RSA key in `JWT_PRIVATE_KEY`, and the pages";
    }
    "Console" {
        ADMIN_LISTEN: FRONT, Derived("127.0.0.1:8001, or the next free port"),
            "private address of the console for staff, never the public one; if it is set and taken, the start fails; `off` takes the console away";
        ADMIN_URL: FRONT, Derived("`http://127.0.0.1` with the port of `ADMIN_LISTEN`"),
            "how staff reach the console where a proxy stands before it: https, or http on loopback. Requests for another host are refused";
        #[secret] ADMIN_DATABASE_URL: ONLY_API, Derived("`DATABASE_URL`"),
            "the same database under a role of the console's own (`ramz_console`), which reads no hash of a password";
    }
    "Limits" {
        LIMITS: FRONT, Text("balanced"),
            "preset of the limits below: `balanced` suits phones behind carrier NAT, `strict` is tighter";
        LIMIT_FAILURES_LOCK: FRONT, Text("3600"),
            "seconds that a lock after failures lasts (60 to 86400)";
        QUEUE_MAX: FRONT, Text("100000"),
            "waiting messages above which requests for a code are refused with 503";
        ..&OF_LIMITS
    }
    "Processors" {
        THREADS: ALL, Derived("half of the processors, at least 1; standalone all of them"),
            "threads that do the work of one process (1 to 256), beside those that judge passwords. Few do more than many where databases and other programs run on the same machine; one carries thousands of sign-ins a second";
    }
    "Logs" {
        LOG_FORMAT: ALL, Derived("`pretty` on a terminal, `json` otherwise"),
            "form of the log lines on standard error: `json` or `pretty`";
        LOG_LEVEL: ALL, Text("info"),
            "`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,worker=debug`";
        RUST_LOG: ALL, Unset,
            "the same, read where `LOG_LEVEL` is not set";
    }
    "Traces" {
        OTEL_EXPORTER_OTLP_ENDPOINT: ALL, Unset,
            "address of an OpenTelemetry collector (OTLP over HTTP, protobuf), such as `http://127.0.0.1:4318`; `/v1/traces` is added to it. Unset, no traces are exported";
        #[secret] OTEL_EXPORTER_OTLP_HEADERS: ALL, Unset,
            "headers of the requests to the collector, `name=value,name=value`";
        OTEL_SERVICE_NAME: ALL, Derived("`ramz-api`, `ramz-worker` or `ramz-standalone`"),
            "name of the service in its traces";
        OTEL_TRACES_SAMPLER: ALL, Text("always_on"),
            "which requests are traced: `always_on`, `always_off`, or `traceidratio` for a share of them; with `parentbased_` before it, a client that sends a `traceparent` decides instead. The worker follows what the API has decided";
        OTEL_TRACES_SAMPLER_ARG: ALL, Text("1"),
            "the share for `traceidratio`, from 0 to 1";
    }
}

/// The setting of each limit, in the order of their table.
pub(super) static OF_LIMITS: [Variable; TABLE.len()] = of_limits();

const fn of_limits() -> [Variable; TABLE.len()] {
    let mut all = [const {
        Variable {
            name: "",
            binaries: FRONT,
            initial: Unset,
            secret: false,
            meaning: "",
        }
    }; TABLE.len()];
    let mut index = 0;
    while index < TABLE.len() {
        let limit = &TABLE[index];
        all[index].name = limit.setting;
        all[index].meaning = limit.meaning;
        all[index].initial = Initial::ByPreset {
            balanced: limit.balanced,
            strict: limit.strict,
        };
        index += 1;
    }
    all
}

/// Every setting that a binary reads, or of all binaries.
pub(super) fn all() -> impl Iterator<Item = &'static Variable> {
    GROUPS.iter().flat_map(Group::all)
}
