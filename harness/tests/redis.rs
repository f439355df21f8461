//! The Redis server of the harness.

use std::{fs, path::Path, time::Duration};

use harness::{RedisServer, eventually};
use redis::{AsyncCommands as _, RedisResult, aio::MultiplexedConnection};

/// Bounds a failing test only.
const LONG: Duration = Duration::from_mins(1);

async fn connect(server: &RedisServer) -> RedisResult<MultiplexedConnection> {
    redis::Client::open(server.url())?
        .get_multiplexed_async_connection()
        .await
}

async fn set(server: &RedisServer, value: &str) -> RedisResult<()> {
    connect(server).await?.set("key", value).await
}

async fn get(server: &RedisServer) -> RedisResult<Option<String>> {
    connect(server).await?.get("key").await
}

#[tokio::test]
async fn answered_writes_survive_a_kill() {
    let mut server = RedisServer::start().await;
    let (port, first_pid) = (server.port(), server.pid());
    set(&server, "kept").await.unwrap();

    server.kill();
    assert!(connect(&server).await.is_err());
    server.restart().await;

    assert_eq!(get(&server).await.unwrap().as_deref(), Some("kept"));
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), first_pid);
}

#[tokio::test]
async fn two_servers_at_once_do_not_share_data() {
    let (first, second) = tokio::join!(RedisServer::start(), RedisServer::start());
    set(&first, "first").await.unwrap();

    assert_eq!(get(&first).await.unwrap().as_deref(), Some("first"));
    assert_eq!(get(&second).await.unwrap(), None);
}

#[tokio::test]
async fn has_the_durability_of_production() {
    let server = RedisServer::start().await;
    let mut connection = connect(&server).await.unwrap();
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
        ("save", ""),
        ("bind", "127.0.0.1"),
    ] {
        let answer: Vec<String> = redis::cmd("CONFIG")
            .arg("GET")
            .arg(name)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(answer, [name, value]);
    }
}

#[tokio::test]
async fn a_paused_server_answers_after_it_is_resumed() {
    let mut server = RedisServer::start().await;
    let mut connection = connect(&server).await.unwrap();

    server.pause();
    let stat = format!("/proc/{}/stat", server.pid());
    eventually(LONG, async || {
        fs::read_to_string(&stat)
            .unwrap()
            .contains(") T ")
            .then_some(())
    })
    .await;
    // Accepted by the kernel, answered by nobody.
    let answer = tokio::spawn(async move { connection.set::<_, _, String>("key", "late").await });
    tokio::task::yield_now().await;
    assert!(!answer.is_finished());
    server.resume();

    assert_eq!(answer.await.unwrap().unwrap(), "OK");
    assert_eq!(get(&server).await.unwrap().as_deref(), Some("late"));
}

#[tokio::test]
async fn the_dump_has_what_was_written() {
    let server = RedisServer::start().await;
    set(&server, "a value to look for").await.unwrap();
    server.flush_aof().await;

    let found = server.dump_files().iter().any(|file| {
        String::from_utf8_lossy(&fs::read(file).unwrap()).contains("a value to look for")
    });
    assert!(found, "{:?}", server.dump_files());
}

#[tokio::test]
async fn a_server_outlives_the_thread_that_started_it() {
    let (server, thread) = std::thread::spawn(|| {
        let thread = Path::new("/proc").join(fs::read_link("/proc/thread-self").unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        (runtime.block_on(RedisServer::start()), thread)
    })
    .join()
    .unwrap();
    // Only then, after the join, the kernel tells the thread's children.
    eventually(LONG, async || (!thread.exists()).then_some(())).await;

    assert_eq!(get(&server).await.unwrap(), None);
}

#[tokio::test]
async fn a_dropped_server_leaves_no_process_and_no_files() {
    let server = RedisServer::start().await;
    let process = format!("/proc/{}", server.pid());
    let files = server.dump_files();
    assert!(!files.is_empty());

    drop(server);

    assert!(!fs::exists(process).unwrap());
    assert!(files.iter().all(|file| !file.exists()));
}
