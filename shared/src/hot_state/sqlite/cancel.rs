//! Taking back a request that was granted although its client was refused; the twin of
//! `redis/cancel.lua`.

use domain::clock::{Clock, UnixMillis};
use sqlx::SqliteConnection;

use super::{SqliteHotState, codes, limits, unavailable};
use crate::hot_state::limits::rows;
use crate::hot_state::model::HotStateError;
use crate::hot_state::unanswered::{Cancelled, Unanswered};

const LAST_SEND: &str = "SELECT rowid, at, texted FROM hot_phone_sends WHERE phone = $1 \
     ORDER BY at DESC, rowid DESC LIMIT 1";
const FORGET_SEND: &str = "DELETE FROM hot_phone_sends WHERE rowid = $1";
const TAKE_JOB_BACK: &str = "DELETE FROM jobs WHERE consumer IS NULL AND instr(payload, $1) > 0 \
     AND json_extract(payload, '$.accepted_at') = $2";
const END_CHALLENGE: &str = "DELETE FROM hot_challenges WHERE id = $1";
const END_ROOT: &str = "DELETE FROM hot_roots WHERE id = $1";
/// It was there before, and may ask again at once.
const AS_BEFORE: &str =
    "UPDATE hot_challenges SET nonce = x'', last_asked_at = created_at WHERE id = $1";
/// Anyone who asks next relies on no message that was never sent.
const UNTEXTED: &str = "UPDATE hot_roots SET last_send_at = 0 WHERE id = $1";

impl SqliteHotState {
    pub(in crate::hot_state) async fn cancel(
        &self,
        clock: &Clock,
        request: &Unanswered,
    ) -> Result<Cancelled, HotStateError> {
        let mut transaction = self.begin().await?;
        let now = clock.now_millis();
        let ended = cancel(&mut transaction, now, request).await?;
        if ended == Cancelled::Cancelled {
            transaction.commit().await.map_err(unavailable)?;
        } else {
            transaction.undo().await.map_err(unavailable)?;
        }
        Ok(ended)
    }
}

async fn cancel(
    connection: &mut SqliteConnection,
    now: UnixMillis,
    request: &Unanswered,
) -> Result<Cancelled, HotStateError> {
    let Some(found) = codes::find(connection, request.id, None).await? else {
        return Ok(Cancelled::NotGranted);
    };
    // Also where it was taken back before.
    if found.row.nonce != request.nonce {
        return Ok(Cancelled::NotGranted);
    }
    let challenge = found.row.on(found.root)?;
    let phone = &challenge.root.phone;
    let last: Option<(i64, UnixMillis, bool)> = sqlx::query_as(LAST_SEND)
        .bind(phone.as_e164())
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    let Some((send, _, texted)) = last.filter(|(_, at, _)| *at == challenge.last_asked_at) else {
        return Ok(Cancelled::TooLate);
    };
    if texted {
        let taken_back = sqlx::query(TAKE_JOB_BACK)
            .bind(format!("\"challenge\":\"{}\"", request.id))
            .bind(challenge.last_asked_at)
            .execute(&mut *connection)
            .await
            .map_err(unavailable)?;
        if taken_back.rows_affected() == 0 {
            return Ok(Cancelled::TooLate);
        }
    }
    sqlx::query(FORGET_SEND)
        .bind(send)
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
    let subjects = request.subjects();
    let rows = rows(subjects.asking(), &subjects, &request.quotas);
    limits::give_back(connection, &rows, phone.digits(), &subjects, now).await?;
    let was_there = challenge.last_asked_at != challenge.created_at;
    let began = !was_there && challenge.root.created_at == challenge.created_at;
    let began = began && challenge.root.id == challenge.id.into();
    let (of_challenge, of_root) = match (was_there, began) {
        (true, _) => (AS_BEFORE, UNTEXTED),
        (false, true) => (END_CHALLENGE, END_ROOT),
        (false, false) => (END_CHALLENGE, UNTEXTED),
    };
    sqlx::query(of_challenge)
        .bind(&request.id.as_bytes()[..])
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
    if texted || began {
        sqlx::query(of_root)
            .bind(&challenge.root.id.as_bytes()[..])
            .execute(connection)
            .await
            .map_err(unavailable)?;
    }
    Ok(Cancelled::Cancelled)
}
