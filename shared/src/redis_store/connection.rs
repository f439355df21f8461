//! The connection that all commands of a process share, replaced where it leads to the wrong server.
//!
//! Behind one address (DNS, a proxy, a managed service) the primary changes, and the old one may live
//! on: as a replica, which refuses writes on connections that it keeps open; cut off from the rest; or
//! without any answer. So a connection is given up
//!
//! * when it breaks or does not answer in time,
//! * when the server says that it is not the one to write to ([`fate`]),
//! * and when it is older than [`LIFE`]: a server that was cut off and does not know yet that another
//!   has taken its place says nothing at all. Its successor is made first, so that no command waits.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisFuture, RedisResult, Value};
use tokio::time::Instant;

use super::trouble::{Fate, fate};

/// After this time a connection is replaced, so that no process goes on talking for longer to a
/// server that its address does not lead to any more.
pub(crate) const LIFE: Duration = Duration::from_secs(5);
/// A successor that cannot be made is tried again after so long; the old connection serves on.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Connections that are refused, or lead to a server that refuses, are made no faster than this,
/// however many commands fail.
const PAUSE: Duration = Duration::from_millis(200);
/// That the server refuses is told no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(10);

type Connecting = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

/// A connection that heals itself; clones share it.
#[derive(Clone)]
pub(crate) struct RedisConnection(Arc<Line>);

struct Line {
    client: Client,
    config: AsyncConnectionConfig,
    database: i64,
    /// Host and port, for the log.
    place: String,
    state: Mutex<State>,
}

struct State {
    /// Each connection has its own number, so that one is given up once.
    number: u64,
    connecting: Connecting,
    /// When it was begun, or when its successor failed.
    renew_at: Instant,
    begun: Instant,
    /// Whether a successor is being made.
    renewing: bool,
    /// Whether it is of no use, but too young to be replaced. What it ended with must not be the answer
    /// to a command that comes much later.
    spoilt: bool,
    told: Option<Instant>,
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection")
            .field("place", &self.0.place)
            .finish_non_exhaustive()
    }
}

impl RedisConnection {
    /// Connects with the first command.
    pub(super) fn new(client: Client, config: AsyncConnectionConfig, place: String) -> Self {
        let now = Instant::now();
        let state = State {
            number: 0,
            connecting: connecting(client.clone(), config.clone()),
            renew_at: now + LIFE,
            begun: now,
            renewing: false,
            spoilt: false,
            told: None,
        };
        Self(Arc::new(Line {
            database: client.get_connection_info().redis_settings().db(),
            client,
            config,
            place,
            state: Mutex::new(state),
        }))
    }

    async fn run(&self, command: &Cmd) -> RedisResult<Value> {
        let (number, connecting) = self.current();
        let mut connection = self.connected(number, connecting).await?;
        let answer = connection.send_packed_command(command).await;
        self.judge(number, fate(answer.as_ref()), true);
        answer
    }

    async fn run_all(
        &self,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let (number, connecting) = self.current();
        let mut connection = self.connected(number, connecting).await?;
        let answers = connection
            .send_packed_commands(pipeline, offset, count)
            .await;
        match &answers {
            Ok(answers) => {
                for answer in answers {
                    self.judge(number, fate(Ok(answer)), true);
                }
            }
            Err(error) => self.judge(number, fate(Err(error)), true),
        }
        answers
    }

    async fn connected(
        &self,
        number: u64,
        connecting: Connecting,
    ) -> RedisResult<MultiplexedConnection> {
        let connected = connecting.await;
        if let Err(error) = &connected {
            self.judge(number, fate(Err(error)), false);
        }
        connected
    }

    /// The connection to use now. One that is old is used a last time while its successor is made.
    fn current(&self) -> (u64, Connecting) {
        let mut state = self.state();
        if state.spoilt && state.begun.elapsed() >= PAUSE {
            state.replace(connecting(self.0.client.clone(), self.0.config.clone()));
        }
        if Instant::now() >= state.renew_at && !state.renewing {
            state.renewing = true;
            let (line, number) = (self.clone(), state.number);
            tokio::spawn(async move { line.renew(number).await });
        }
        (state.number, state.connecting.clone())
    }

    /// Replaces the connection by one that is made now; commands use the old one until then.
    pub(super) async fn begin_anew(&self) {
        let successor = connecting(self.0.client.clone(), self.0.config.clone());
        let _made_or_not = successor.clone().await;
        self.state().replace(successor);
    }

    async fn renew(&self, number: u64) {
        let successor = connecting(self.0.client.clone(), self.0.config.clone());
        let made = successor.clone().await.is_ok();
        let mut state = self.state();
        state.renewing = false;
        if state.number != number {
            return;
        }
        if made {
            state.replace(successor);
        } else {
            state.renew_at = Instant::now() + TRY_AGAIN;
        }
    }

    fn judge(&self, number: u64, fate: Fate, was_connected: bool) {
        if fate == Fate::Kept && was_connected {
            return;
        }
        let mut state = self.state();
        if state.number != number {
            return;
        }
        if let Fate::Misled(code) = fate
            && state.told.is_none_or(|told| told.elapsed() >= TELL_EVERY)
        {
            state.told = Some(Instant::now());
            let place = &self.0.place;
            tracing::warn!(
                place,
                code,
                "this Redis does not take writes; connecting again until it does"
            );
        }
        // One that was good and broke is replaced at once.
        let at_once = was_connected && fate == Fate::Broken;
        if !at_once && state.begun.elapsed() < PAUSE {
            state.spoilt = true;
            return;
        }
        state.replace(connecting(self.0.client.clone(), self.0.config.clone()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn replace(&mut self, connecting: Connecting) {
        let now = Instant::now();
        self.number += 1;
        self.connecting = connecting;
        self.renew_at = now + LIFE;
        self.begun = now;
        self.spoilt = false;
    }
}

fn connecting(client: Client, config: AsyncConnectionConfig) -> Connecting {
    async move {
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
    .boxed()
    .shared()
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        self.run(command).boxed()
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.run_all(pipeline, offset, count).boxed()
    }

    fn get_db(&self) -> i64 {
        self.0.database
    }
}

#[cfg(test)]
mod tests {
    use harness::{RedisServer, eventually};

    use super::super::RedisStore;
    use super::*;

    async fn ping(connection: &mut RedisConnection) -> RedisResult<String> {
        redis::cmd("PING").query_async(connection).await
    }

    /// Two commands of one moment are refused, and the second may not wait in the line for anyone who comes
    /// next.
    #[tokio::test]
    async fn a_refusal_of_an_earlier_moment_is_no_answer_to_a_later_command() {
        let mut server = RedisServer::start().await;
        let store = RedisStore::connect(&server.url()).expect("an address");
        let mut connection = store.connection();
        for _ in 0..5 {
            ping(&mut connection).await.expect("an answer");
            server.kill();
            for _ in 0..3 {
                ping(&mut connection).await.expect_err("refused");
            }
            let refused = Instant::now();
            server.restart().await;
            // Younger ones are kept, so that a server that refuses is not flooded.
            eventually(LIFE, async || (refused.elapsed() > PAUSE).then_some(())).await;
            ping(&mut connection)
                .await
                .expect("the first one is answered");
        }
    }

    /// Whatever fails, connections are made at the pace of [`PAUSE`]: a server that comes back is not met by
    /// one for each command that waits.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn f_17_a_server_that_hangs_up_is_not_stormed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let accepted = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                drop(socket);
            }
        });
        let store = RedisStore::connect(&format!("redis://{address}/")).expect("an address");
        let began = Instant::now();
        let mut failed = 0;
        while began.elapsed() < PAUSE * 5 {
            let commands = (0..50).map(|_| {
                let mut connection = store.connection();
                async move { ping(&mut connection).await }
            });
            let answers = futures::future::join_all(commands).await;
            failed += answers.iter().filter(|answer| answer.is_err()).count();
        }
        let pauses = u32::try_from(began.elapsed().as_millis() / PAUSE.as_millis()).expect("few");
        let made = accepted.load(std::sync::atomic::Ordering::Relaxed);
        assert!(failed > 200, "{failed} commands failed");
        assert!(made <= pauses + 2, "{made} connections in {pauses} pauses");
    }
}
