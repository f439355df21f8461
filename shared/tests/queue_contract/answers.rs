//! An address in front of Redis whose connections begin to answer with an error of ours: what a server says
//! whose part has changed, at the moment that the test chooses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Which connections refuse, and with what.
#[derive(Clone, Copy, Debug, Default)]
struct ScriptedRefusal {
    code: Option<&'static str>,
    /// Connections with a number below this one refuse.
    below: u64,
}

/// The address. It goes away with the value.
pub(crate) struct Answers {
    address: SocketAddr,
    refusal: watch::Sender<ScriptedRefusal>,
    accepted: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    _serving: JoinSet<()>,
}

impl Answers {
    pub(crate) async fn in_front_of(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (refusal, refusals) = watch::channel(ScriptedRefusal::default());
        let accepted = Arc::new(AtomicU64::new(0));
        let refused = Arc::new(AtomicU64::new(0));
        let mut serving = JoinSet::new();
        let (server, counts) = (
            server.to_owned(),
            (Arc::clone(&accepted), Arc::clone(&refused)),
        );
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let line = Line {
                    number: counts.0.fetch_add(1, Ordering::SeqCst),
                    refused: Arc::clone(&counts.1),
                    refusal: refusals.clone(),
                };
                let server = server.clone();
                connections.spawn(async move { line.serve(client, &server).await });
            }
        });
        Self {
            address,
            refusal,
            accepted,
            refused,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// The connections that are open now answer everything with this code; new ones reach the server.
    pub(crate) fn refuse_on_open_connections(&self, code: &'static str) {
        let below = self.accepted.load(Ordering::SeqCst);
        self.refusal.send_replace(ScriptedRefusal {
            code: Some(code),
            below,
        });
    }

    /// All connections do.
    pub(crate) fn refuse(&self, code: &'static str) {
        self.refusal.send_replace(ScriptedRefusal {
            code: Some(code),
            below: u64::MAX,
        });
    }

    /// None does any more.
    pub(crate) fn refuse_no_more(&self) {
        self.refusal.send_replace(ScriptedRefusal::default());
    }

    /// So many commands were answered with a code.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }
}

/// One connection of a client.
struct Line {
    number: u64,
    refused: Arc<AtomicU64>,
    refusal: watch::Receiver<ScriptedRefusal>,
}

impl Line {
    fn code(&self) -> Option<&'static str> {
        let refusal = *self.refusal.borrow();
        refusal.code.filter(|_| self.number < refusal.below)
    }

    /// One command after the other, each with its whole answer, until a side breaks.
    async fn serve(mut self, mut client: TcpStream, server: &str) {
        let Ok(mut server) = TcpStream::connect(server).await else {
            return;
        };
        let (mut commands, mut answers) = (Vec::new(), Vec::new());
        loop {
            let Some(command) = next_value(&mut client, &mut commands).await else {
                return;
            };
            if self.code().is_none() {
                if server.write_all(&command).await.is_err() {
                    return;
                }
                // A client that waits in a read is told at once, as by a server whose part changes.
                let answer = tokio::select! {
                    answer = next_value(&mut server, &mut answers) => answer,
                    () = refuses(&mut self.refusal, self.number) => None,
                };
                match answer {
                    Some(answer) if client.write_all(&answer).await.is_err() => return,
                    Some(_) => continue,
                    None if self.code().is_none() => return,
                    None => {}
                }
            }
            let code = self.code().unwrap_or("ERR");
            self.refused.fetch_add(1, Ordering::SeqCst);
            let answer = format!("-{code} as the test has it\r\n");
            if client.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Until connections up to this one refuse.
async fn refuses(refusal: &mut watch::Receiver<ScriptedRefusal>, number: u64) {
    let wanted = |refusal: &ScriptedRefusal| refusal.code.is_some() && number < refusal.below;
    if refusal.wait_for(wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The next whole value of RESP 2; none when the connection ends.
async fn next_value(from: &mut TcpStream, held: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = end_of_value(held, 0) {
            return Some(held.drain(..end).collect());
        }
        let mut more = [0; 4096];
        match from.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => held.extend_from_slice(&more[..read]),
        }
    }
}

/// Where the value that begins at `at` ends, if it is whole.
fn end_of_value(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let line = rest.windows(2).position(|two| two == b"\r\n")?;
    let (kind, number) = (*rest.first()?, &rest[1..line]);
    let after = at + line + 2;
    let number = || std::str::from_utf8(number).ok()?.parse::<i64>().ok();
    match kind {
        b'$' => match usize::try_from(number()?) {
            Ok(length) => (bytes.len() >= after + length + 2).then_some(after + length + 2),
            Err(_) => Some(after),
        },
        b'*' => (0..number()?).try_fold(after, |at, _| end_of_value(bytes, at)),
        _ => Some(after),
    }
}

#[test]
fn whole_values_are_found() {
    for (bytes, end) in [
        (&b"+OK\r\n+"[..], Some(5)),
        (b"$3\r\nabc\r\n", Some(9)),
        (b"$3\r\nabc\r", None),
        (b"$-1\r\n", Some(5)),
        (b"*2\r\n$1\r\na\r\n:1\r\n", Some(15)),
        (b"*2\r\n$1\r\na\r\n", None),
        (b"*-1\r\n", Some(5)),
    ] {
        assert_eq!(end_of_value(bytes, 0), end, "{bytes:?}");
    }
}
