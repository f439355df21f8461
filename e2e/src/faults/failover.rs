//! Another server takes over behind the address of a store, under a steady stream of requests.
//!
//! The old one lives on: as a replica or standby, or without any answer. Connections that are open
//! stay where they are; only new ones are led to the new primary.

use std::time::Duration;

use harness::{PostgresServer, RedisServer, Relay};
use tokio::sync::watch;

use super::evidence::Evidence;
use super::report::{messages_after, seconds_between};
use super::traffic::Request;
use super::{RunReport, Setup, Struck, Trouble, WORKERS, judge_settled, traffic};
use crate::{PATIENCE, Production, Secrets, SimulatorProcess, Stores, roles};

/// The stream runs for so long before the fail-over and after it.
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(14);
/// For so long the address of PostgreSQL still leads to the old one when it is back as a standby.
const STALE_ADDRESS: Duration = Duration::from_millis(500);
/// So much may be lost of what Redis has answered (design section 2, "about the last second").
const MAY_BE_LOST: Duration = Duration::from_secs(1);

/// Whose server changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailoverStore {
    /// Hot state and queue.
    Redis,
    /// Records.
    Postgres,
}

/// What the old primary lives on as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldPrimary {
    /// A replica or standby of the new one.
    Follows,
    /// A process that answers nothing and closes nothing.
    Hangs,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailoverPlan {
    /// Whose server changes.
    pub store: FailoverStore,
    /// What becomes of the old one.
    pub old: OldPrimary,
    /// Requests a second, in an open loop.
    pub per_second: u32,
}

impl FailoverPlan {
    /// Runs take turns with what the old primary does.
    pub fn of_run(store: FailoverStore, run: u32, per_second: u32) -> Self {
        let old = if run.is_multiple_of(2) {
            OldPrimary::Hangs
        } else {
            OldPrimary::Follows
        };
        Self {
            store,
            old,
            per_second,
        }
    }
}

/// Carries the plan out. Times are measured from the moment at which the new primary was chosen.
pub async fn run_failover(plan: &FailoverPlan, setup: &Setup) -> Result<RunReport, Trouble> {
    let mut stage = FailoverStage::start(setup).await;
    let (stop, stopped) = watch::channel(false);
    let seconds = (BEFORE + AFTER).as_secs() + 30;
    let most = usize::try_from(seconds * u64::from(plan.per_second))?;
    let client = stage.production.client();
    let clients = tokio::spawn(traffic::open_loop(client, plan.per_second, most, stopped));
    tokio::time::sleep(BEFORE).await;

    let struck = Struck::now();
    match plan.store {
        FailoverStore::Redis => stage.redis_fails_over(plan.old).await,
        FailoverStore::Postgres => stage.postgres_fails_over(plan.old).await,
    }
    tokio::time::sleep(AFTER).await;
    stop.send_replace(true);
    let requests = clients.await?;

    let fault = match (plan.store, plan.old) {
        (FailoverStore::Redis, OldPrimary::Follows) => "redis: the old one is a replica",
        (FailoverStore::Redis, OldPrimary::Hangs) => "redis: the old one hangs",
        (FailoverStore::Postgres, OldPrimary::Follows) => "postgres: the old one is a standby",
        (FailoverStore::Postgres, OldPrimary::Hangs) => "postgres: the old one hangs",
    };
    let before = |request: &&Request| request.begun < struck.instant;
    let at_request = requests.iter().filter(before).count();
    // The old servers and the way to the new ones stay until all is judged.
    let FailoverStage {
        production,
        others: _others,
        relays: _relays,
    } = stage;
    let (mut report, evidence) = judge_settled(
        production,
        fault.to_owned(),
        at_request,
        &requests,
        &struck,
        setup,
    )
    .await?;
    report.next_message_seconds = next_message(&evidence, &struck);
    if plan.store == FailoverStore::Redis {
        report.allow_losses(&requests, |request| {
            request.begun < struck.instant + MAY_BE_LOST
                && request.ended + MAY_BE_LOST > struck.instant
        });
    }
    Ok(report)
}

/// Seconds until the gateway had taken the first message of a request that was accepted later.
fn next_message(evidence: &Evidence, struck: &Struck) -> Option<f64> {
    messages_after(evidence, struck.wall).map(|at| seconds_between(struck.wall, at))
}

/// A system that reaches its stores by relays, and a second server for each of them.
struct FailoverStage {
    /// Its stores are those of the new primaries once they are.
    production: Production,
    others: Vec<OldStore>,
    relays: Vec<Relay>,
}

/// The server that is not the one in use: first the follower, later the old primary.
enum OldStore {
    Redis(RedisServer),
    Postgres(PostgresServer),
}

impl FailoverStage {
    async fn start(setup: &Setup) -> Self {
        let (redis, redis_follower, postgres, simulator) = tokio::join!(
            roles::redis_with_roles(),
            roles::redis_with_roles(),
            PostgresServer::start(),
            SimulatorProcess::start()
        );
        redis_follower.follow(&redis).await;
        let database_url = Production::create_database(&postgres).await;
        let standby = postgres.start_standby().await;
        let redis_relay = Relay::start(redis.address()).await;
        let postgres_relay = Relay::start(postgres.address()).await;

        let mut settings: Vec<(&str, &str)> = setup
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        settings.splice(0..0, super::NO_ADDRESS_LIMITS);
        let redis_url = redis_relay.in_place_of(&redis.address(), &redis.url());
        let relayed_url = postgres_relay.in_place_of(&postgres.address(), &database_url);
        settings.push(("REDIS_URL", &redis_url));
        settings.push(("DATABASE_URL", &relayed_url));
        let stores = Stores {
            redis,
            postgres,
            database_url,
        };
        let secrets = Secrets::generate();
        let mut production =
            Production::start_on(stores, simulator, secrets, WORKERS, &settings).await;
        for metrics in &production.worker_metrics {
            harness::wait_for_http(metrics, PATIENCE).await;
        }
        super::slow_gateway(&mut production, setup).await;
        Self {
            production,
            others: vec![OldStore::Redis(redis_follower), OldStore::Postgres(standby)],
            relays: vec![redis_relay, postgres_relay],
        }
    }

    async fn redis_fails_over(&mut self, old: OldPrimary) {
        let OldStore::Redis(second) = &mut self.others[0] else {
            return;
        };
        // From now on it is the first that is old.
        std::mem::swap(second, &mut self.production.redis);
        let (first, new) = (second, &self.production.redis);
        if old == OldPrimary::Hangs {
            first.pause();
        }
        new.take_the_lead().await;
        self.relays[0].lead_to(new.address());
        if old == OldPrimary::Follows {
            first.step_down_for(new).await;
        }
    }

    async fn postgres_fails_over(&mut self, old: OldPrimary) {
        let OldStore::Postgres(second) = &mut self.others[1] else {
            return;
        };
        let own = self.production.postgres.address();
        std::mem::swap(second, &mut self.production.postgres);
        let (first, new) = (second, &self.production.postgres);
        let url = &mut self.production.database_url;
        *url = url.replacen(&own, &new.address(), 1);
        match old {
            OldPrimary::Hangs => {
                first.pause();
                new.promote().await;
            }
            OldPrimary::Follows => {
                first.stop().await;
                new.promote().await;
                first.restart_as_standby_of(new).await;
                // The address still leads to it, and it answers anyone who only asks.
                first.wait_for_clients().await;
                tokio::time::sleep(STALE_ADDRESS).await;
            }
        }
        self.relays[1].lead_to(new.address());
    }
}
