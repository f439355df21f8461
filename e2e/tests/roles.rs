//! Each program has a role of its own at the stores, made by what `scripts/` has for installations, and
//! is refused what it must not do. That each does its whole work under its role is shown by all tests of
//! `Production`, which starts the programs so.

mod old_installation;
mod postgres_roles;
mod redis_users;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::PATIENCE;
use e2e::roles::database_url_of;
use harness::{PostgresServer, Process};
use sqlx::{Connection as _, PgConnection};

const OWNER: &str = "ramz_owner";

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
