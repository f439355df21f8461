//! A server on a raw socket: it records each request that arrived whole, and then does what the
//! test says, byte by byte.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server does once it has read a request.
pub(crate) enum Act {
    /// Answers in full and keeps the connection open for the next request.
    Answer(u16, String),
    /// Answers in full and closes the connection without having said so, after letting other
    /// tasks run so many times.
    AnswerAndClose(u16, String, usize),
    /// Writes these bytes and closes the connection in an orderly way.
    WriteAndClose(Vec<u8>),
    /// Writes these bytes and resets the connection.
    WriteAndReset(Vec<u8>),
    /// Writes these bytes, possibly none, and then nothing more; the connection stays open.
    WriteAndHang(Vec<u8>),
}

/// A request as it came over the wire.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) form: BTreeMap<String, String>,
}

impl Request {
    /// Method and path.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }
}

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

type Script = Arc<dyn Fn(usize) -> Act + Send + Sync>;

impl Server {
    /// Does the same on every request.
    pub(crate) async fn answering(http: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::scripted(move |_| Act::Answer(http, body.clone())).await
    }

    /// Does what the script says for the request of this number, the first being 0.
    pub(crate) async fn scripted(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(script)).await
    }

    /// The same behind TLS; the URL names `localhost`.
    pub(crate) async fn with_tls(
        acceptor: TlsAcceptor,
        http: u16,
        body: impl Into<String>,
    ) -> Self {
        let body = body.into();
        let script: Script = Arc::new(move |_| Act::Answer(http, body.clone()));
        Self::start(Some(acceptor), script).await
    }

    async fn start(tls: Option<TlsAcceptor>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let url = match tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let (log, count) = (Arc::clone(&requests), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            // Ends its connections with itself.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (log, script, tls) = (Arc::clone(&log), Arc::clone(&script), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => serve(stream, &log, &script, reset_on_close).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &log, &script, |_| {}).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            url,
            requests,
            connections,
            task,
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no test panicked here").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The only request that was made.
    pub(crate) fn only_request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "exactly one request");
        requests[0].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address of this machine where nobody listens.
pub(crate) async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

/// The bytes of an answer with the right length.
pub(crate) fn http_answer(http: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {http} Status\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn reset_on_close(stream: &TcpStream) {
    stream.set_zero_linger().expect("a TCP socket");
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    log: &Mutex<Vec<Request>>,
    script: &Script,
    reset_on_close: impl Fn(&S),
) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut log = log.lock().expect("no test panicked here");
            log.push(request);
            log.len() - 1
        };
        // The client may be gone by the time this is written; its side of it is what is tested.
        match script(number) {
            Act::Answer(http, body) => {
                let _ = stream.write_all(&http_answer(http, "", &body)).await;
            }
            Act::AnswerAndClose(http, body, delay) => {
                let _ = stream.write_all(&http_answer(http, "", &body)).await;
                for _ in 0..delay {
                    tokio::task::yield_now().await;
                }
                let _ = stream.shutdown().await;
                return;
            }
            Act::WriteAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Act::WriteAndReset(bytes) => {
                let _ = stream.write_all(&bytes).await;
                reset_on_close(&stream);
                return;
            }
            Act::WriteAndHang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Reads one request to its end; `None` when the client closes first.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().expect("a number"));
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let form = url::form_urlencoded::parse(&bytes[head_end..])
        .into_owned()
        .collect();
    Some(Request { head, form })
}

/// Listens, lets the operating system complete connections, and never says a word.
pub(crate) async fn silent_listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}
