//! Who follows the deliveries of a route: one worker at a time, for as long as it says so.
//!
//! The right has a holder and an end. Its holder renews it with every turn and gives it back when it stops; when
//! it died the right is over after its life. Nothing rests on it but that no question is asked twice: what two
//! have learned of the same message is recorded once, whoever held the right.

use std::time::Duration;

use domain::clock::UnixMillis;
use uuid::Uuid;

use super::model::HotStateError;
use super::{Backend, HotState};
use crate::records::Route;

impl HotState {
    /// Takes or renews the right to follow the deliveries of a route, for as long as `life`. `false` where another
    /// holds it.
    pub async fn follow(
        &self,
        route: &Route,
        holder: Uuid,
        life: Duration,
    ) -> Result<bool, HotStateError> {
        let (clock, life) = (&self.clock, millis(life));
        call!(self, state => state.follow(clock, route, holder, life))
    }

    /// Gives that right back, so that another takes it at once. `false` where this holder did not have it.
    pub async fn stop_following(&self, route: &Route, holder: Uuid) -> Result<bool, HotStateError> {
        call!(self, state => state.stop_following(route, holder))
    }
}

fn millis(life: Duration) -> UnixMillis {
    UnixMillis::try_from(life.as_millis()).unwrap_or(UnixMillis::MAX / 4)
}
