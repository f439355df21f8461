//! Shows in the metrics whether the stores answer, how full hot state is, and how many connections the
//! records hold.

use std::time::Duration;

use prometheus::{IntGauge, IntGaugeVec, Registry};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Stores;
use super::room_watch::RoomWatch;
use crate::hot_state::{HotState, HotStateError};
use crate::loops::{self, Loop};
use crate::records::{Records, RecordsError};
use crate::telemetry::MetricSet as _;

const EVERY: Duration = Duration::from_secs(5);
/// A server that needs longer is no use to a request; hot state has the same limit of its own. Of a
/// SQLite file its usual limits hold: bursts of writing may take seconds.
const ANSWERS_WITHIN: Duration = Duration::from_millis(900);

crate::metrics! {
    /// Gauges of the stores of one process. Whether a store is up has no value until it was asked.
    struct StoreGauges {
        /// 1 while a store answers this process in time.
        up: IntGaugeVec("ramz_store_up", ["store"]);
        /// Connections to the records that this process holds.
        connections: IntGaugeVec("ramz_database_connections", ["state"]);
        /// Connections to the records that this process may hold.
        most: IntGauge("ramz_database_connections_max");
    }
}

/// Looks at the stores of one process.
#[derive(Clone, Debug)]
pub struct StoreWatch {
    hot_state: Watched<HotState>,
    records: Watched<Records>,
    room: RoomWatch,
    up: IntGaugeVec,
    idle: IntGauge,
    used: IntGauge,
}

/// A store, and whether it was up when it was last asked.
#[derive(Clone, Debug)]
struct Watched<S> {
    store: S,
    name: &'static str,
    up: Option<bool>,
}

impl<S> Watched<S> {
    fn new(store: S, name: &'static str) -> Self {
        let up = None;
        Self { store, name, up }
    }

    /// Whether this is news.
    fn changes(&mut self, up: bool) -> bool {
        self.up.replace(up) != Some(up)
    }

    /// Tells of a change, once. That a store can be used at the start is no news.
    fn tell(&self, cause: Option<&str>, first: bool) {
        match cause {
            Some(cause) => tracing::error!(store = self.name, cause, "a store cannot be used"),
            None if first => {}
            None => tracing::info!(store = self.name, "a store can be used again"),
        }
    }
}

impl StoreWatch {
    /// Makes and registers the gauges.
    pub fn register(registry: &Registry, stores: &Stores) -> prometheus::Result<Self> {
        let hot_state = stores.hot_state.clone();
        let records = match stores.records.back_end() {
            "postgres" => stores.records.clone().with_time_limit(ANSWERS_WITHIN),
            _ => stores.records.clone(),
        };
        let gauges = StoreGauges::register(registry)?;
        gauges.most.set(records.connections().most.into());
        Ok(Self {
            hot_state: Watched::new(hot_state, stores.hot_state.back_end()),
            records: Watched::new(records, stores.records.back_end()),
            room: RoomWatch::register(registry, &stores.hot_state)?,
            idle: gauges.connections.with_label_values(&["idle"]),
            used: gauges.connections.with_label_values(&["used"]),
            up: gauges.up,
        })
    }

    /// Asks every few seconds until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let (room, stopped) = (self.room.clone(), shutdown.clone());
        let stores = loops::run(Loop::Stores, shutdown.clone(), || {
            let (watch, stopped) = (self.clone(), stopped.clone());
            async move {
                let _stopped = stopped.run_until_cancelled(watch.watch()).await;
            }
        });
        let room = loops::run(Loop::Room, shutdown.clone(), || {
            let (room, stopped) = (room.clone(), shutdown.clone());
            async move {
                let _stopped = stopped.run_until_cancelled(room.watch()).await;
            }
        });
        tokio::join!(stores, room);
    }

    async fn watch(mut self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            Box::pin(self.look()).await;
        }
    }

    async fn told_of_hot_state(&mut self, error: Option<&HotStateError>) {
        let first = self.hot_state.up.is_none();
        if !self.hot_state.changes(error.is_none()) {
            return;
        }
        let cause = error.map(ToString::to_string);
        self.hot_state.tell(cause.as_deref(), first);
        // One that was away at the start, or another that has taken its place.
        if cause.is_none()
            && let Some(problem) = self.hot_state.store.version_problem().await
        {
            tracing::error!("{problem}");
        }
    }

    async fn told_of_records(&mut self, error: Option<&RecordsError>) {
        let first = self.records.up.is_none();
        if !self.records.changes(error.is_none()) {
            return;
        }
        let Some(error) = error else {
            self.records.tell(None, first);
            return;
        };
        let why = self.records.store.why_away().await;
        let cause = why.unwrap_or_else(|| error.explained());
        self.records.tell(Some(&cause), first);
    }

    async fn look(&mut self) {
        // Before the question, which needs a connection itself.
        let connections = self.records.store.connections();
        self.idle.set(connections.idle.into());
        self.used.set(connections.used.into());
        let (hot_state, records) =
            tokio::join!(self.hot_state.store.ping(), self.records.store.ping());
        self.told_of_hot_state(hot_state.as_ref().err()).await;
        self.told_of_records(records.as_ref().err()).await;
        let (hot_state, records) = (hot_state.is_ok(), records.is_ok());
        let show = |store, up: bool| self.up.with_label_values(&[store]).set(up.into());
        if self.hot_state.name == self.records.name {
            show(self.records.name, hot_state && records);
        } else {
            show(self.hot_state.name, hot_state);
            show(self.records.name, records);
        }
    }
}
