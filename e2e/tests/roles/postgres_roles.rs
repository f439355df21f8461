//! What PostgreSQL lets each program do.

use std::fs;
use std::path::Path;

use e2e::PATIENCE;
use e2e::roles::{API, WORKER, database_url_of};
use harness::Process;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::{OWNER, connect, installed, migrate, project};

const CONSOLE: &str = "ramz_console";

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
