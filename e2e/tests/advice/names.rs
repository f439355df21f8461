//! Whatever the pages of operators name between backticks exists: a setting, a metric, a table, a log line, a
//! file, a path, a command. What belongs to other programs is listed here with the program.

use std::collections::{BTreeMap, BTreeSet};

use harness::PostgresServer;
use sqlx::PgPool;

use crate::advice::commands::{Commands, is_command};
use crate::advice::page::{PAGES, Page, is_kind, project, read};
use crate::advice::sources::{for_each_source, literals, texts_of_programs};

/// What other programs call so. A name of ours never stands here.
const OF_OTHERS: &[(&str, &[&str])] = &[
    (
        "Prometheus and Grafana",
        &[
            "runbook_url",
            "window",
            "severity",
            "page",
            "ticket",
            "rule_files",
            "1d",
            "3d",
            "admin",
            "ramz-prometheus",
            "ramz-api",
            "mountpoint",
            "alertmanager_notifications_failed_total",
        ],
    ),
    (
        "PostgreSQL and PgBouncer",
        &[
            "pool_mode = session",
            "pool_mode = transaction",
            "pool_mode = statement",
            "unsupported startup parameter",
            "synchronous_standby_names",
            "wal_compression = lz4",
            "lock_timeout",
            "commit_delay = 1000",
            "commit_siblings = 2",
            "synchronous_commit = off",
            "postgresql.conf",
            "pg_basebackup",
            "pg_wal",
            "SELECT slot_name, active FROM pg_replication_slots",
        ],
    ),
    (
        "Redis",
        &[
            "NOPERM",
            "READONLY",
            "SLOWLOG GET",
            "FLUSHALL",
            "CONFIG SET requirepass",
            "CONFIG SET maxmemory 1gb",
            "CONFIG SET",
            "requirepass",
            "min-replicas-to-write 1",
            "used_memory",
            "maxmemory",
        ],
    ),
    ("SQLite", &["VACUUM INTO", ".backup", "ramz.sqlite3-wal"]),
    (
        "systemd",
        &[
            "LoadCredential",
            "jwt.pem",
            "ramz.env",
            "'ramz-worker@*'",
            "/etc/systemd/system/ramz-api.service",
            "/etc/systemd/system/ramz-worker@.service",
            "/etc/systemd/system/ramz-migrate.service",
        ],
    ),
    (
        "options and answers that the tests of `scripts/compose-drill` and `api why` hold",
        &["--from-source", "conclusion.code"],
    ),
    (
        "Docker",
        &[
            "demo",
            "up",
            "up -d",
            "--volumes",
            "--scale",
            "latest",
            "unknown",
            "${NAME}",
            "docker inspect",
        ],
    ),
    ("Linux", &["du -xhd1", "dmesg -T | grep -i oom"]),
    (
        "HTTP",
        &[
            "Retry-After",
            "X-Forwarded-For",
            "Secure",
            "https://",
            "GET",
            "POST",
            "127.0.0.1",
            "1.0",
        ],
    ),
    (
        "Kavenegar",
        &[
            "debugmode",
            "resendfailed",
            "status",
            "delivery",
            "callback",
        ],
    ),
    (
        "values of an operator",
        &[
            "BACKUP",
            "DELETED_USER",
            "user",
            "8000",
            "8001",
            "http://127.0.0.1:8001",
            "3000",
            "8025",
            "512mb",
            "15d",
            "http://127.0.0.1:3000",
            "10.213.30.0/24",
            "10.213.30.1",
            "10.213.30.1/32",
            "networks: {front: {ipv4_address: 10.213.30.10}}",
            "http://api:8000",
        ],
    ),
];

/// What exists.
struct Known {
    /// Settings of Ramz and of its compose file.
    settings: BTreeSet<String>,
    /// Texts of the programs: labels, states, log lines, names of calls and options.
    texts: Vec<String>,
    /// Tables, and columns of them.
    schema: BTreeSet<String>,
    /// The script that makes the roles of PostgreSQL.
    roles: String,
    /// Words of the pages that other tests hold: metrics with their labels, error codes.
    tables: BTreeSet<String>,
    /// Paths of the API.
    routes: BTreeSet<String>,
    /// The board that the pages give an address of.
    board: String,
    /// The rules of Prometheus.
    rules: String,
    compose: String,
    commands: Commands,
}

impl Known {
    async fn gather() -> Self {
        Self {
            settings: settings(),
            texts: texts_of_programs(),
            schema: schema().await,
            roles: read("scripts/roles/postgres.sql"),
            tables: ["docs/metrics.md", "docs/errors.md"]
                .into_iter()
                .flat_map(|page| Page::read(page).spans)
                .collect(),
            routes: routes(),
            rules: rules(),
            board: read("grafana/dashboards/overview.json"),
            compose: read("docker-compose.yml"),
            commands: Commands::gather(),
        }
    }

    /// Whether this exists; the error says what it was taken for.
    fn check(&self, span: &str) -> Result<(), &'static str> {
        let of_others = OF_OTHERS.iter().any(|(_, names)| names.contains(&span));
        let role = self.roles.contains(&format!("'{span}'"));
        if of_others || role || self.schema.contains(span) || self.tables.contains(span) {
            return Ok(());
        }
        if is_query(span) {
            return self.knows_metrics_of(span).then_some(()).ok_or("a metric");
        }
        if let Some(setting) = setting_of(span) {
            let known = match setting.split_once('…') {
                Some((start, _)) => self.settings.iter().any(|name| name.starts_with(start)),
                None => self.settings.contains(setting) || self.compose_part(setting),
            };
            return known.then_some(()).ok_or("a setting");
        }
        if is_command(span) {
            return self.commands.check(span).map_err(|_| "a command");
        }
        if let Some(board) = span.strip_prefix("/d/") {
            let uid = format!("\"uid\": \"{board}\"");
            return self.board.contains(&uid).then_some(()).ok_or("a board");
        }
        let span = span
            .strip_prefix("https://login.example.ir")
            .unwrap_or(span);
        let span = &*span.replace("<secret>", "{secret}");
        let path = span.split_once(' ').map_or(span, |(_method, path)| path);
        if path.starts_with("/callbacks/")
            || path.starts_with("/api/")
            || path.starts_with("/.well-known")
            || path.ends_with('z') && path.starts_with('/')
        {
            return self
                .routes
                .contains(path)
                .then_some(())
                .ok_or("a path of the API");
        }
        if self.is_file(span) || self.commands.knows(span) {
            return Ok(());
        }
        self.is_text(span)
            .then_some(())
            .ok_or("a text of the programs")
    }

    /// Whether every metric of a query is served or recorded. Those of the runbooks are asked too, by
    /// the test of the boards.
    fn knows_metrics_of(&self, query: &str) -> bool {
        let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || ['_', ':'].contains(&c)));
        let mut metrics =
            words.filter(|word| word.starts_with("ramz_") || word.starts_with("ramz:"));
        metrics.all(|metric| {
            let served = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|end| metric.strip_suffix(end));
            self.tables.contains(metric)
                || served.is_some_and(|served| self.tables.contains(served))
                || self.rules.contains(&format!("record: {metric}\n"))
        })
    }

    /// `API` of `CPUS_API`.
    fn compose_part(&self, name: &str) -> bool {
        self.compose.contains(&format!("_{name}:-"))
    }

    fn is_file(&self, span: &str) -> bool {
        let path = span.trim_start_matches("./");
        let (path, anchor) = path.split_once('#').unwrap_or((path, ""));
        let written = |file: &str| self.texts.iter().any(|text| text.contains(file));
        let made = read("scripts/make-secrets") + &self.compose;
        let of_units = read("docs/operations.md");
        (path.contains(['/', '.'])
            && (project(path).exists() && anchor.trim_end_matches('…').is_empty()))
            || path == ".env"
            || path == "./secrets"
            || path.strip_prefix("secrets/").is_some_and(|file| {
                made.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .any(|word| word == file)
            })
            || (path.starts_with('/') && of_units.matches(path).count() > 1)
            || made.contains(&format!("- {path}"))
            || made.contains(&format!("  {path}:"))
            || (is_kind(path, "pem") && written(path))
    }

    /// Whether a text of the programs is or holds this, where a `…` stands for anything.
    fn is_text(&self, span: &str) -> bool {
        let parts: Vec<&str> = span.split('…').filter(|part| !part.is_empty()).collect();
        let sentence = span.contains(' ');
        self.texts.iter().any(|text| match parts[..] {
            [part] if sentence => text.contains(part),
            [part] if span.starts_with('…') => text.ends_with(part),
            [part] if span.ends_with('…') => text.starts_with(part),
            [part] => text == part || (part.starts_with("--") && text.contains(part)),
            _ => false,
        })
    }
}

/// Whether it is for Prometheus.
fn is_query(span: &str) -> bool {
    span.contains("ramz_")
        || span.contains("ramz:")
        || span.starts_with("up{")
        || span.contains("process_")
}

/// The name of a setting that is named, with a value or without.
pub(crate) fn setting_of(span: &str) -> Option<&str> {
    let (name, value) = span.split_once('=').unwrap_or((span, ""));
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '…');
    (name.len() > 2 && is_name && !value.contains(' ')).then_some(name)
}

pub(crate) fn settings() -> BTreeSet<String> {
    let example = read(".env.example");
    let lines = example
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']));
    let mut settings: BTreeSet<String> = lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| setting_of(name).is_some())
        .collect();
    assert!(settings.len() > 40, "{settings:?}");
    let files: Vec<String> = settings.iter().map(|name| format!("{name}_FILE")).collect();
    settings.extend(files);
    let compose = read("docker-compose.yml");
    for after in compose.split("${").skip(1) {
        let end = after.find([':', '}']).unwrap_or(0);
        settings.insert(after[..end].to_owned());
    }
    assert!(compose.contains("profiles:"));
    settings.insert("COMPOSE_PROFILES".to_owned());
    // Levels of log lines, and the signal that ends a process.
    settings.extend(["ERROR", "WARN", "SIGTERM"].map(str::to_owned));
    settings
}

fn rules() -> String {
    let entries = std::fs::read_dir(project("prometheus/rules")).expect("the rules");
    let texts = entries.map(|entry| std::fs::read_to_string(entry.expect("an entry").path()));
    texts.map(|text| text.expect("a file")).collect()
}

async fn schema() -> BTreeSet<String> {
    let postgres = PostgresServer::start().await;
    let url = e2e::Production::create_database(&postgres).await;
    let pool = PgPool::connect(&url).await.expect("connected");
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns \
         WHERE table_schema = 'public'",
    )
    .fetch_all(&pool)
    .await
    .expect("columns");
    let schema: BTreeSet<String> = rows
        .into_iter()
        .flat_map(|(table, column)| [table, column])
        .collect();
    assert!(schema.contains("sends"), "{schema:?}");
    schema
}

fn routes() -> BTreeSet<String> {
    // Each is written out where it is served.
    let mut routes = BTreeSet::new();
    for folder in ["api", "shared/serving"] {
        for_each_source(&project(folder), &mut |_, source| {
            routes.extend(
                literals(source)
                    .into_iter()
                    .filter(|text| text.starts_with('/')),
            );
        });
    }
    routes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_page_for_operators_names_exists() {
    let known = Known::gather().await;
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in PAGES {
        let page = Page::read(name);
        assert!(page.spans.len() > 10, "{name}");
        for span in &page.spans {
            if let Err(taken_for) = known.check(span) {
                unknown
                    .entry(name.to_owned())
                    .or_default()
                    .push(format!("`{span}` is not {taken_for}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    // What nobody has ever heard of is noticed.
    for wrong in [
        "max(ramz_queue_consumer)",
        "ramz:gateway_credit_days:min",
        "KAVENEGAR_RATES",
        "DATABASE_POOL=3",
        "LIMITZ_…",
        "GET /readyzz",
        "/api/v1/usr/opt",
        "a store can not be used",
        "sendz",
        "resent_ambigous",
        "docs/runbook.md",
        "docker compose restart workers",
        "…_unreadible",
        "api whi NUMBER",
        "redis-cli --latenci",
        "secrets/redis_pass",
    ] {
        assert!(known.check(wrong).is_err(), "{wrong}");
    }
}

/// Whether a line of YAML begins something else: `name:`, `- name:`.
fn is_key(line: &str) -> bool {
    let name = line
        .trim_start_matches("- ")
        .split_once(':')
        .map(|(name, _)| name);
    name.is_some_and(|name| !name.contains(' '))
}

/// Names of settings are written in capitals there, without marks.
#[test]
fn whatever_an_alert_names_is_a_setting_or_a_path() {
    let (settings, routes) = (settings(), routes());
    let rules = rules();
    let mut seen = BTreeSet::new();
    let mut lines = rules.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if !line.starts_with("summary:") && !line.starts_with("description:") {
            continue;
        }
        // A text may go on in the lines below.
        let mut text = line.to_owned();
        if line.ends_with(">-") {
            let below = lines.clone();
            for more in below.take_while(|more| !is_key(more)) {
                text.push(' ');
                text.push_str(more);
            }
        }
        for word in text.split(' ') {
            let word = word.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '/'));
            let name = word.split('=').next().unwrap_or_default();
            if name.contains('_') && setting_of(name).is_some() {
                assert!(settings.contains(name), "{name} is no setting");
                seen.insert(name.to_owned());
            } else if word.starts_with('/') {
                assert!(routes.contains(word), "{word} is no path");
                seen.insert(word.to_owned());
            }
        }
    }
    for name in [
        "TRUSTED_PROXIES",
        "OTP_EXPIRY_TIME",
        "QUEUE_MAX",
        "/readyz",
        "/api/v1/usr/otp",
    ] {
        assert!(seen.contains(name), "{name} was not seen among {seen:?}");
    }
}
