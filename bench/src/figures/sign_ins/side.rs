//! Whom people sign in to, and what that costs each of its processes.

use std::time::Duration;

use harness::{PostgresServer, Process, RedisServer};

use crate::Failure;
use crate::installation::{Installation, Programs, free_address, start_servers};
use crate::people::{Crowd, Dialect, Service};
use crate::usage::processor_time_of_trees;

/// One of those who take turns.
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) service: Service,
    pub(super) running: Running,
}

/// What runs for it. It ends with this value: processes before their servers.
pub(super) enum Running {
    Ramz(Box<Installation<String>>),
    Others(Box<Others>),
}

/// The processes of the others.
pub(super) struct Others {
    /// What answers people.
    pub(super) api: Process,
    /// What sends messages, where that is another process.
    pub(super) worker: Option<Process>,
    pub(super) redis: Option<RedisServer>,
    pub(super) postgres: Option<PostgresServer>,
}

/// Processor time by process, in the order of [`PROCESSES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Costs(pub(crate) [Duration; 4]);

/// Whose time is told apart.
pub(crate) const PROCESSES: [&str; 4] = ["API", "worker", "Redis", "PostgreSQL"];

impl Costs {
    /// What was used since then.
    pub(crate) fn since(self, before: Self) -> Self {
        let mut costs = self;
        for (cost, before) in costs.0.iter_mut().zip(before.0) {
            *cost = cost.saturating_sub(before);
        }
        costs
    }

    /// Of all of them.
    pub(crate) fn sum(self) -> Duration {
        self.0.iter().sum()
    }
}

impl Side {
    /// Ramz in its production shape, one API and one worker.
    pub(crate) async fn ramz(programs: &Programs, crowd: &Crowd) -> Result<Self, Failure> {
        let mut installation = Installation::start_with(programs, crowd.gateway_url()).await?;
        installation.start_workers(1).await?;
        Ok(Self::of_installation("Ramz", installation))
    }

    pub(crate) fn of_installation(
        name: impl Into<String>,
        installation: Installation<String>,
    ) -> Self {
        Self {
            name: name.into(),
            service: Service {
                addresses: installation.addresses(),
                dialect: Dialect::Ramz,
            },
            running: Running::Ramz(Box::new(installation)),
        }
    }

    /// The least that could do it, in two processes as well.
    pub(super) async fn floor(programs: &Programs, crowd: &Crowd) -> Result<Self, Failure> {
        let (redis, postgres) = start_servers().await;
        let database_url = postgres.create_database().await;
        let (address, redis_url) = (free_address()?, redis.url());
        let listen = address.to_string();
        let api = [
            "api",
            "--listen",
            &listen,
            "--redis",
            &redis_url,
            "--database-url",
            &database_url,
        ];
        let gateway = crowd.gateway_url();
        let calls = ["loop", "--redis", &redis_url, "--gateway", &gateway];
        let api = programs.start_sign_in_floor(&api, "listening on").await;
        let worker = programs.start_sign_in_floor(&calls, "taking jobs").await;
        Ok(Self {
            name: "floor".to_owned(),
            service: Service {
                addresses: vec![address],
                dialect: Dialect::Ramz,
            },
            running: Running::Others(Box::new(Others {
                api,
                worker: Some(worker),
                redis: Some(redis),
                postgres: Some(postgres),
            })),
        })
    }

    /// What its processes have used so far.
    pub(crate) fn costs(&self) -> Result<Costs, Failure> {
        let pids: [Vec<u32>; 4] = match &self.running {
            Running::Ramz(installation) => [
                installation.api_pids(),
                installation.worker_pids(),
                vec![installation.redis.pid()],
                vec![installation.postgres.pid()],
            ],
            Running::Others(others) => [
                vec![others.api.pid()],
                others.worker.iter().map(Process::pid).collect(),
                others.redis.iter().map(RedisServer::pid).collect(),
                others.postgres.iter().map(PostgresServer::pid).collect(),
            ],
        };
        let mut costs = Costs::default();
        for (cost, pids) in costs.0.iter_mut().zip(pids) {
            *cost = processor_time_of_trees(&pids)?;
        }
        Ok(costs)
    }

    /// Holds the messages back.
    pub(super) fn pause_worker(&mut self) {
        match &mut self.running {
            Running::Ramz(installation) => installation.pause_workers(),
            Running::Others(others) => others.worker.iter_mut().for_each(Process::pause),
        }
    }

    /// Lets them go.
    pub(super) fn resume_worker(&mut self) {
        match &mut self.running {
            Running::Ramz(installation) => installation.resume_workers(),
            Running::Others(others) => others.worker.iter_mut().for_each(Process::resume),
        }
    }
}
