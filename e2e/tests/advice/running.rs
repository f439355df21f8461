//! Commands and statements of the pages for operators, run as they stand but for addresses, numbers and
//! passwords. Backup and restore are run by `e2e/tests/backup.rs`, the rotation of keys by the tests of
//! `api`, the queries by those of the boards, everything in containers by `scripts/compose-drill`.

use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{PATIENCE, Production};
use harness::{PostgresServer, RedisServer, eventually, free_port};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::advice::page::{Page, project, read};

/// What a line of Bash prints, which must succeed; the programs of this build are found.
fn bash(line: &str, variables: &[(&str, &str)]) -> String {
    let folder = std::env::current_exe().expect("a path");
    let folder = folder.ancestors().nth(2).expect("the folder of the build");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-c", &format!("set -euo pipefail\n{line}")])
        .env_clear()
        .env("PATH", format!("{}:{path}", folder.display()))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("Bash starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {printed}\n{said}");
    printed
}

/// This text, which stands on a page.
#[track_caller]
fn on<'a>(page: &str, text: &'a str) -> &'a str {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words(&read(page)).contains(&words(text)),
        "{page} has no {text:?} any more"
    );
    text
}

const RUNBOOKS: &str = "docs/runbooks.md";
const OPERATIONS: &str = "docs/operations.md";
const COMPOSE: &str = "docs/compose.md";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_into_redis_does_what_the_pages_say() {
    let redis = RedisServer::start().await;
    let port = redis.port();
    let typed = |command: &str| bash(&format!("redis-cli -h 127.0.0.1 -p {port} {command}"), &[]);
    assert_eq!(typed(on(RUNBOOKS, "SLOWLOG GET")).trim(), "");
    let latency = on(RUNBOOKS, "redis-cli --latency").replace("redis-cli", "");
    let latency =
        format!("timeout 1 redis-cli --no-raw -h 127.0.0.1 -p {port}{latency} || test $? = 124");
    assert!(
        bash(&latency, &[]).split_whitespace().count() >= 4,
        "least, most, average, count"
    );
    for (field, section) in [
        ("used_memory", "memory"),
        ("aof_delayed_fsync", "persistence"),
        ("aof_pending_bio_fsync", "persistence"),
    ] {
        on(
            if section == "memory" {
                OPERATIONS
            } else {
                "docs/architecture.md"
            },
            field,
        );
        assert!(
            typed(&format!("INFO {section}")).contains(&format!("{field}:")),
            "{field}"
        );
    }
    let raise = on(RUNBOOKS, "CONFIG SET maxmemory 1gb");
    assert_eq!(typed(raise).trim(), "OK");
    assert!(typed("INFO memory").contains("maxmemory:1073741824"));
    typed("SET a 1");
    assert_eq!(typed(on(OPERATIONS, "FLUSHALL")).trim(), "OK");
    assert_eq!(typed("DBSIZE").trim(), "0");
    let replicas = on(OPERATIONS, "min-replicas-to-write 1");
    assert_eq!(typed(&format!("CONFIG SET {replicas}")).trim(), "OK");
    assert!(typed("SET a 1").contains("NOREPLICAS"), "refuses alone");
    typed("CONFIG SET min-replicas-to-write 0");

    // "ends no connection that is open".
    let client = redis::Client::open(redis.url()).expect("an address");
    let mut open = client
        .get_multiplexed_async_connection()
        .await
        .expect("connected");
    let set = on(OPERATIONS, "CONFIG SET requirepass");
    assert_eq!(typed(&format!("{set} secret")).trim(), "OK");
    let pong: String = redis::cmd("PING")
        .query_async(&mut open)
        .await
        .expect("goes on");
    assert_eq!(pong, "PONG");
    assert!(typed("PING").contains("NOAUTH"), "a new one needs it");
    // As the runbooks and the compose file give it.
    for page in [RUNBOOKS, COMPOSE] {
        on(
            page,
            "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli",
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("redis_password");
    std::fs::write(&file, "secret").expect("written");
    let ping = format!(
        "REDISCLI_AUTH=$(cat {}) redis-cli -p {port} PING",
        file.display()
    );
    assert_eq!(bash(&ping, &[]).trim(), "PONG");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_takes_the_settings_that_the_page_gives_it() {
    let page = Page::read(OPERATIONS);
    let (_, settings) = page
        .blocks
        .iter()
        .find(|(_, lines)| lines.starts_with("appendonly"))
        .expect("the settings");
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let config = folder.path().join("redis.conf");
    std::fs::write(&config, settings).expect("written");
    let _server = harness::Process::program("redis-server")
        .arg(&config)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(folder.path())
        .start();
    let typed = |command: &str| {
        let output = Command::new("redis-cli")
            .args(["-p", &port.to_string()])
            .args(command.split(' '))
            .output();
        String::from_utf8_lossy(&output.expect("redis-cli runs").stdout).into_owned()
    };
    eventually(PATIENCE, async || {
        typed("PING").starts_with("PONG").then_some(())
    })
    .await;
    for line in settings.lines() {
        let (name, value) = line.split_once(' ').expect("a name and a value");
        assert_eq!(
            typed(&format!("CONFIG GET {name}")).lines().nth(1),
            Some(value),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_into_postgres_does_what_the_pages_say() {
    let postgres = PostgresServer::start().await;
    let admin_url = postgres.create_database().await;
    let mut admin = PgConnection::connect(&admin_url).await.expect("connected");
    // "needs a database and a role that owns it; the role needs no other right".
    on(
        OPERATIONS,
        "a role that owns it; the role needs no other right",
    );
    for statement in [
        "CREATE ROLE owner LOGIN PASSWORD 'first'",
        "CREATE DATABASE ramz OWNER owner",
    ] {
        sqlx::query(statement)
            .execute(&mut admin)
            .await
            .expect(statement);
    }
    let place = admin_url.rsplit_once('/').expect("a name").0;
    let place = place
        .rsplit_once('@')
        .map_or(place.trim_start_matches("postgres://"), |(_, host)| host);
    let url = format!("postgres://owner:first@{place}/ramz");
    let variables = [("DATABASE_URL", url.as_str()), ("PGUSER", "owner")];
    bash("migrate", &variables);
    // "`migrate --check` tells whether something is pending".
    bash(on(OPERATIONS, "migrate --check"), &variables);

    let page = Page::read(OPERATIONS);
    let sql = |begin: &str| {
        let mut blocks = page.blocks.iter();
        let block = blocks.find(|(kind, lines)| kind == "sql" && lines.starts_with(begin));
        block.expect("a statement").1.clone()
    };
    let mut owner = PgConnection::connect(&url).await.expect("connected");
    keys_of_before_go(&mut owner, &sql("SET lock_timeout")).await;
    let size: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql("SELECT pg_total")))
        .fetch_one(&mut owner)
        .await
        .expect("a size");
    assert_eq!(size, None, "no message yet");
    // The tables and columns that the runbooks send people to.
    for column in ["phone", "resent_ambiguous"] {
        on(
            RUNBOOKS,
            if column == "phone" {
                "table `sends`"
            } else {
                column
            },
        );
        let select = format!("SELECT {column} FROM sends");
        sqlx::query(AssertSqlSafe(select))
            .fetch_all(&mut owner)
            .await
            .expect("a column");
    }
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM pg_settings WHERE name IN ('wal_compression', 'synchronous_standby_names') AND (enumvals IS NULL OR 'lz4' = ANY (enumvals))")
        .fetch_all(&mut owner).await.expect("settings");
    on(OPERATIONS, "wal_compression = lz4");
    on(OPERATIONS, "synchronous_standby_names");
    assert_eq!(names.len(), 2, "{names:?}");

    for setting in [
        "commit_delay = 1000",
        "commit_siblings = 2",
        "synchronous_commit = off",
    ] {
        let set = format!("SET {}", on(OPERATIONS, setting));
        sqlx::query(AssertSqlSafe(set))
            .execute(&mut admin)
            .await
            .expect("a setting");
    }

    // Another password, as the page of compose changes it.
    let change = on(
        COMPOSE,
        "ALTER ROLE ramz PASSWORD '$(cat secrets/postgres_password)';",
    );
    let change = change
        .replace("ROLE ramz", "ROLE owner")
        .replace("$(cat secrets/postgres_password)", "second");
    sqlx::query(AssertSqlSafe(change))
        .execute(&mut admin)
        .await
        .expect("changed");
    // "psql with DATABASE_URL", as the runbooks name it.
    let url = url.replace("first", "second");
    let counted = bash(
        r#"psql "$DATABASE_URL" --no-psqlrc -tAc "SELECT count(*) FROM sends""#,
        &[("DATABASE_URL", &url)],
    );
    assert_eq!(counted.trim(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_after_an_install_answers_as_the_page_says() {
    let production = Production::start(1, &[]).await;
    let commands = Page::read(OPERATIONS).console();
    let command = |start: &str| {
        let found = commands.iter().find(|command| command.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start}")).clone()
    };
    let url = production.url();
    let number = "09123456789";
    let at_home = |command: String| {
        command
            .replace("http://127.0.0.1:8000", &url)
            .replace("https://id.example.com", &url)
            .replace("YOUR NUMBER", number)
    };
    let ready = bash(&at_home(command("curl -fsS")), &[]);
    assert_eq!(
        ready.trim(),
        on(
            OPERATIONS,
            r#"{"status":"ok","hot_state":"ok","records":"ok"}"#
        )
    );
    on(RUNBOOKS, "curl http://127.0.0.1:8000/readyz");
    let asked = bash(&at_home(command("curl -sS")), &[]);
    assert!(asked.contains("session_id"), "{asked}");
    production.simulator.wait_for_code(number).await;

    let settings: Vec<(&str, &str)> = production
        .settings()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    // "must end with a message that was taken or delivered".
    let why = at_home(command("api why"));
    let told = eventually(PATIENCE, async || {
        let told = bash(&why, &settings);
        told.trim_end()
            .lines()
            .last()
            .is_some_and(|last| last.contains("took it"))
            .then_some(told)
    });
    assert!(told.await.contains("1 worker seen"));
    let json: serde_json::Value =
        serde_json::from_str(&bash(&format!("{why} --json"), &settings)).expect("JSON");
    assert!(json["conclusion"]["code"].is_string());

    for (metrics, names) in [
        (
            &production.api_metrics,
            ["ramz_queue_consumers 1", "ramz_store_up"].as_slice(),
        ),
        (
            &production.worker_metrics[0],
            ["ramz_gateway_credit_rials", "ramz_gateway_debugmode 0"].as_slice(),
        ),
    ] {
        let line = on(OPERATIONS, "curl http://127.0.0.1:9464/metrics")
            .replace("http://127.0.0.1:9464/metrics", metrics);
        for name in names {
            eventually(PATIENCE, async || {
                bash(&format!("{line} -s"), &[])
                    .contains(name)
                    .then_some(())
            })
            .await;
        }
    }
}

#[test]
fn the_pages_can_be_served_elsewhere_by_the_command_of_the_runbooks() {
    let page = Page::read(RUNBOOKS);
    let sed = page
        .spans
        .iter()
        .find(|span| span.starts_with("sed -i"))
        .expect("the command");
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("prometheus/rules");
    std::fs::create_dir_all(&rules).expect("made");
    for entry in std::fs::read_dir(project("prometheus/rules")).expect("the rules") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, rules.join(path.file_name().expect("a name"))).expect("copied");
    }
    bash(&format!("cd {} && {sed}", folder.path().display()), &[]);
    let lines = |folder: &Path, text: &str| {
        let files = std::fs::read_dir(folder).expect("the rules");
        let texts = files
            .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a file"));
        texts
            .map(|rules| rules.matches(text).count())
            .sum::<usize>()
    };
    let before = lines(&project("prometheus/rules"), "docs/runbooks.md#");
    assert!(before > 40, "{before}");
    assert_eq!(lines(&rules, "docs/runbooks.md"), 0);
    assert_eq!(
        lines(&rules, "https://wiki.example.ir/ramz-runbooks#"),
        before
    );
}

/// From a ledger that came from 0.1.0, and from one that has none any more.
async fn keys_of_before_go(owner: &mut PgConnection, by_hand: &str) {
    let keys_of_before = "ALTER TABLE sends ADD PRIMARY KEY (challenge_id, send_number), \
         ADD UNIQUE (messageid), REPLICA IDENTITY DEFAULT";
    sqlx::query(keys_of_before)
        .execute(&mut *owner)
        .await
        .expect("keys");
    for keys in [2_i64, 0] {
        let left = "SELECT COUNT(*) FROM pg_constraint WHERE conrelid = 'sends'::regclass AND contype IN ('p', 'u')";
        let left: i64 = sqlx::query_scalar(left)
            .fetch_one(&mut *owner)
            .await
            .expect("a count");
        assert_eq!(left, keys);
        sqlx::raw_sql(AssertSqlSafe(by_hand.to_owned()))
            .execute(&mut *owner)
            .await
            .expect("taken away");
    }
}
