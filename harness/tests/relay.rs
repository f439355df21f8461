//! The relay cuts, comes back, and leads to another server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use harness::Relay;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends its letter for each byte that it gets.
async fn server(letter: u8) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a server");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while stream.read_u8().await.is_ok() {
                    if stream.write_u8(letter).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn answer(stream: &mut TcpStream) -> io::Result<u8> {
    stream.write_u8(b'?').await?;
    stream.read_u8().await
}

#[tokio::test]
async fn a_closed_relay_refuses_cuts_and_comes_back() {
    let mut relay = Relay::start(server(b'a').await.to_string()).await;
    let mut stream = TcpStream::connect(relay.address()).await.expect("a server");
    assert_eq!(answer(&mut stream).await.expect("a server"), b'a');

    relay.close().await;
    let refused = TcpStream::connect(relay.address())
        .await
        .expect_err("refused");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(answer(&mut stream).await.is_err());

    relay.open().await;
    assert!(TcpStream::connect(relay.address()).await.is_ok());
}

#[tokio::test]
async fn a_relay_leads_new_connections_elsewhere_and_leaves_the_old_ones() {
    let (first, second) = (server(b'a').await, server(b'b').await);
    let relay = Relay::start(first.to_string()).await;
    let mut old = TcpStream::connect(relay.address()).await.expect("a server");
    assert_eq!(answer(&mut old).await.expect("a server"), b'a');
    relay.lead_to(second.to_string());
    let mut new = TcpStream::connect(relay.address()).await.expect("a server");
    assert_eq!(answer(&mut new).await.expect("a server"), b'b');
    assert_eq!(answer(&mut old).await.expect("a server"), b'a');
}
