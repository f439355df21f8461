//! Logs of numbers in the file: a row for each request, and nothing to shorten.

use domain::clock::Clock;
use domain::phone::PhoneNumber;

use super::SqliteHotState;
use crate::hot_state::model::HotStateError;

#[expect(
    clippy::unused_async,
    reason = "the Redis back end has work to do here"
)]
impl SqliteHotState {
    pub(in crate::hot_state) async fn logs_shortened_to(
        &self,
    ) -> Result<Option<Vec<u8>>, HotStateError> {
        Ok(None)
    }

    pub(in crate::hot_state) async fn shorten_logs(
        &self,
        _clock: &Clock,
        _numbers: &[PhoneNumber],
        _from: &[u8],
        _to: &str,
    ) -> Result<Option<u64>, HotStateError> {
        Ok(None)
    }
}
