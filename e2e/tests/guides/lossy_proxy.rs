//! A connection that breaks at the worst moment: the service has done what was asked, and the
//! answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::free_port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How a refresh begins. Clients write the head of a request in one piece.
const REFRESH: &[u8] = b"POST /api/v1/usr/token/refresh ";

/// Passes everything on, but for the answer to one refresh.
pub(crate) struct LossyProxy {
    url: String,
    refreshes: Arc<AtomicUsize>,
}

impl LossyProxy {
    /// In front of the service at this URL; the answer to refresh number `lost`, counted from 1,
    /// never arrives.
    pub(crate) async fn start(service: &str, lost: usize) -> Self {
        let target = service.trim_start_matches("http://").to_owned();
        let address = format!("127.0.0.1:{}", free_port());
        let listener = TcpListener::bind(&address).await.expect("a free port");
        let refreshes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&refreshes);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.expect("the service");
                tokio::spawn(pass_on(client, server, Arc::clone(&count), lost));
            }
        });
        Self {
            url: format!("http://{address}"),
            refreshes,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many refreshes there were so far.
    pub(crate) fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }
}

/// Ends when either side does, or with the lost answer.
async fn pass_on(
    mut client: TcpStream,
    mut server: TcpStream,
    refreshes: Arc<AtomicUsize>,
    lost: usize,
) {
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    let mut losing = false;
    loop {
        let written = tokio::select! {
            read = client.read(&mut request) => match read {
                Ok(count) if count > 0 => {
                    let bytes = &request[..count];
                    if bytes.starts_with(REFRESH) {
                        losing = refreshes.fetch_add(1, Ordering::SeqCst) + 1 == lost;
                    }
                    server.write_all(bytes).await
                }
                _ => return,
            },
            read = server.read(&mut answer) => match read {
                Ok(count) if count > 0 && !losing => client.write_all(&answer[..count]).await,
                _ => return,
            },
        };
        if written.is_err() {
            return;
        }
    }
}
