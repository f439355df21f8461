use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinHandle;

use super::*;

mod shares;

/// Long enough to never be reached by a test that passes.
const NEVER: Duration = Duration::from_mins(10);
/// Ends a test that hangs; below the 30 seconds after which hyper itself would close a slow head.
const HANGS: Duration = Duration::from_secs(25);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

fn limits() -> ServeLimits {
    ServeLimits {
        header_read_timeout: NEVER,
        write_timeout: NEVER,
        drain: NEVER,
        max_connections: 100,
    }
}

async fn start(router: Router, limits: ServeLimits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
    Server {
        address,
        shutdown,
        task,
    }
}

impl Server {
    async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        stream.write_all(bytes.as_bytes()).await.expect("sent");
        stream
    }

    async fn ended(self) {
        within(self.task).await.expect("no panic");
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, future)
        .await
        .expect("the test hangs")
}

/// All that comes until the server closes the connection, also where it does so by a reset.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut received = Vec::new();
    let _ended_by_reset = within(stream.read_to_end(&mut received)).await;
    String::from_utf8_lossy(&received).into_owned()
}

const CLOSING_REQUEST: &str = "GET / HTTP/1.1\r\nhost: ramz\r\nconnection: close\r\n\r\n";
const KEEPING_REQUEST: &str = "GET / HTTP/1.1\r\nhost: ramz\r\n\r\n";

#[tokio::test]
async fn a_38_half_a_head_an_idle_connection_and_a_silent_one_are_closed() {
    let short = ServeLimits {
        header_read_timeout: Duration::from_millis(100),
        ..limits()
    };
    let server = start(Router::new().route("/", get(|| async { "ok" })), short).await;

    let half = server.send("GET / HTTP/1.1\r\nhost: ra").await;
    assert!(!until_closed(half).await.contains("200 OK"));

    let silent = server.send("").await;
    assert!(!until_closed(silent).await.contains("200 OK"));

    let idle = server.send(KEEPING_REQUEST).await;
    let answer = until_closed(idle).await;
    assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let server = start(Router::new().route("/", get(|| async { "ok" })), limits()).await;
    let status = async |request: &str| {
        let stream = server.send(request).await;
        let answer = until_closed(stream).await;
        answer.split(' ').nth(1).map(str::to_owned)
    };
    let ends = "connection: close\r\n\r\n";
    for hosts in [
        "",
        "host: a.example\r\nhost: a.example\r\n",
        "host: a.example\r\nHost: b.example\r\n",
        "host: a.example\r\nhost:\r\n",
        "host: a b\r\n",
        "host: a.example/b\r\n",
        "host: user@a.example\r\n",
        "host: a.example:b:c\r\n",
        "host: \u{6f22}\r\n",
    ] {
        let found = status(&format!("GET / HTTP/1.1\r\n{hosts}{ends}")).await;
        assert_eq!(found.as_deref(), Some("400"), "{hosts:?}");
        let absolute = format!("GET http://a.example/ HTTP/1.1\r\n{hosts}{ends}");
        assert_eq!(status(&absolute).await.as_deref(), Some("400"), "{hosts:?}");
    }
    for hosts in [
        "host: a.example\r\n",
        "host: 127.0.0.1:8000\r\n",
        "host: [::1]:8000\r\n",
        "host: a_b.example\r\n",
        "host:\r\n",
    ] {
        let found = status(&format!("GET / HTTP/1.1\r\n{hosts}{ends}")).await;
        assert_eq!(found.as_deref(), Some("200"), "{hosts:?}");
    }
    assert_eq!(
        status("GET / HTTP/1.0\r\n\r\n").await.as_deref(),
        Some("200")
    );
    let two = "GET / HTTP/1.0\r\nhost: a.example\r\nhost: b.example\r\n\r\n";
    assert_eq!(status(two).await.as_deref(), Some("400"));
}

#[tokio::test]
async fn handlers_know_the_peer_of_their_connection() {
    let router = Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    );
    let server = start(router, limits()).await;
    let stream = server.send(CLOSING_REQUEST).await;
    let mine = stream.local_addr().expect("an address").to_string();
    assert!(until_closed(stream).await.ends_with(&mine));
}

#[tokio::test]
async fn i_10_no_more_connections_are_served_at_once_than_allowed() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let two = Arc::new(Barrier::new(2));
    let handler = {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        move || async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            two.wait().await;
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let capped = ServeLimits {
        max_connections: 2,
        ..limits()
    };
    let server = start(Router::new().route("/", get(handler)), capped).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(server.send(CLOSING_REQUEST).await);
    }
    for client in clients {
        assert!(until_closed(client).await.contains("200 OK"));
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

/// A handler that says when it has begun and ends when it is told to.
fn held() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        move || async move {
            begun.notify_one();
            go_on.notified().await;
            "done"
        }
    };
    (Router::new().route("/", get(handler)), begun, go_on)
}

#[tokio::test]
async fn at_shutdown_running_requests_finish_idle_connections_close_and_new_ones_are_refused() {
    let (router, begun, go_on) = held();
    let server = start(router, limits()).await;
    let idle = server.send("").await;
    let running = server.send(KEEPING_REQUEST).await;
    within(begun.notified()).await;

    server.shutdown.cancel();
    assert_eq!(until_closed(idle).await, "");
    within(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    go_on.notify_one();
    assert!(until_closed(running).await.ends_with("done"));
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_after_the_drain_time() {
    let (router, begun, _never) = held();
    let short = ServeLimits {
        drain: Duration::from_millis(50),
        ..limits()
    };
    let server = start(router, short).await;
    let running = server.send(KEEPING_REQUEST).await;
    within(begun.notified()).await;
    server.shutdown.cancel();
    assert_eq!(until_closed(running).await, "");
    server.ended().await;
}

#[test]
fn f_19_i_09_only_trouble_of_one_connection_goes_without_a_rest() {
    const EMFILE: i32 = 24;
    const ECONNABORTED: i32 = 103;
    assert!(!concerns_one_connection(&io::Error::from_raw_os_error(
        EMFILE
    )));
    assert!(concerns_one_connection(&io::Error::from_raw_os_error(
        ECONNABORTED
    )));
}

/// More than the buffers of a loopback connection hold.
const LARGE: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn a_38_a_client_that_reads_nothing_of_its_answer_is_cut_and_its_place_is_free() {
    let one = ServeLimits {
        write_timeout: Duration::from_millis(100),
        max_connections: 1,
        ..limits()
    };
    let router = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/large", get(|| async { vec![b'x'; LARGE] }));
    let server = start(router, one).await;
    let _reads_nothing = server
        .send("GET /large HTTP/1.1\r\nhost: ramz\r\n\r\n")
        .await;
    let next = server.send(CLOSING_REQUEST).await;
    assert!(until_closed(next).await.contains("200 OK"));
    server.shutdown.cancel();
    server.ended().await;
}
