//! Who may hold connections, and whose goes. Clients have addresses of their own in 127.0.0.0/8.

use tokio::net::TcpSocket;

use super::*;

/// 64 for an address, 128 for its neighbourhood, 64 for heads.
const PLACES: usize = 256;

async fn start_front(router: Router, front: Front) -> Server {
    let limits = ServeLimits {
        max_connections: PLACES,
        ..limits()
    };
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve_front(
        listener,
        router,
        limits,
        shutdown.clone(),
        front,
    ));
    Server {
        address: ([127, 0, 0, 1], port).into(),
        shutdown,
        task,
    }
}

impl Server {
    /// A connection from this address that has sent these bytes.
    async fn from(&self, address: [u8; 4], bytes: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((address, 0).into()).expect("bound");
        let mut stream = within(socket.connect(self.address))
            .await
            .expect("connected");
        // A server that has refused the connection may have closed it already.
        let _sent = stream.write_all(bytes.as_bytes()).await;
        stream
    }

    async fn answers(&self, address: [u8; 4]) -> bool {
        let stream = self.from(address, CLOSING_REQUEST).await;
        until_closed(stream).await.contains("200 OK")
    }
}

/// How many of these the server has closed, once that is `closed`.
async fn closed(streams: &[TcpStream], closed: usize) {
    within(async {
        loop {
            let gone = streams.iter().filter(|stream| {
                let mut byte = [0];
                !matches!(stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            });
            let gone = gone.count();
            assert!(gone <= closed, "{gone} are closed");
            if gone == closed {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

fn public() -> Front {
    Front {
        shares_but_for: Some(TrustedProxies::default()),
        ..Front::default()
    }
}

fn ok() -> Router {
    Router::new().route("/", get(|| async { "ok" }))
}

#[tokio::test]
async fn f_23_i_10_idle_connections_of_one_address_keep_nobody_out() {
    let server = start_front(ok(), public()).await;
    let mut idle = Vec::new();
    for _ in 0..PLACES + 44 {
        idle.push(server.from([127, 0, 0, 2], "").await);
    }
    // Its oldest went, one for each that came.
    closed(&idle, idle.len() - 64).await;
    assert!(server.answers([127, 0, 0, 3]).await, "a neighbour");
    assert!(server.answers([127, 0, 9, 3]).await);
    assert!(server.answers([127, 0, 0, 2]).await, "its own next request");
}

#[tokio::test]
async fn i_10_idle_connections_of_one_neighbourhood_keep_nobody_out() {
    let server = start_front(ok(), public()).await;
    let mut idle = Vec::new();
    for host in 2..102 {
        for _ in 0..3 {
            idle.push(server.from([127, 0, 0, host], "").await);
        }
    }
    closed(&idle, idle.len() - 128).await;
    assert!(server.answers([127, 0, 9, 3]).await);
}

#[tokio::test]
async fn i_10_where_all_places_are_taken_the_oldest_idle_connection_goes_and_no_request() {
    let (router, begun, go_on) = held();
    let server = start_front(
        router.merge(Router::new().route("/ok", get(|| async { "ok" }))),
        public(),
    )
    .await;
    let running = server.from([127, 0, 0, 2], CLOSING_REQUEST).await;
    within(begun.notified()).await;
    let mut idle = Vec::new();
    for group in 1..=8 {
        for _ in 0..40 {
            idle.push(server.from([127, 0, group, 2], "").await);
        }
    }
    closed(&idle, idle.len() + 1 - PLACES).await;
    let next = "GET /ok HTTP/1.1\r\nhost: ramz\r\nconnection: close\r\n\r\n";
    let next = server.from([127, 0, 99, 1], next).await;
    assert!(until_closed(next).await.contains("200 OK"));
    go_on.notify_one();
    assert!(until_closed(running).await.ends_with("done"));
}

#[tokio::test]
async fn i_10_a_share_that_is_busy_takes_no_more_and_is_cut_nowhere() {
    let (running, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let handler = {
        let (running, go_on) = (Arc::clone(&running), Arc::clone(&go_on));
        move || async move {
            let go_on = go_on.notified();
            running.fetch_add(1, Ordering::SeqCst);
            go_on.await;
            "done"
        }
    };
    let router = ok().route("/held", get(handler));
    let server = start_front(router, public()).await;
    let request = "GET /held HTTP/1.1\r\nhost: ramz\r\nconnection: close\r\n\r\n";
    let mut busy = Vec::new();
    for _ in 0..64 {
        busy.push(server.from([127, 0, 0, 2], request).await);
    }
    within(async {
        while running.load(Ordering::SeqCst) < 64 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!server.answers([127, 0, 0, 2]).await, "one too many");
    assert!(server.answers([127, 0, 0, 3]).await);
    go_on.notify_waiters();
    for stream in busy {
        assert!(until_closed(stream).await.ends_with("done"));
    }
    assert!(server.answers([127, 0, 0, 2]).await);
}

#[tokio::test]
async fn i_10_reverse_proxies_have_no_share() {
    let front = Front {
        shares_but_for: Some(TrustedProxies::parse("127.0.0.9").expect("a list")),
        ..Front::default()
    };
    let server = start_front(ok(), front).await;
    let mut kept = Vec::new();
    for _ in 0..PLACES - 10 {
        kept.push(server.from([127, 0, 0, 9], "").await);
    }
    // Others come and go; those of the proxy stay.
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(server.from([127, 0, 0, 2], "").await);
    }
    closed(&idle, 30).await;
    closed(&kept, 0).await;
    assert!(server.answers([127, 0, 0, 3]).await);
    closed(&kept, 0).await;
    for stream in &mut kept {
        stream
            .write_all(CLOSING_REQUEST.as_bytes())
            .await
            .expect("sent");
    }
    for stream in kept {
        assert!(until_closed(stream).await.contains("200 OK"));
    }
}

#[tokio::test]
async fn a_38_f_23_heads_that_do_not_end_are_few_and_the_oldest_goes() {
    let server = start_front(ok(), public()).await;
    let mut heads = Vec::new();
    for host in 0..200u8 {
        let stream = server
            .from([127, 0, host, 2], "GET / HTTP/1.1\r\nhost: ra")
            .await;
        heads.push(stream);
    }
    closed(&heads, 200 - 64).await;
    assert!(server.answers([127, 0, 200, 1]).await);
}

#[tokio::test]
async fn a_38_a_head_has_32_kib_at_most() {
    let server = start_front(ok(), public()).await;
    for (bytes, taken) in [
        (100, true),
        (30_000, true),
        (36_000, false),
        (70_000, false),
        (400_000, false),
    ] {
        let mut head = CLOSING_REQUEST.trim_end().to_owned();
        // Of many fields, each small.
        while head.len() < bytes {
            head.push_str("\r\nx-padding: ");
            head.push_str(&"a".repeat(1000));
        }
        let stream = server
            .from([127, 0, 0, 2], &format!("{head}\r\n\r\n"))
            .await;
        let answer = until_closed(stream).await;
        assert_eq!(answer.contains("200 OK"), taken, "{bytes} bytes");
    }
}
