//! Ramz in its production shape, each part a process of its own, for measuring.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::Secrets;
use harness::{
    PostgresServer, Process, ProcessCommand, RedisServer, eventually, free_port, wait_for_http,
};
use redis::aio::MultiplexedConnection;
use sqlx::{Connection as _, PgConnection};

use crate::Failure;
use crate::gateway::GatewayProcess;

/// Long enough for a machine under load.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The binaries that are measured.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    itself: PathBuf,
}

impl Programs {
    /// Those of this folder, or those beside this program. Binaries without optimisation are
    /// refused unless the caller insists.
    pub(crate) fn find(folder: Option<&Path>, allow_debug: bool) -> Result<Self, Failure> {
        let itself = std::env::current_exe()?;
        let folder = match folder {
            Some(folder) => folder.canonicalize()?,
            None => itself.parent().unwrap_or(&itself).to_owned(),
        };
        for name in ["api", "worker", "migrate", "simulator", "standalone"] {
            if !folder.join(name).is_file() {
                let folder = folder.display();
                return Err(format!("{folder}/{name} is missing: scripts/bench builds it").into());
            }
        }
        if is_debug(&folder) || cfg!(debug_assertions) {
            if !allow_debug {
                return Err("these binaries are not optimised: build with --release".into());
            }
            eprintln!("WARNING: built without optimisation; THE FIGURES MEAN NOTHING");
        }
        Ok(Self { folder, itself })
    }

    /// A binary of Ramz.
    pub(crate) fn ramz(&self, name: &str) -> ProcessCommand {
        Process::program(self.folder.join(name))
    }

    /// What the API is compared with, as a process: `bench floor`.
    pub(crate) async fn start_floor(&self, store: [&str; 2]) -> Result<FloorProcess, Failure> {
        let address = free_address()?;
        let mut process = Process::program(&self.itself)
            .args(["floor", "--listen", &address.to_string()])
            .args(store)
            .start();
        process.wait_for_log("listening on", PATIENCE).await;
        Ok(FloorProcess { process, address })
    }

    /// A part of what whole sign-ins are compared with, which says this when it is ready.
    pub(crate) async fn start_sign_in_floor(&self, arguments: &[&str], ready: &str) -> Process {
        let mut process = Process::program(&self.itself)
            .arg("sign-in-floor")
            .args(arguments)
            .start();
        process.wait_for_log(ready, PATIENCE).await;
        process
    }
}

/// Cargo keeps what it builds without optimisation in a folder of this name.
fn is_debug(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "debug")
}

/// A place for a server.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    Ok(format!("127.0.0.1:{}", free_port()).parse()?)
}

/// A running `bench floor`.
pub(crate) struct FloorProcess {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// What a worker calls.
pub(crate) trait Called {
    fn url(&self) -> &str;
}

impl Called for GatewayProcess {
    fn url(&self) -> &str {
        self.url()
    }
}

/// A gateway that somebody else serves.
impl Called for String {
    fn url(&self) -> &str {
        self
    }
}

const FOLLOWED_NO_MORE: &str =
    "UPDATE sends SET next_check_at = NULL WHERE next_check_at IS NOT NULL";
/// Files of 16 MB that a PostgreSQL has for its log: more than is written between two checkpoints of a measurement.
const LOG_FILES: u32 = 32;

/// Starts a PostgreSQL (synced) that has its log files, as one that has run for a while.
pub(crate) async fn start_postgres() -> PostgresServer {
    let postgres = PostgresServer::start().await;
    postgres.make_log_files(LOG_FILES).await;
    postgres
}

/// The same, and Redis (AOF, synced each second).
pub(crate) async fn start_servers() -> (RedisServer, PostgresServer) {
    tokio::join!(RedisServer::start(), start_postgres())
}

/// A running installation, without workers at first.
pub(crate) struct Installation<G = GatewayProcess> {
    // Processes before the servers that they use: fields are dropped in this order.
    pub(crate) api: Process,
    more_apis: Vec<(Process, SocketAddr)>,
    workers: Vec<Process>,
    pub(crate) gateway: G,
    pub(crate) redis: RedisServer,
    pub(crate) postgres: PostgresServer,
    pub(crate) address: SocketAddr,
    pub(crate) database_url: String,
    pub(crate) secrets: Secrets,
    programs: Programs,
    settings: Vec<(String, String)>,
}

impl Installation {
    /// Starts Redis (AOF, synced each second), PostgreSQL (synced), the simulator and the API, with
    /// all limits as they are by default. Requests come through a proxy that names the clients.
    pub(crate) async fn start(programs: &Programs) -> Result<Self, Failure> {
        Self::start_with(programs, GatewayProcess::start(programs).await?).await
    }
}

impl<G: Called> Installation<G> {
    /// The same with another gateway.
    pub(crate) async fn start_with(programs: &Programs, gateway: G) -> Result<Self, Failure> {
        Self::start_set(programs, gateway, &[]).await
    }

    /// The same with more settings, which not every build that is measured needs to know.
    pub(crate) async fn start_set(
        programs: &Programs,
        gateway: G,
        more: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let (redis, postgres) = start_servers().await;
        let database_url = postgres.create_database().await;
        let migrated = programs
            .ramz("migrate")
            .env("DATABASE_URL", &database_url)
            .start()
            .wait(PATIENCE)
            .await;
        if !migrated.success() {
            return Err(format!("migrate ended with {migrated}").into());
        }
        let secrets = Secrets::generate();
        let address = free_address()?;
        let settings = [
            ("DATABASE_URL", database_url.as_str()),
            ("REDIS_URL", &redis.url()),
            ("OTP_KEY", &secrets.otp_key),
            ("KAVENEGAR_TEMPLATE", "ramz-otp"),
            // What one worker can do is to be seen, not what an account may.
            ("KAVENEGAR_RATE", "10000"),
            // Jobs that no worker takes must not end a measurement; the age of the oldest still may.
            ("QUEUE_MAX", "1000000"),
            ("LOG_FORMAT", "json"),
        ];
        let settings: Vec<(String, String)> = settings
            .iter()
            .chain(more)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let api = start_api(programs, &settings, &secrets, address, address).await?;
        Ok(Self {
            api,
            more_apis: Vec::new(),
            workers: Vec::new(),
            gateway,
            redis,
            postgres,
            address,
            database_url,
            secrets,
            programs: programs.clone(),
            settings,
        })
    }

    /// Starts so many workers and waits until they serve their metrics.
    pub(crate) async fn start_workers(&mut self, count: usize) -> Result<(), Failure> {
        let mut metrics = Vec::new();
        for _ in 0..count {
            let address = free_address()?;
            let worker = self
                .programs
                .ramz("worker")
                .envs(self.settings.clone())
                .env("KAVENEGAR_API_KEY", &self.secrets.api_key)
                .env("KAVENEGAR_URL", self.gateway.url())
                .env("METRICS_LISTEN", address.to_string())
                .start();
            self.workers.push(worker);
            metrics.push(format!("http://{address}/metrics"));
        }
        for url in metrics {
            wait_for_http(&url, PATIENCE).await;
        }
        Ok(())
    }

    /// Starts more processes of the API, until there are so many, or ends those that are too many.
    pub(crate) async fn have_apis(&mut self, count: usize) -> Result<(), Failure> {
        self.more_apis.truncate(count.saturating_sub(1));
        while self.more_apis.len() + 1 < count {
            let address = free_address()?;
            let (settings, secrets) = (&self.settings, &self.secrets);
            let api = start_api(&self.programs, settings, secrets, address, self.address).await?;
            self.more_apis.push((api, address));
        }
        Ok(())
    }

    /// Where the processes of the API are.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let more = self.more_apis.iter().map(|(_, address)| *address);
        std::iter::once(self.address).chain(more).collect()
    }

    /// The pids of the processes of the API.
    pub(crate) fn api_pids(&self) -> Vec<u32> {
        let more = self.more_apis.iter().map(|(api, _)| api.pid());
        std::iter::once(self.api.pid()).chain(more).collect()
    }

    /// The pids of the workers.
    pub(crate) fn worker_pids(&self) -> Vec<u32> {
        self.workers.iter().map(Process::pid).collect()
    }

    /// Stops the clock of the workers: messages wait.
    pub(crate) fn pause_workers(&mut self) {
        self.workers.iter_mut().for_each(Process::pause);
    }

    /// Lets them go on.
    pub(crate) fn resume_workers(&mut self) {
        self.workers.iter_mut().for_each(Process::resume);
    }

    /// The pid of the first worker.
    pub(crate) fn worker_pid(&self) -> Result<u32, Failure> {
        let worker = self.workers.first().ok_or("there is no worker")?;
        Ok(worker.pid())
    }

    /// Ends the workers in order.
    pub(crate) async fn stop_workers(&mut self) -> Result<(), Failure> {
        for worker in &mut self.workers {
            worker.terminate();
        }
        for mut worker in self.workers.drain(..) {
            let status = worker.wait(Duration::from_mins(1)).await;
            if !status.success() {
                return Err(format!("a worker ended with {status}").into());
            }
        }
        Ok(())
    }

    /// A connection to its Redis.
    pub(crate) async fn redis_connection(&self) -> Result<MultiplexedConnection, Failure> {
        redis_connection(&self.redis).await
    }

    /// Empties Redis: queue, challenges, limits. Nor is the gateway asked any more about messages that were sent before:
    /// that would go on beside what is measured next, more of it after a quick round than after a slow one.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        let mut connection = PgConnection::connect(&self.database_url).await?;
        sqlx::query(FOLLOWED_NO_MORE)
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        flush(&mut self.redis_connection().await?).await
    }

    /// Waits until no job waits or runs; one that was put off does not count.
    pub(crate) async fn wait_for_empty_queue(&self) -> Result<(), Failure> {
        let connection = self.redis_connection().await?;
        eventually(PATIENCE, async || {
            let mut length = redis::cmd("XLEN");
            length.arg("{ramz}:jobs");
            let length: u64 = length.query_async(&mut connection.clone()).await.ok()?;
            (length == 0).then_some(())
        })
        .await;
        Ok(())
    }
}

/// Starts a process of the API that people reach at `public`.
async fn start_api(
    programs: &Programs,
    settings: &[(String, String)],
    secrets: &Secrets,
    address: SocketAddr,
    public: SocketAddr,
) -> Result<Process, Failure> {
    let api = programs
        .ramz("api")
        .envs(settings.to_vec())
        .env("JWT_PRIVATE_KEY", &secrets.jwt_private_key)
        .env("LISTEN", address.to_string())
        .env("PUBLIC_URL", format!("http://{public}"))
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .env("METRICS_LISTEN", free_address()?.to_string())
        .start();
    wait_for_http(&format!("http://{address}/readyz"), PATIENCE).await;
    Ok(api)
}

/// A connection to this server.
pub(crate) async fn redis_connection(
    server: &RedisServer,
) -> Result<MultiplexedConnection, Failure> {
    let client = redis::Client::open(server.url())?;
    let config =
        redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_mins(1)));
    Ok(client
        .get_multiplexed_async_connection_with_config(&config)
        .await?)
}

/// Empties Redis.
pub(crate) async fn flush(connection: &mut MultiplexedConnection) -> Result<(), Failure> {
    Ok(redis::cmd("FLUSHALL").query_async(connection).await?)
}

/// The memory that Redis uses for data, in bytes, once it is the same twice: buffers of clients and
/// of the log come and go.
pub(crate) async fn redis_memory(connection: &mut MultiplexedConnection) -> Result<u64, Failure> {
    let mut last = 0;
    for _ in 0..100 {
        let info: String = redis::cmd("INFO").query_async(connection).await?;
        let rewriting = info_field(&info, "aof_rewrite_in_progress") != Some(0);
        let memory = info_field(&info, "used_memory").ok_or("INFO has no used_memory")?;
        if !rewriting && memory.abs_diff(last) < 4_096 {
            return Ok(memory);
        }
        last = memory;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err("the memory of Redis does not come to rest".into())
}

fn info_field(info: &str, name: &str) -> Option<u64> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.parse().ok();
    info.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_without_optimisation_are_known_by_their_folder() {
        assert!(is_debug(Path::new("/somewhere/target/debug")));
        assert!(!is_debug(Path::new("/debug/target/release")));
    }

    #[test]
    fn a_folder_without_the_binaries_is_refused() {
        let empty = tempfile::tempdir().expect("a folder");
        let refused = Programs::find(Some(empty.path()), true).expect_err("a refusal");
        assert!(refused.to_string().contains("api is missing"), "{refused}");
    }

    #[test]
    fn fields_of_redis_are_found_by_their_whole_name() {
        let info = "used_memory_rss:5\r\nused_memory:7\r\naof_rewrite_in_progress:0\r\n";
        assert_eq!(info_field(info, "used_memory"), Some(7));
        assert_eq!(info_field(info, "aof_rewrite_in_progress"), Some(0));
        assert_eq!(info_field(info, "used"), None);
    }
}
