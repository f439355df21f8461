//! A Redis that is too old is known by what it says.

use std::net::{Ipv4Addr, SocketAddr};

use domain::clock::Clock;
use harness::RedisServer;
use shared::hot_state::HotState;
use shared::redis_store::RedisStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A way to a server on which its answers say that it is of version 6.
async fn seen_as_old(server: String) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("a server");
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut answer = vec![0; 65_536];
                while let Ok(length @ 1..) = from_server.read(&mut answer).await {
                    let told = b"redis_version:";
                    let mut places = answer[..length].windows(told.len());
                    if let Some(place) = places.position(|bytes| bytes == told) {
                        answer[place + told.len()] = b'6';
                    }
                    if to_client.write_all(&answer[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn hot_state(url: &str) -> HotState {
    HotState::redis(
        RedisStore::connect(url).expect("an address"),
        Clock::system(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_before_7_0_is_a_problem_and_one_that_is_away_is_not_judged() {
    let server = RedisServer::start().await;
    assert_eq!(hot_state(&server.url()).version_problem().await, None);
    let old = seen_as_old(server.address()).await;
    let told = hot_state(&format!("redis://{old}/"))
        .version_problem()
        .await;
    let told = told.expect("a problem");
    assert!(told.contains("Redis 6.") && told.contains("7.0"), "{told}");
    let nobody = format!("redis://127.0.0.1:{}/", harness::free_port());
    assert_eq!(hot_state(&nobody).version_problem().await, None);
}

#[tokio::test]
async fn an_error_names_the_place_and_the_cause_and_no_password() {
    let port = harness::free_port();
    let nobody = format!("redis://:s3cret@127.0.0.1:{port}/");
    let error = hot_state(&nobody).ping().await.expect_err("nobody there");
    let told = error.to_string();
    assert!(told.contains(&format!("127.0.0.1:{port}")), "{told}");
    assert!(told.contains("refused"), "{told}");
    assert!(!told.contains("s3cret"), "{told}");

    let server = RedisServer::start().await;
    let with_a_password = server.url().replace("redis://", "redis://nobody:s3cret@");
    let error = hot_state(&with_a_password).ping().await;
    let told = error.expect_err("a wrong password").to_string();
    assert!(told.contains(&server.address()), "{told}");
    assert!(
        !told.contains("s3cret") && told.contains("password"),
        "{told}"
    );
}
