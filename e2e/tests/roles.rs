//! Each program has a role of its own at the stores, made by what `scripts/` has for installations, and
//! is refused what it must not do. That each does its whole work under its role is shown by all tests of
//! `Production`, which starts the programs so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::roles::{API, WORKER, database_url_of, redis_url_of, redis_with_roles};
use e2e::{PATIENCE, Production, Secrets, SimulatorProcess, Stores};
use harness::{PostgresServer, Process, RedisServer};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

const OWNER: &str = "ramz_owner";
const CONSOLE: &str = "ramz_console";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The secrets that `scripts/make-secrets` makes, in a folder of the test's own.
fn make_secrets(folder: &Path) -> PathBuf {
    let scripts = folder.join("scripts");
    fs::create_dir_all(scripts.join("roles")).expect("a folder");
    for name in ["make-secrets", "roles/redis.acl", "roles/postgres.sql"] {
        fs::copy(project().join("scripts").join(name), scripts.join(name)).expect("copied");
    }
    let made = Command::new(scripts.join("make-secrets"))
        .arg("--demo")
        .output()
        .expect("it runs");
    assert!(made.status.success(), "{made:?}");
    folder.join("secrets")
}

async fn migrate(database_url: &str) {
    let mut migrate = Process::ramz("migrate")
        .env("DATABASE_URL", database_url)
        .start();
    let status = migrate.wait(PATIENCE).await;
    assert!(status.success(), "{}", migrate.log());
}

/// A server and a database as an installation has them: the operator's script, then `migrate` as the owner.
async fn installed() -> (PostgresServer, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = make_secrets(folder.path());
    let postgres = PostgresServer::start_without_fsync().await;
    let database = postgres.create_database().await;
    run_script(&postgres, &database, &secrets).await;
    migrate(&database_url_of(OWNER, &database)).await;
    (postgres, database)
}

async fn run_script(postgres: &PostgresServer, database: &str, secrets: &Path) {
    let secrets = secrets.to_str().expect("UTF-8");
    let file = project().join("scripts/roles/postgres.sql");
    let told = postgres
        .run_script(database, &file, &[("SECRETS", secrets)])
        .await;
    assert!(!told.contains("postgres://"), "{told}");
}

async fn connect(role: &str, database: &str) -> PgConnection {
    PgConnection::connect(&database_url_of(role, database))
        .await
        .expect("connected")
}

/// The code of the refusal, or nothing if the server did it.
async fn refusal(connection: &mut PgConnection, statement: &str) -> Option<String> {
    match connection
        .execute(AssertSqlSafe(statement.to_owned()))
        .await
    {
        Ok(_) => None,
        Err(sqlx::Error::Database(error)) => error.code().map(|code| code.to_string()),
        Err(error) => panic!("{statement}: {error}"),
    }
}

/// What no program may do.
const NOBODY: [&str; 13] = [
    "DROP TABLE sends",
    "TRUNCATE users CASCADE",
    "ALTER TABLE users ADD COLUMN more TEXT",
    "CREATE TABLE mine (id BIGINT)",
    "CREATE TEMPORARY TABLE mine (id BIGINT)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "SET ROLE ramz_owner",
    "SET ROLE ramz",
    "INSERT INTO _sqlx_migrations SELECT * FROM _sqlx_migrations",
    "UPDATE audit_log SET action = ''",
    "COPY users TO PROGRAM 'cat'",
    "SELECT pg_read_file('postgresql.conf')",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_a_44_postgres_refuses_each_role_what_its_program_does_not_do() {
    let (_postgres, database) = installed().await;
    let of_role: [(&str, &[&str]); 3] = [
        (
            API,
            &[
                "DELETE FROM users",
                "DELETE FROM challenge_uses",
                "UPDATE challenge_uses SET used_at = now()",
                "SELECT * FROM audit_log",
                "DELETE FROM audit_log",
                "INSERT INTO sends SELECT * FROM sends",
                "UPDATE sends SET state = 'not_sent'",
                "UPDATE sends SET cost_rials = 0",
                "DELETE FROM sends",
                "UPDATE totp_credentials SET last_step = 0",
                "INSERT INTO totp_credentials SELECT * FROM totp_credentials",
            ],
        ),
        (
            WORKER,
            &[
                "SELECT password_hash FROM users",
                "SELECT email FROM users",
                "SELECT id FROM users",
                "UPDATE users SET blocked_at = NULL",
                "SELECT * FROM totp_credentials",
                "SELECT * FROM refresh_tokens",
                "SELECT * FROM sessions",
                "SELECT * FROM step_sessions",
                "SELECT * FROM audit_log",
                "SELECT * FROM phone_moves",
                "INSERT INTO challenge_uses SELECT * FROM challenge_uses",
                "UPDATE users SET is_superuser = TRUE",
                "UPDATE sessions SET revoked_at = NULL",
                "SELECT user_id FROM sessions",
                "SELECT challenge_id FROM challenge_uses",
                "DELETE FROM users",
                "DELETE FROM refresh_tokens",
                "UPDATE notices SET phone = ''",
            ],
        ),
        (
            CONSOLE,
            &[
                "SELECT password_hash FROM users",
                "SELECT * FROM users",
                "SELECT * FROM refresh_tokens",
                "SELECT * FROM step_sessions",
                "DELETE FROM totp_credentials",
                "DELETE FROM sessions",
                "UPDATE sessions SET expires_at = now()",
                "INSERT INTO staff_links SELECT * FROM staff_links",
                "INSERT INTO users SELECT * FROM users",
                "UPDATE users SET is_superuser = TRUE",
                "UPDATE users SET phone = NULL",
                "UPDATE users SET password_hash = NULL",
                "UPDATE sessions SET user_id = user_id",
                "UPDATE sends SET phone = NULL",
                "DELETE FROM audit_log",
            ],
        ),
    ];
    let mut superuser = PgConnection::connect(&database).await.expect("connected");
    superuser
        .execute("ALTER ROLE ramz_console LOGIN")
        .await
        .expect("for this test");
    for (role, statements) in of_role {
        let mut connection = connect(role, &database).await;
        for statement in NOBODY.iter().chain(statements) {
            let code = refusal(&mut connection, statement).await;
            assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}");
        }
        if role == WORKER {
            uses_of_codes_outlive_a_worker(&mut superuser, &mut connection).await;
        }
        connection
            .execute("SELECT version FROM _sqlx_migrations")
            .await
            .expect("every program looks at the schema");
    }
    let mut owner = connect(OWNER, &database).await;
    for statement in [
        "CREATE ROLE mine",
        "COPY users TO PROGRAM 'cat'",
        "SET ROLE ramz",
    ] {
        let code = refusal(&mut owner, statement).await;
        assert_eq!(code.as_deref(), Some("42501"), "{OWNER}: {statement}");
    }
    let stranger = "CREATE ROLE stranger LOGIN";
    superuser.execute(stranger).await.expect("made");
    PgConnection::connect(&database_url_of("stranger", &database))
        .await
        .expect_err("anyone who has no role of Ramz does not get in");
}

/// Not even a worker that somebody has taken over lets a code work twice; what is too old goes by its age, and
/// nothing else of it is seen.
async fn uses_of_codes_outlive_a_worker(superuser: &mut PgConnection, worker: &mut PgConnection) {
    let young = "DELETE FROM challenge_uses WHERE used_at > now() - INTERVAL '1 hour'";
    superuser
        .execute(
            "INSERT INTO challenge_uses (challenge_id, purpose, used_at) \
             VALUES (decode(repeat('00', 16), 'hex'), 'sign_in', now()), \
             (decode(repeat('11', 16), 'hex'), 'sign_in', now() - INTERVAL '2 days')",
        )
        .await
        .expect("two uses");
    let code = refusal(worker, young).await;
    assert_eq!(code.as_deref(), Some("42501"), "{young}");
    for old in [
        "DELETE FROM sessions WHERE expires_at < now()",
        "DELETE FROM challenge_uses WHERE used_at < now() - INTERVAL '1 day'",
        "DELETE FROM audit_log WHERE at < now()",
    ] {
        assert_eq!(refusal(worker, old).await, None, "{old}");
    }
}

/// A role that has more from elsewhere loses it, and a table that comes later is granted with the next run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_migrate_gives_each_role_what_it_may_do_and_nothing_else() {
    let (_postgres, database) = installed().await;
    let mut superuser = PgConnection::connect(&database).await.expect("connected");
    for statement in [
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO ramz_worker",
        "GRANT SELECT (password_hash) ON users TO ramz_console",
        "REVOKE ALL ON sends FROM ramz_worker",
    ] {
        superuser.execute(statement).await.expect("done by hand");
    }
    let mut worker = connect(WORKER, &database).await;
    assert_eq!(refusal(&mut worker, "SELECT * FROM users").await, None);
    let sends = "SELECT * FROM sends";
    assert_eq!(refusal(&mut worker, sends).await.as_deref(), Some("42501"));

    // Anyone who may look at the schema and does not own it cannot give anything away, and is told who can.
    for statement in [
        "CREATE ROLE other LOGIN IN ROLE ramz_api",
        "GRANT CREATE ON SCHEMA public TO other",
    ] {
        superuser.execute(statement).await.expect("made");
    }
    let mut other = Process::ramz("migrate")
        .env("DATABASE_URL", database_url_of("other", &database))
        .start();
    assert!(!other.wait(PATIENCE).await.success());
    let told = other.log();
    assert!(
        told.contains("run `migrate` as the owner of the tables"),
        "{told}"
    );

    migrate(&database_url_of(OWNER, &database)).await;
    let users = refusal(&mut worker, "SELECT * FROM users").await;
    assert_eq!(users.as_deref(), Some("42501"));
    assert_eq!(refusal(&mut worker, sends).await, None);
    let hashes: bool = sqlx::query_scalar(
        "SELECT has_column_privilege('ramz_console', 'users', 'password_hash', 'SELECT')",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("an answer");
    assert!(!hashes);
}

/// Every table is somebody's: one that a migration brings and nobody thought of here would be closed for
/// the program that it was made for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_every_table_and_every_write_of_the_programs_is_granted_to_a_role() {
    let (_postgres, database) = installed().await;
    let mut owner = connect(OWNER, &database).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relkind = 'r'",
    )
    .fetch_all(&mut owner)
    .await
    .expect("tables");
    assert!(tables.len() > 10);
    let sources = sources(&project().join("shared/src/records"));
    for table in tables {
        for (words, verb) in [
            ("INSERT INTO", "INSERT"),
            ("UPDATE", "UPDATE"),
            ("DELETE FROM", "DELETE"),
            ("FROM", "SELECT"),
        ] {
            let needle = format!("{words} {table}");
            let written = sources.match_indices(&needle).any(|(at, _)| {
                let next = sources[at + needle.len()..].chars().next();
                next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
            });
            if !written {
                continue;
            }
            let granted: bool = sqlx::query_scalar(
                "SELECT bool_or(has_any_column_privilege(role, $1, $2)) \
                 FROM unnest(ARRAY['ramz_api', 'ramz_worker', 'ramz_console']) AS role",
            )
            .bind(&table)
            .bind(if verb == "DELETE" { "SELECT" } else { verb })
            .fetch_one(&mut owner)
            .await
            .expect("an answer");
            let removed: bool = sqlx::query_scalar(
                "SELECT bool_or(has_table_privilege(role, $1, 'DELETE')) \
                 FROM unnest(ARRAY['ramz_api', 'ramz_worker', 'ramz_console']) AS role",
            )
            .bind(&table)
            .fetch_one(&mut owner)
            .await
            .expect("an answer");
            assert!(
                granted && (verb != "DELETE" || removed),
                "no role may {verb} {table}: migrations/src/roles.rs"
            );
        }
    }
}

/// All Rust texts of a folder, with the line breaks inside of SQL taken out.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all += &sources(&path);
        } else {
            all += &fs::read_to_string(&path).expect("a file");
        }
    }
    let words: Vec<&str> = all
        .split_whitespace()
        .filter(|word| *word != "\\")
        .collect();
    words.join(" ")
}

async fn ask(url: &str, words: &[&str]) -> redis::RedisResult<redis::Value> {
    let client = redis::Client::open(url).expect("an address");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("connected");
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async(&mut connection).await
}

async fn assert_refused(redis: &RedisServer, role: &str, words: &[&str]) {
    let answer = ask(&redis_url_of(role, &redis.url()), words).await;
    let error = answer.expect_err(&format!("{role}: {words:?}"));
    let told = error.to_string();
    assert!(
        error.code() == Some("NOPERM")
            || told.contains("NOPERM")
            || told.contains("executing the script can't"),
        "{role}: {words:?}: {told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_a_36_redis_refuses_each_user_what_its_program_does_not_do() {
    let redis = redis_with_roles().await;
    let nobody: [&[&str]; 30] = [
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["RANDOMKEY"],
        &["DBSIZE"],
        &["CONFIG", "GET", "*"],
        &["CONFIG", "SET", "dir", "/tmp"],
        &["SHUTDOWN", "NOSAVE"],
        &["CLIENT", "PAUSE", "1"],
        &["ACL", "LIST"],
        &["ACL", "SETUSER", "ramz_api", "+@all"],
        &["CLIENT", "LIST"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["REPLICAOF", "NO", "ONE"],
        &["SAVE"],
        &["BGREWRITEAOF"],
        &["MODULE", "LIST"],
        &["SCRIPT", "FLUSH"],
        &["FUNCTION", "FLUSH"],
        &["EVAL", "return 1", "0"],
        &["SWAPDB", "0", "1"],
        &["MIGRATE", "127.0.0.1", "1", "{ramz}:jobs", "0", "1"],
        &["RESTORE", "{ramz}:x", "0", "x"],
        &["SORT", "{ramz}:workers"],
        &["PUBLISH", "x", "x"],
        &["MONITOR"],
        &["LATENCY", "RESET"],
        &["GET", "another:key"],
        &["SET", "another:key", "x"],
    ];
    for role in [API, WORKER] {
        for words in nobody {
            assert_refused(&redis, role, words).await;
        }
    }
    // The worker takes jobs, the API counts.
    let group = [
        "XREADGROUP",
        "GROUP",
        "g",
        "c",
        "STREAMS",
        "{ramz}:jobs",
        ">",
    ];
    assert_refused(&redis, API, &group).await;
    for key in [
        "{ramz}:s:98912",
        "{ramz}:fp:98912",
        "{ramz}:fa:1",
        "{ramz}:a:1",
        "{ramz}:r:9",
    ] {
        assert_refused(&redis, WORKER, &["GET", key]).await;
        assert_refused(&redis, WORKER, &["DEL", key]).await;
    }
    // A script may do no more than the user who calls it.
    let scripts: [(&str, &str, &str); 3] = [
        (API, "return redis.call('KEYS', '*')", "KEYS"),
        (
            API,
            "return redis.call('GET', 'another:key')",
            "a key of others",
        ),
        (
            WORKER,
            "return redis.call('GET', '{ramz}:fp:98912')",
            "a lock",
        ),
    ];
    for (role, script, what) in scripts {
        let url = redis_url_of(role, &redis.url());
        let hash: String = redis::from_redis_value(
            ask(&url, &["SCRIPT", "LOAD", script])
                .await
                .expect("loaded"),
        )
        .expect("a hash");
        println!("{role}: a script and {what}");
        assert_refused(&redis, role, &["EVALSHA", &hash, "0"]).await;
    }
    ask(&redis.url(), &["PING"]).await.expect("it still runs");
}

/// A script that is changed may call a command that its program's user may not: it would fail where people
/// sign in, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_redis_lets_each_program_run_every_command_of_its_scripts() {
    let redis = redis_with_roles().await;
    let folders = [
        (API, "shared/src/hot_state/redis"),
        (WORKER, "shared/src/queue/redis_feed"),
    ];
    let mut seen = 0;
    for (role, folder) in folders {
        for command in commands_of_scripts(&project().join(folder)) {
            // Another number of arguments than it takes is no matter of rights.
            let asked = ["ACL", "DRYRUN", role, &command, "{ramz}:jobs", "x", "x"];
            let told = format!("{:?}", ask(&redis.url(), &asked).await);
            assert!(
                !told.contains("no permissions to run"),
                "{role}: {command}: scripts/roles/redis.acl: {told}"
            );
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
    let refused = ["ACL", "DRYRUN", API, "SADD", "{ramz}:x", "x"];
    let told = format!("{:?}", ask(&redis.url(), &refused).await);
    assert!(told.contains("no permissions to run"), "{told}");
}

/// What `redis.call` is called with in the scripts of a folder.
fn commands_of_scripts(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|kind| kind != "lua") {
            continue;
        }
        let script = fs::read_to_string(&path).expect("a script");
        for call in ["redis.call(", "redis.pcall("] {
            for (at, _) in script.match_indices(call) {
                let rest = &script[at + call.len()..];
                let name: String = rest
                    .trim_start_matches(['\'', '"'])
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .collect();
                found.insert(name);
            }
        }
    }
    found
}

/// The rules of `make-secrets` are those that are tested above, with hashes in the place of passwords.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_what_make_secrets_writes_lets_each_program_in_by_its_own_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = make_secrets(folder.path());
    let read = |name: &str| fs::read_to_string(secrets.join(name)).expect("a secret");
    let users = read("redis_users");
    let of_programs: Vec<&str> = users
        .lines()
        .filter(|line| !line.starts_with("user default "))
        .collect();
    let of_programs = of_programs.join("\n") + "\n";
    assert!(
        users.lines().count() == 3 && !users.contains("#API"),
        "{users}"
    );
    let redis = RedisServer::start_with_users(&of_programs).await;
    for name in ["api_redis_url", "worker_redis_url"] {
        let url = read(name).replace("@redis:6379", &format!("@{}", redis.address()));
        let user = redis::Client::open(url.trim()).expect("an address");
        let mut connection = user
            .get_multiplexed_async_connection()
            .await
            .expect("let in");
        let _: String = redis::cmd("PING")
            .query_async(&mut connection)
            .await
            .expect("an answer");
    }
    let mut passwords: Vec<String> = Vec::new();
    for name in [
        "migrate_database_url",
        "api_database_url",
        "worker_database_url",
        "console_database_url",
        "api_redis_url",
        "worker_redis_url",
    ] {
        let url = read(name);
        let (_, rest) = url.split_once("//").expect("a URL");
        let (login, _) = rest.split_once('@').expect("a login");
        let (_, password) = login.split_once(':').expect("a password");
        assert_eq!(password.len(), 64, "{name}");
        passwords.push(password.to_owned());
    }
    passwords.push(read("postgres_password").trim().to_owned());
    passwords.push(read("redis_password").trim().to_owned());
    passwords.sort();
    passwords.dedup();
    assert_eq!(passwords.len(), 8, "no two are the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_an_installation_with_one_superuser_goes_on_and_can_be_brought_over() {
    goes_on_and_is_brought_over("ramz").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_so_can_one_with_an_owner_who_has_no_other_right() {
    goes_on_and_is_brought_over("plain_owner").await;
}

/// An installation of before: one role owns everything and all programs use it. It goes on working as
/// it is, and `scripts/roles/postgres.sql` brings it over while it runs.
async fn goes_on_and_is_brought_over(old_owner: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = make_secrets(folder.path());
    let (redis, postgres, simulator) = tokio::join!(
        RedisServer::start(),
        PostgresServer::start_without_fsync(),
        SimulatorProcess::start()
    );
    let database = postgres.create_database().await;
    if old_owner != "ramz" {
        let mut superuser = PgConnection::connect(&database).await.expect("connected");
        let name = database.rsplit('/').next().expect("a name");
        for statement in [
            format!("CREATE ROLE {old_owner} LOGIN"),
            format!("ALTER DATABASE {name} OWNER TO {old_owner}"),
        ] {
            let statement = sqlx::query(AssertSqlSafe(statement));
            statement.execute(&mut superuser).await.expect("made");
        }
    }
    let old_url = database.replacen("//ramz@", &format!("//{old_owner}@"), 1);
    migrate(&old_url).await;
    let keys = Secrets::generate();
    let address = format!("127.0.0.1:{}", harness::free_port());
    let of_both = |command: harness::ProcessCommand| {
        command
            .env("DATABASE_URL", &old_url)
            .env("REDIS_URL", redis.url())
            .env("OTP_KEY", &keys.otp_key)
            .env("KAVENEGAR_TEMPLATE", "ramz-otp")
            .env(
                "METRICS_LISTEN",
                format!("127.0.0.1:{}", harness::free_port()),
            )
    };
    let mut api = of_both(Process::ramz("api"))
        .env("JWT_PRIVATE_KEY", &keys.jwt_private_key)
        .env("LISTEN", &address)
        .env("PUBLIC_URL", format!("http://{address}"))
        .start();
    let mut worker = of_both(Process::ramz("worker"))
        .env("KAVENEGAR_API_KEY", &keys.api_key)
        .env("KAVENEGAR_URL", simulator.url())
        .start();
    harness::wait_for_http(&format!("http://{address}/readyz"), PATIENCE).await;
    let client = e2e::Client::new(format!("http://{address}"));
    sign_in(&client, &simulator, "09121110001").await;

    run_script(&postgres, &database, &secrets).await;
    migrate(&database_url_of(OWNER, &database)).await;
    sign_in(&client, &simulator, "09121110002").await;
    for process in [&mut api, &mut worker] {
        process.terminate();
        assert!(process.wait(PATIENCE).await.success());
    }
    let mut owner = connect(OWNER, &database).await;
    let of_others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relowner <> 'ramz_owner'::regrole AND relkind = 'r'",
    )
    .fetch_one(&mut owner)
    .await
    .expect("a count");
    assert_eq!(of_others, 0);

    let stores = Stores {
        redis,
        postgres,
        database_url: database,
    };
    let mut production = Production::start_on(stores, simulator, keys, 1, &[]).await;
    sign_in(&production.client(), &production.simulator, "09121110003").await;
    let roles: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT usename::text FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY 1",
    )
    .fetch_all(
        &mut PgConnection::connect(&production.database_url)
            .await
            .expect("connected"),
    )
    .await
    .expect("roles");
    assert!(
        roles.iter().any(|role| role == API) && roles.iter().any(|role| role == WORKER),
        "{roles:?}"
    );
    assert!(!roles.iter().any(|role| role == "ramz"), "{roles:?}");
    production.stop().await;
}

async fn sign_in(client: &e2e::Client, simulator: &SimulatorProcess, number: &str) {
    let asked = client.ask(number).await.expect("accepted");
    let code = simulator.wait_for_code(number).await;
    client
        .verify(&asked.session_id, &code)
        .await
        .expect("signed in");
}
