//! Waiting for the ledger.
//!
//! While PostgreSQL is away nothing may be sent, because the attempt could not be recorded before
//! the call; and an attempt that was made must not be forgotten. So a run waits, with its job kept
//! alive and its slot taken: when all slots wait, the worker has stopped reading.

use std::time::Duration;

use shared::backoff::RetryDelays;
use shared::records::RecordsError;
use tokio_util::sync::CancellationToken;

/// After a stop, an outcome that cannot be recorded within this time is left to the next run, which
/// finds the row in `sending` and calls it unknown.
const AFTER_STOP: Duration = Duration::from_secs(5);

/// Why the waiting ended without an answer.
#[derive(Debug)]
pub(crate) enum GaveUp {
    /// The worker is being stopped.
    Stopped,
    /// The ledger answered, and will not answer otherwise by waiting.
    Refused(RecordsError),
}

/// Repeats a call to the ledger until it answers or the worker is stopped.
pub(crate) async fn until_recorded<T, C>(
    delays: &RetryDelays,
    stop: &CancellationToken,
    call: impl Fn() -> C,
) -> Result<T, GaveUp>
where
    C: Future<Output = Result<T, RecordsError>>,
{
    repeat(delays, call, |pause| async move {
        stop.run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_some()
    })
    .await
}

/// The same for what has already happened: it goes on for a little while after a stop.
pub(crate) async fn until_recorded_even_when_stopped<T, C>(
    delays: &RetryDelays,
    stop: &CancellationToken,
    call: impl Fn() -> C,
) -> Result<T, GaveUp>
where
    C: Future<Output = Result<T, RecordsError>>,
{
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(AFTER_STOP).await;
    };
    let recorded = repeat(delays, call, |pause| async move {
        tokio::time::sleep(pause).await;
        true
    });
    tokio::select! {
        recorded = recorded => recorded,
        () = too_late => Err(GaveUp::Stopped),
    }
}

async fn repeat<T, C, W>(
    delays: &RetryDelays,
    call: impl Fn() -> C,
    wait: impl Fn(Duration) -> W,
) -> Result<T, GaveUp>
where
    C: Future<Output = Result<T, RecordsError>>,
    W: Future<Output = bool>,
{
    let mut failures = 0_u32;
    loop {
        match call().await {
            Ok(answer) => {
                if failures > 0 {
                    tracing::info!(failures, "the ledger can be written again");
                }
                return Ok(answer);
            }
            Err(error @ RecordsError::Unavailable(_)) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::error!(%error, failures, "the ledger cannot be written; waiting for it");
                }
                if !wait(delays.delay(failures)).await {
                    return Err(GaveUp::Stopped);
                }
            }
            Err(error) => return Err(GaveUp::Refused(error)),
        }
    }
}
