//! Requests of clients in the file.

use domain::clock::Clock;

use super::{SqliteHotState, unavailable};
use crate::hot_state::model::HotStateError;
use crate::hot_state::{AUTHORIZATION_REQUEST_MILLIS, AuthorizationRequestId};

const KEEP: &str = "INSERT INTO hot_authorization_requests (id, body, expires_at) \
     VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT body FROM hot_authorization_requests WHERE id = $1 AND expires_at > $2";
const TAKE: &str = "DELETE FROM hot_authorization_requests WHERE id = $1";

impl SqliteHotState {
    pub(in crate::hot_state) async fn keep_authorization_request(
        &self,
        clock: &Clock,
        id: AuthorizationRequestId,
        body: &str,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        let kept = sqlx::query(KEEP)
            .bind(id.as_slice())
            .bind(body)
            .bind(clock.now_millis() + AUTHORIZATION_REQUEST_MILLIS)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(kept.rows_affected() > 0)
    }

    pub(in crate::hot_state) async fn authorization_request(
        &self,
        clock: &Clock,
        id: AuthorizationRequestId,
    ) -> Result<Option<String>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        sqlx::query_scalar(FIND)
            .bind(id.as_slice())
            .bind(clock.now_millis())
            .fetch_optional(&mut *reader)
            .await
            .map_err(unavailable)
    }

    pub(in crate::hot_state) async fn take_authorization_request(
        &self,
        id: AuthorizationRequestId,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        let removed = sqlx::query(TAKE)
            .bind(id.as_slice())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(removed.rows_affected() > 0)
    }
}
