//! Reading which codes were used, for anyone who asks what became of them.

use chrono::{DateTime, Utc};
use domain::otp::Purpose;
use domain::root::RootId;
use sqlx::QueryBuilder;

use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::{Records, RecordsError, micros};

const USES: &str =
    "SELECT challenge_id, purpose, used_at FROM challenge_uses WHERE challenge_id IN (";

const COUNT_USES: &str = "SELECT purpose, COUNT(*) FROM challenge_uses \
     WHERE used_at >= $1 AND used_at < $2 GROUP BY purpose ORDER BY purpose";

/// Of the newest uses only; their messages are found by their key.
const TIMES: &str = "SELECT s.accepted_at, u.used_at FROM (SELECT challenge_id, used_at FROM challenge_uses \
     WHERE used_at >= $1 AND used_at < $2 ORDER BY used_at DESC LIMIT $3) u \
     JOIN sends s ON s.challenge_id = u.challenge_id AND s.send_number = 1 AND s.leg = 1 \
     ORDER BY u.used_at DESC";

/// How many codes of one purpose had their effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedCodes {
    /// What for.
    pub purpose: Purpose,
    /// How many.
    pub codes: u64,
}

/// How long somebody took from asking for a code to giving it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInTime {
    /// When the code was first asked for.
    pub asked_at: DateTime<Utc>,
    /// When it had its effect.
    pub used_at: DateTime<Utc>,
}

/// That a code had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeUse {
    /// Whose code it was.
    pub root: RootId,
    /// What it was used for.
    pub purpose: Purpose,
    /// When.
    pub used_at: DateTime<Utc>,
}

impl Records {
    /// Which of these roots' codes were used, in no order. One that is not among them was not
    /// used, or so long ago that it is forgotten.
    pub async fn code_uses(&self, roots: &[RootId]) -> Result<Vec<CodeUse>, RecordsError> {
        if roots.is_empty() {
            return Ok(Vec::new());
        }
        on_connection!(self, Place::of(Work::Asking), readers, connection => {
            let mut question = QueryBuilder::new(USES);
            let mut list = question.separated(", ");
            for root in roots {
                list.push_bind(root.as_bytes().to_vec());
            }
            question.push(")");
            let rows: Vec<(Vec<u8>, String, DateTime<Utc>)> = question
                .build_query_as()
                .persistent(false)
                .fetch_all(connection)
                .await?;
            rows.into_iter()
                .map(|(root, purpose, used_at)| {
                    let root = root
                        .try_into()
                        .map_err(|_| corrupt("challenge_id is not 16 bytes long"))?;
                    Ok(CodeUse {
                        root: RootId::from_bytes(root),
                        purpose: Purpose::from_name(&purpose)
                            .ok_or_else(|| corrupt("purpose is of no known name"))?,
                        used_at,
                    })
                })
                .collect()
        })
    }

    /// How many codes had their effect from one moment up to another; purposes without any are left out.
    pub async fn count_code_uses(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<UsedCodes>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<(String, i64)> = sqlx::query_as(COUNT_USES)
                .bind(micros(from))
                .bind(micros(to))
                .fetch_all(connection)
                .await?;
            rows.into_iter()
                .map(|(purpose, codes)| Ok(UsedCodes {
                    purpose: Purpose::from_name(&purpose)
                        .ok_or_else(|| corrupt("purpose is of no known name"))?,
                    codes: codes.unsigned_abs(),
                }))
                .collect()
        })
    }

    /// How long the last of those took who gave a code back from one moment up to another, the newest first;
    /// `limit` of them are looked at.
    pub async fn sign_in_times(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<SignInTime>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<(DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(TIMES)
                .bind(micros(from))
                .bind(micros(to))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            Ok(rows
                .into_iter()
                .map(|(asked_at, used_at)| SignInTime { asked_at, used_at })
                .collect())
        })
    }
}

fn corrupt(problem: &'static str) -> RecordsError {
    RecordsError::Corrupt {
        table: "challenge_uses",
        problem,
    }
}
