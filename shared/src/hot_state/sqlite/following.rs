//! Who follows deliveries, in the file; the twin of `redis/follow.lua` and `redis/stop_following.lua`.

use domain::clock::{Clock, UnixMillis};
use uuid::Uuid;

use super::{SqliteHotState, unavailable};
use crate::hot_state::model::HotStateError;
use crate::records::Route;

/// A right that ends later than any is over: the clock was set back since.
const FOLLOW: &str = "INSERT INTO hot_following (route, holder, until) VALUES ($1, $2, $4) \
     ON CONFLICT (route) DO UPDATE SET holder = excluded.holder, until = excluded.until \
     WHERE hot_following.holder = excluded.holder OR hot_following.until <= $3 \
     OR hot_following.until > excluded.until";
const STOP_FOLLOWING: &str = "DELETE FROM hot_following WHERE route = $1 AND holder = $2";

impl SqliteHotState {
    pub(in crate::hot_state) async fn follow(
        &self,
        clock: &Clock,
        route: &Route,
        holder: Uuid,
        life: UnixMillis,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        // Read with the file in hand: the writer may have been waited for.
        let now = clock.now_millis();
        let taken = sqlx::query(FOLLOW)
            .bind(route.as_str())
            .bind(holder)
            .bind(now)
            .bind(now + life)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(taken.rows_affected() > 0)
    }

    pub(in crate::hot_state) async fn stop_following(
        &self,
        route: &Route,
        holder: Uuid,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        let stopped = sqlx::query(STOP_FOLLOWING)
            .bind(route.as_str())
            .bind(holder)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(stopped.rows_affected() > 0)
    }
}
