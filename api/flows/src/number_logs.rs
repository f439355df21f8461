//! The logs of numbers in hot state are shortened when nothing is left of the codes that they name.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use shared::hot_state::HotStateError;
use shared::hot_state::number_logs::{LOG_LIFE_MILLIS, NAMED_FOR_MILLIS};
use shared::records::{RecordsError, SendPlace};
use tokio::time::sleep;

use crate::flows::Flows;

/// How many sends are looked at in one go, and how long the stores rest after it.
const PAGE: u32 = 500;
const REST: Duration = Duration::from_millis(20);
/// The clock of the worker, which writes the ledger, and that of Redis need not agree.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(5);

/// Why nothing more was shortened this time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotShortened {
    #[error(transparent)]
    HotState(#[from] HotStateError),
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Goes on from where the last one has ended, up to the requests of which something may be left. Of several APIs at once
/// one goes on.
pub(crate) async fn shorten(flows: &Flows) -> Result<(), NotShortened> {
    // By the clock that the logs are written by, so that an API whose own is ahead looks at nothing too early.
    let now = flows.hot_state.now().await?;
    let now = DateTime::from_timestamp_millis(now).unwrap_or_default();
    let end = now - TimeDelta::milliseconds(NAMED_FOR_MILLIS) - CLOCKS_APART;
    let start = now - TimeDelta::milliseconds(LOG_LIFE_MILLIS);
    let mut noted = flows.hot_state.logs_shortened_to().await?;
    loop {
        // What was noted under a clock that was set back since would stop everything.
        let place = noted
            .as_deref()
            .and_then(|noted| std::str::from_utf8(noted).ok()?.parse().ok());
        let place = place
            .filter(|place: &SendPlace| (start..=now).contains(&place.created_at))
            .unwrap_or_else(|| SendPlace::before(start));
        let page = flows.records.written_to(place, end, PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        let (to, is_full) = (last.to_string(), page.len() >= PAGE as usize);
        let numbers: Vec<_> = page.into_iter().filter_map(|(_, phone)| phone).collect();
        let shortening = flows
            .hot_state
            .shorten_logs(&numbers, noted.as_deref(), &to);
        let Some(shorter) = shortening.await? else {
            return Ok(());
        };
        tracing::debug!(shorter, "logs of numbers were shortened");
        if !is_full {
            return Ok(());
        }
        noted = Some(to.into_bytes());
        sleep(REST).await;
    }
}
