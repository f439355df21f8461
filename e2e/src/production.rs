//! The production shape: migrate, api and workers over Redis and PostgreSQL.

use std::time::Duration;

use harness::{PostgresServer, Process, ProcessCommand, RedisServer, free_port, wait_for_http};

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
    address: String,
    settings: Vec<(String, String)>,
}

impl Production {
    /// Starts everything with `workers` workers; `extra` are settings of api and workers.
    pub async fn start(workers: usize, extra: &[(&str, &str)]) -> Self {
        let (redis, postgres, simulator) = tokio::join!(
            RedisServer::start(),
            PostgresServer::start(),
            SimulatorProcess::start()
        );
        let database_url = postgres.create_database().await;
        let migrated = Process::ramz("migrate")
            .env("DATABASE_URL", &database_url)
            .start()
            .wait(PATIENCE)
            .await;
        assert!(migrated.success(), "migrate ended with {migrated}");

        let secrets = Secrets::generate();
        let mut settings = vec![
            ("DATABASE_URL".to_owned(), database_url.clone()),
            ("REDIS_URL".to_owned(), redis.url()),
            ("OTP_KEY".to_owned(), secrets.otp_key.clone()),
            ("KAVENEGAR_TEMPLATE".to_owned(), "ramz-otp".to_owned()),
            ("LOG_FORMAT".to_owned(), "json".to_owned()),
        ];
        settings.extend(
            extra
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        );
        let address = format!("127.0.0.1:{}", free_port());
        let api_metrics = format!("127.0.0.1:{}", free_port());
        let api = api_command(&settings, &secrets, &address, &api_metrics).start();
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
            address,
            settings,
        };
        for _ in 0..workers {
            production.add_worker();
        }
        wait_for_http(&format!("{}/readyz", production.url()), PATIENCE).await;
        production
    }

    /// One more worker.
    pub fn add_worker(&mut self) {
        let metrics = format!("127.0.0.1:{}", free_port());
        let worker = Process::ramz("worker")
            .envs(self.settings.clone())
            .env("KAVENEGAR_API_KEY", &self.secrets.api_key)
            .env("KAVENEGAR_URL", self.simulator.url())
            // As fast as it goes: the tests send more than an account may.
            .env("KAVENEGAR_RATE", "10000")
            .env("METRICS_LISTEN", &metrics)
            .start();
        self.workers.push(worker);
        self.worker_metrics
            .push(format!("http://{metrics}/metrics"));
    }

    /// The address of the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
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

fn api_command(
    settings: &[(String, String)],
    secrets: &Secrets,
    address: &str,
    metrics: &str,
) -> ProcessCommand {
    Process::ramz("api")
        .envs(settings.to_vec())
        .env("JWT_PRIVATE_KEY", &secrets.jwt_private_key)
        .env("LISTEN", address)
        .env("PUBLIC_URL", format!("http://{address}"))
        .env("METRICS_LISTEN", metrics)
}
