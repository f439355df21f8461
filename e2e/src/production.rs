//! The production shape: migrate, api and workers over Redis and PostgreSQL, each with a role of its own.

use std::time::Duration;

use harness::{PostgresServer, Process, ProcessCommand, RedisServer, free_port, wait_for_http};

use crate::roles::{self, API, WORKER};
use crate::{Client, PATIENCE, Secrets, SimulatorProcess};

/// A running installation. Its parts can be broken one by one.
pub struct Production {
    /// Hot state and queue.
    pub redis: RedisServer,
    /// Records.
    pub postgres: PostgresServer,
    /// The gateway.
    pub simulator: SimulatorProcess,
    /// The API.
    pub api: Process,
    /// The workers.
    pub workers: Vec<Process>,
    /// What an operator gave.
    pub secrets: Secrets,
    /// The address of the database.
    pub database_url: String,
    /// The address of the API's metrics.
    pub api_metrics: String,
    /// The addresses of the workers' metrics.
    pub worker_metrics: Vec<String>,
    /// Where workers that are added find the gateway: the simulator, unless something is put in
    /// between.
    pub gateway_url: String,
    /// What processes printed that were killed and replaced.
    ended: Vec<(String, String)>,
    address: String,
    api_command: ProcessCommand,
    settings: Vec<(String, String)>,
    /// Where a worker finds the stores.
    of_worker: Vec<(String, String)>,
}

/// The stores of an installation.
pub struct Stores {
    /// Hot state and queue.
    pub redis: RedisServer,
    /// Records.
    pub postgres: PostgresServer,
    /// The address of the database, which has its schema.
    pub database_url: String,
}

impl Production {
    /// Starts everything with `workers` workers; `extra` are settings of api and workers.
    pub async fn start(workers: usize, extra: &[(&str, &str)]) -> Self {
        let (redis, postgres, simulator) = tokio::join!(
            roles::redis_with_roles(),
            PostgresServer::start(),
            SimulatorProcess::start()
        );
        let database_url = Self::create_database(&postgres).await;
        let stores = Stores {
            redis,
            postgres,
            database_url,
        };
        Self::start_on(stores, simulator, Secrets::generate(), workers, extra).await
    }

    /// A database with its schema, and with what api and worker may do there.
    pub async fn create_database(postgres: &PostgresServer) -> String {
        roles::make_roles(postgres).await;
        let database_url = postgres.create_database().await;
        let migrated = Process::ramz("migrate")
            .env("DATABASE_URL", &database_url)
            .start()
            .wait(PATIENCE)
            .await;
        assert!(migrated.success(), "migrate ended with {migrated}");
        database_url
    }

    /// The same over stores that are there, with what they hold, and with the secrets of an
    /// earlier start.
    pub async fn start_on(
        stores: Stores,
        simulator: SimulatorProcess,
        secrets: Secrets,
        workers: usize,
        extra: &[(&str, &str)],
    ) -> Self {
        let Stores {
            redis,
            postgres,
            database_url,
        } = stores;
        let mut settings = vec![
            ("DATABASE_URL".to_owned(), database_url.clone()),
            ("REDIS_URL".to_owned(), redis.url()),
            ("OTP_KEY".to_owned(), secrets.otp_key.clone()),
            ("KAVENEGAR_TEMPLATE".to_owned(), "ramz-otp".to_owned()),
            // As fast as it goes: the tests send more than an account may.
            ("KAVENEGAR_RATE".to_owned(), "10000".to_owned()),
            ("LOG_FORMAT".to_owned(), "json".to_owned()),
        ];
        settings.extend(
            extra
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        );
        let of_worker = with_roles(&mut settings, redis.has_users());
        let address = format!("127.0.0.1:{}", free_port());
        let api_metrics = format!("127.0.0.1:{}", free_port());
        let api_command = api_command(&settings, &secrets, &address, &api_metrics);
        let api = api_command.start();
        let gateway_url = simulator.url().to_owned();
        let mut production = Self {
            redis,
            postgres,
            simulator,
            api,
            workers: Vec::new(),
            secrets,
            database_url,
            api_metrics: format!("http://{api_metrics}/metrics"),
            worker_metrics: Vec::new(),
            gateway_url,
            ended: Vec::new(),
            address,
            api_command,
            settings,
            of_worker,
        };
        for _ in 0..workers {
            production.add_worker();
        }
        wait_for_http(&format!("{}/readyz", production.url()), PATIENCE).await;
        production
    }

    /// One more worker.
    pub fn add_worker(&mut self) {
        let (worker, metrics) = self.start_worker();
        self.workers.push(worker);
        self.worker_metrics.push(metrics);
    }

    fn start_worker(&self) -> (Process, String) {
        let metrics = format!("127.0.0.1:{}", free_port());
        let worker = Process::ramz("worker")
            .envs(self.settings.clone())
            .envs(self.of_worker.clone())
            .env("KAVENEGAR_API_KEY", &self.secrets.api_key)
            .env("KAVENEGAR_URL", &self.gateway_url)
            .env("METRICS_LISTEN", &metrics)
            .start();
        (worker, format!("http://{metrics}/metrics"))
    }

    /// Kills the worker with this index (SIGKILL) and starts another in its place.
    pub fn kill_and_replace_worker(&mut self, index: usize) {
        self.workers[index].kill();
        let log = self.workers[index].log();
        self.ended.push((format!("worker-{index}-killed"), log));
        (self.workers[index], self.worker_metrics[index]) = self.start_worker();
    }

    /// Kills the API (SIGKILL) and starts it again on the same address. It answers a little later.
    pub fn kill_and_restart_api(&mut self) {
        self.api.kill();
        self.ended.push(("api-killed".to_owned(), self.api.log()));
        self.api = self.api_command.start();
    }

    /// Kills Redis (SIGKILL) and starts it again with the data that it had; not while it waits for
    /// the disk, when it may lose what it answered (`docs/architecture.md`).
    pub async fn kill_and_restart_redis(&mut self) {
        self.redis.wait_for_written_log().await;
        self.redis.kill();
        self.redis.restart().await;
    }

    /// What every process has printed, by name, those included that were killed and replaced.
    pub fn logs(&self) -> Vec<(String, String)> {
        let mut logs = self.ended.clone();
        logs.push(("api".to_owned(), self.api.log()));
        logs.push(("redis".to_owned(), self.redis.log()));
        let workers = self.workers.iter().enumerate();
        logs.extend(workers.map(|(index, worker)| (format!("worker-{index}"), worker.log())));
        logs
    }

    /// How many messages of this worker the gateway has taken, as its metrics say.
    pub async fn messages_accepted_by_worker(&self, index: usize) -> u64 {
        let address = self.worker_metrics[index].trim_end_matches("/metrics");
        let metrics = Client::new(address)
            .get("/metrics")
            .await
            .text()
            .await
            .expect("text");
        let accepted = metrics
            .lines()
            .find_map(|line| line.strip_prefix("ramz_sms_total{outcome=\"accepted\"} "));
        accepted
            .and_then(|count| count.parse().ok())
            .expect("a counter")
    }

    /// The address of the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings that api and workers share, with the API's roles at the stores.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.url())
    }

    /// Ends api and workers in order; everything is settled then.
    pub async fn stop(&mut self) {
        for process in self.workers.iter_mut().chain([&mut self.api]) {
            process.terminate();
        }
        for process in self.workers.iter_mut().chain([&mut self.api]) {
            let status = process.wait(Duration::from_mins(1)).await;
            assert!(status.success(), "ended with {status}");
        }
    }
}

/// Gives the addresses of the stores the API's roles, and returns those with the worker's.
fn with_roles(settings: &mut [(String, String)], redis_has_users: bool) -> Vec<(String, String)> {
    let mut of_worker = Vec::new();
    for (name, url) in settings {
        let of: fn(&str, &str) -> String = match name.as_str() {
            "DATABASE_URL" => roles::database_url_of,
            "REDIS_URL" if redis_has_users => roles::redis_url_of,
            _ => continue,
        };
        of_worker.push((name.clone(), of(WORKER, url)));
        *url = of(API, url);
    }
    of_worker
}

fn api_command(
    settings: &[(String, String)],
    secrets: &Secrets,
    address: &str,
    metrics: &str,
) -> ProcessCommand {
    Process::ramz("api")
        .env("JWT_PRIVATE_KEY", &secrets.jwt_private_key)
        .envs(settings.to_vec())
        .env("LISTEN", address)
        .env("PUBLIC_URL", format!("http://{address}"))
        .env("METRICS_LISTEN", metrics)
}
