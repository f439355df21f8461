//! Counts how often a client waits for PostgreSQL.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::Stage;

/// The code of a request for TLS, in the place of a version (PostgreSQL's manual, message formats).
const TLS_REQUEST: u32 = 80_877_103;

/// A relay that counts. Its connections end with the test.
pub(crate) struct RoundTrips(Arc<AtomicU64>);

impl RoundTrips {
    /// A stage whose calls are counted.
    pub(crate) async fn stage() -> (Stage, Self) {
        let count = Arc::new(AtomicU64::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stage, server) = Stage::through(&address.to_string()).await;
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, counted) = (server.clone(), Arc::clone(&counted));
                tokio::spawn(async move { relay(client, &server, &counted).await });
            }
        });
        (stage, Self(count))
    }

    /// Messages after which a client waits: a query, or the end of what belongs together.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

async fn relay(client: TcpStream, server: &str, count: &AtomicU64) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let asked = questions(from_client, to_server, count).await;
    answers.abort();
    asked
}

async fn questions(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    count: &AtomicU64,
) -> io::Result<()> {
    // The first messages have no type.
    loop {
        let length = client.read_u32().await?;
        let code = client.read_u32().await?;
        let mut rest = vec![0; length as usize - 8];
        client.read_exact(&mut rest).await?;
        server.write_u32(length).await?;
        server.write_u32(code).await?;
        server.write_all(&rest).await?;
        if code != TLS_REQUEST {
            break;
        }
    }
    loop {
        let sort = client.read_u8().await?;
        let length = client.read_u32().await?;
        let mut rest = vec![0; length as usize - 4];
        client.read_exact(&mut rest).await?;
        if matches!(sort, b'Q' | b'S') {
            count.fetch_add(1, Ordering::SeqCst);
        }
        server.write_u8(sort).await?;
        server.write_u32(length).await?;
        server.write_all(&rest).await?;
    }
}
