//! Looks how full hot state is, so that new requests are refused while what was accepted before still has
//! room to go its way.

use std::time::Duration;

use prometheus::Registry;
use tokio::time::{MissedTickBehavior, interval};

use crate::hot_state::HotState;
use crate::telemetry::MetricSet as _;

/// The reserve must not be used up between two looks.
const EVERY: Duration = Duration::from_secs(1);

crate::metrics! {
    /// Gauges of the room of one process' hot state. They have no value until the store was looked at.
    #[derive(Clone, Debug)]
    struct RoomGauges {
        /// The used part of what hot state may hold, of maxmemory or of the disk; 0 without a limit.
        used: GaugeVec("ramz_store_used_ratio", ["store"]);
        /// 1 while new requests are refused because hot state has too little room left.
        full: IntGaugeVec("ramz_store_full", ["store"]);
    }
}

/// Looks at the room of one process' hot state.
#[derive(Clone, Debug)]
pub(super) struct RoomWatch {
    hot_state: HotState,
    gauges: RoomGauges,
}

impl RoomWatch {
    /// Makes and registers the gauges.
    pub(super) fn register(registry: &Registry, hot_state: &HotState) -> prometheus::Result<Self> {
        Ok(Self {
            hot_state: hot_state.clone(),
            gauges: RoomGauges::register(registry)?,
        })
    }

    /// Looks every second, for ever.
    pub(super) async fn watch(&self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut was_full, mut unknown) = (false, false);
        loop {
            ticks.tick().await;
            let store = self.hot_state.back_end();
            match self.hot_state.measure_room().await {
                Ok(fill) => {
                    let used = fill.map_or(0.0, |fill| fill.used);
                    self.gauges.used.with_label_values(&[store]).set(used);
                }
                Err(error) => {
                    // That it is away is told elsewhere.
                    if !std::mem::replace(&mut unknown, true) {
                        tracing::warn!(store, %error, "cannot see how full a store is");
                    }
                    continue;
                }
            }
            unknown = false;
            let full = self.hot_state.is_full();
            self.gauges
                .full
                .with_label_values(&[store])
                .set(full.into());
            match (std::mem::replace(&mut was_full, full), full) {
                (false, true) => tracing::error!(
                    store,
                    "a store is nearly full: new requests are refused until there is room"
                ),
                (true, false) => tracing::info!(store, "a store has room for new requests again"),
                _ => {}
            }
        }
    }
}
