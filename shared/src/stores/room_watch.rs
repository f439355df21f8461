//! Looks how full hot state is, so that new requests are refused while what was accepted before still has
//! room to go its way.

use std::time::Duration;

use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};
use tokio::time::{MissedTickBehavior, interval};

use crate::hot_state::HotState;

/// The reserve must not be used up between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Gauges of the room of one process' hot state.
#[derive(Clone, Debug)]
pub(super) struct RoomWatch {
    hot_state: HotState,
    used: GaugeVec,
    full: IntGaugeVec,
}

impl RoomWatch {
    /// Makes and registers the gauges. They have no value until the store was looked at.
    pub(super) fn register(registry: &Registry, hot_state: &HotState) -> prometheus::Result<Self> {
        let used = GaugeVec::new(
            Opts::new(
                "ramz_store_used_ratio",
                "The used part of what hot state may hold, of maxmemory or of the disk; 0 without a limit.",
            ),
            &["store"],
        )?;
        let full = IntGaugeVec::new(
            Opts::new(
                "ramz_store_full",
                "1 while new requests are refused because hot state has too little room left.",
            ),
            &["store"],
        )?;
        registry.register(Box::new(used.clone()))?;
        registry.register(Box::new(full.clone()))?;
        Ok(Self {
            hot_state: hot_state.clone(),
            used,
            full,
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
                    self.used.with_label_values(&[store]).set(used);
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
            self.full.with_label_values(&[store]).set(full.into());
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
