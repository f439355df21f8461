//! Connections that cost memory or places.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use e2e::Production;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::crowd::{BEHIND_A_PROXY, Sender};
use crate::outcome::Outcome;

/// The stranger's address, which no proxy vouches for.
const STRANGER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(127, 9, 9, 9), 0));
const OTHERS: u32 = 4;
const HEADS: usize = 2_000;
const HEAD_BYTES: usize = 400_000;
const IDLE: usize = 4_300;

async fn connect(production: &Production) -> std::io::Result<TcpStream> {
    let address: SocketAddr = production
        .url()
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let socket = TcpSocket::new_v4()?;
    socket.bind(STRANGER)?;
    tokio::time::timeout(Duration::from_secs(5), socket.connect(address)).await?
}

/// The resident memory of the API, in MB.
fn resident(production: &Production) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", production.api.pid()));
    let status = status.expect("the API lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    let kilobytes = line
        .split_whitespace()
        .next()
        .and_then(|number| number.parse::<u64>().ok());
    kilobytes.expect("a number") / 1024
}

/// The most memory that the API has while something goes on.
async fn watched<T>(production: &Production, something: impl Future<Output = T>) -> (T, u64) {
    let mut most = resident(production);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    tokio::pin!(something);
    loop {
        tokio::select! {
            done = &mut something => return (done, most),
            _ = ticks.tick() => most = most.max(resident(production)),
        }
    }
}

/// Opens connections of the stranger and writes `bytes` of a head to each that never ends; those that are
/// still open.
async fn open(production: &Production, count: usize, bytes: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        if let Ok(stream) = connect(production).await {
            streams.push(stream);
        }
    }
    let mut writes = JoinSet::new();
    for mut stream in streams {
        writes.spawn(async move {
            let mut head = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ".to_vec();
            head.resize(head.len() + bytes, b'a');
            let write = async {
                if bytes > 0 {
                    stream.write_all(&head).await
                } else {
                    Ok(())
                }
            };
            let written = tokio::time::timeout(Duration::from_secs(3), write).await;
            // A write that waits is of a connection that is kept open.
            (!matches!(written, Ok(Err(_)))).then_some(stream)
        });
    }
    writes.join_all().await.into_iter().flatten().collect()
}

async fn held(count: usize, bytes: usize, lasts: Duration) -> (Production, Outcome, u64) {
    let production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let sender = Sender::new(&production);
    let alone = sender.crowd(OTHERS, lasts / 2).await;
    let before = resident(&production);
    let (opened, beside) = (open(&production, count, bytes), sender.crowd(OTHERS, lasts));
    let ((streams, beside), most) =
        watched(&production, async { tokio::join!(opened, beside) }).await;
    let outcome = Outcome {
        achieved: format!(
            "{count} connections opened, {} not closed in a few seconds; the API from {before} to {most} MB",
            streams.len()
        ),
        alone: Some(alone),
        beside: Some(beside),
        broken: Vec::new(),
    };
    (production, outcome, most)
}

pub(crate) async fn heads(lasts: Duration) -> Outcome {
    let (_production, mut outcome, most) = held(HEADS, HEAD_BYTES, lasts).await;
    outcome.must(most <= 120, "more than 120 MB");
    outcome.others_are_served();
    outcome
}

pub(crate) async fn idle(lasts: Duration) -> Outcome {
    let (_production, mut outcome, _) = held(IDLE, 0, lasts).await;
    outcome.others_are_served();
    outcome
}
