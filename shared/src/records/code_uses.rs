//! Reading which codes were used, for anyone who asks what became of them.

use chrono::{DateTime, Utc};
use domain::otp::Purpose;
use domain::root::RootId;
use sqlx::QueryBuilder;

use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::{Records, RecordsError};

const USES: &str =
    "SELECT challenge_id, purpose, used_at FROM challenge_uses WHERE challenge_id IN (";

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
}

fn corrupt(problem: &'static str) -> RecordsError {
    RecordsError::Corrupt {
        table: "challenge_uses",
        problem,
    }
}
