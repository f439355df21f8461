//! The PostgreSQL server of the harness.

use std::{fs, time::Duration};

use harness::{PostgresServer, eventually};
use sqlx::{Connection as _, PgConnection};

/// Bounds a failing test only.
const LONG: Duration = Duration::from_mins(1);

async fn connect(url: &str) -> sqlx::Result<PgConnection> {
    PgConnection::connect(url).await
}

async fn write_row(url: &str, value: &str) -> sqlx::Result<()> {
    let mut connection = connect(url).await?;
    sqlx::query("CREATE TABLE kept (value text)")
        .execute(&mut connection)
        .await?;
    sqlx::query("INSERT INTO kept VALUES ($1)")
        .bind(value)
        .execute(&mut connection)
        .await?;
    Ok(())
}

async fn read_row(url: &str) -> sqlx::Result<String> {
    sqlx::query_scalar("SELECT value FROM kept")
        .fetch_one(&mut connect(url).await?)
        .await
}

async fn setting(server: &PostgresServer, name: &str) -> sqlx::Result<String> {
    sqlx::query_scalar("SELECT current_setting($1)")
        .bind(name)
        .fetch_one(&mut connect(&server.url()).await?)
        .await
}

#[tokio::test]
async fn committed_rows_survive_a_kill() {
    let mut server = PostgresServer::start().await;
    let (port, first_pid) = (server.port(), server.pid());
    let url = server.create_database().await;
    write_row(&url, "kept").await.unwrap();

    server.kill();
    assert!(connect(&url).await.is_err());
    server.restart().await;

    assert_eq!(read_row(&url).await.unwrap(), "kept");
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), first_pid);
    assert!(
        server.log().contains("was not properly shut down"),
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn a_kill_takes_the_busy_backends_too() {
    let mut server = PostgresServer::start().await;
    let mut connection = connect(&server.url()).await.unwrap();
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();

    server.kill();

    let left = fs::read_to_string(format!("/proc/{backend}/stat")).unwrap_or_default();
    assert!(left.is_empty() || left.contains(") Z "), "{left}");
    assert!(
        sqlx::query("SELECT 1")
            .execute(&mut connection)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn committed_rows_survive_an_immediate_stop() {
    let mut server = PostgresServer::start().await;
    let url = server.create_database().await;
    write_row(&url, "kept").await.unwrap();

    server.stop_immediate().await;
    server.restart().await;

    assert_eq!(read_row(&url).await.unwrap(), "kept");
    assert!(
        server.log().contains("received immediate shutdown request"),
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn two_servers_and_two_databases_do_not_share_data() {
    let (first, second) = tokio::join!(
        PostgresServer::start(),
        PostgresServer::start_without_fsync()
    );
    let (one, other) = tokio::join!(first.create_database(), first.create_database());
    let far = second.create_database().await;

    // The same table in each: a shared database would refuse the second one.
    for (url, value) in [(&one, "one"), (&other, "other"), (&far, "far")] {
        write_row(url, value).await.unwrap();
    }

    assert_eq!(read_row(&one).await.unwrap(), "one");
    assert_eq!(read_row(&other).await.unwrap(), "other");
    assert_eq!(read_row(&far).await.unwrap(), "far");
    assert_eq!(setting(&first, "fsync").await.unwrap(), "on");
    assert_eq!(setting(&second, "fsync").await.unwrap(), "off");
}

#[tokio::test]
async fn a_paused_server_answers_after_it_is_resumed() {
    let mut server = PostgresServer::start().await;
    let mut connection = connect(&server.url()).await.unwrap();
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();

    server.pause();
    for pid in [backend.to_string(), server.pid().to_string()] {
        let stat = format!("/proc/{pid}/stat");
        eventually(LONG, async || {
            fs::read_to_string(&stat)
                .unwrap()
                .contains(") T ")
                .then_some(())
        })
        .await;
    }
    server.resume();

    let answer: i32 = sqlx::query_scalar("SELECT 42")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(answer, 42);
}

#[tokio::test]
async fn the_dump_has_the_rows_of_its_database_only() {
    let server = PostgresServer::start().await;
    let (one, other) = (
        server.create_database().await,
        server.create_database().await,
    );
    write_row(&one, "a row to look for").await.unwrap();

    assert!(server.dump(&one).await.contains("a row to look for"));
    assert!(!server.dump(&other).await.contains("a row to look for"));
}

#[tokio::test]
async fn a_dropped_server_leaves_no_process_and_no_files() {
    let server = PostgresServer::start().await;
    let mut connection = connect(&server.url()).await.unwrap();
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let data: String = sqlx::query_scalar("SHOW data_directory")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let postmaster = server.pid();
    assert!(fs::exists(&data).unwrap());

    drop(server);

    assert!(!fs::exists(format!("/proc/{postmaster}")).unwrap());
    let left = fs::read_to_string(format!("/proc/{backend}/stat")).unwrap_or_default();
    assert!(left.is_empty() || left.contains(") Z "), "{left}");
    assert!(!fs::exists(&data).unwrap());
}
