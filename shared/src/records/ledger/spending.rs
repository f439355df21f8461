//! What the messages have cost.

use chrono::{DateTime, Utc};
use domain::challenge::Channel;
use domain::notice::MessagePurpose;

use super::Route;
use super::row::corrupt;
use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

/// The sum of `BIGINT` is `NUMERIC` in PostgreSQL.
const SPENT: &str = "SELECT CAST(COALESCE(SUM(cost_rials), 0) AS BIGINT) FROM sends \
     WHERE created_at >= $1 AND created_at < $2 AND state = 'accepted'";

/// The digits of a number behind its country that tell its operator are five.
const BY_KIND: &str = "SELECT purpose, channel, route, SUBSTR(phone, 1, 8) AS prefix, COUNT(*), \
     COUNT(*) FILTER (WHERE cost_rials IS NULL), CAST(COALESCE(SUM(cost_rials), 0) AS BIGINT) \
     FROM sends WHERE created_at >= $1 AND created_at < $2 AND state = 'accepted' \
     GROUP BY 1, 2, 3, 4";

/// What the accepted messages of one kind have cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// What they were for.
    pub purpose: MessagePurpose,
    /// How they travelled.
    pub channel: Channel,
    /// Over which gateway.
    pub route: Route,
    /// How their numbers begin, up to eight characters of E.164; nothing of deleted accounts.
    pub prefix: Option<String>,
    /// How many there were.
    pub messages: u64,
    /// For how many of them the gateway named no price.
    pub unpriced: u64,
    /// What the others cost, in rials.
    pub rials: i64,
}

type Row = (String, String, String, Option<String>, i64, i64, i64);

impl Records {
    /// What the accepted sends of a time have cost, by their kinds. It reads every row of that time, so callers
    /// that want a long one add up short ones.
    pub async fn spent_by_kind(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Spent>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<Row> = sqlx::query_as(BY_KIND)
                .bind(micros(from))
                .bind(micros(to))
                .fetch_all(connection)
                .await?;
            rows.into_iter().map(read).collect()
        })
    }

    /// What the sends cost, in rials, that were made from one moment up to another and that the
    /// gateway has accepted, as far as it named a price.
    ///
    /// It reads every row of that time, so callers that want a long one add up short ones.
    pub async fn spent_between(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<i64, RecordsError> {
        on_connection!(self, readers, connection => {
            Ok(sqlx::query_scalar(SPENT)
                .bind(micros(from))
                .bind(micros(to))
                .fetch_one(connection)
                .await?)
        })
    }
}

fn read(
    (purpose, channel, route, prefix, messages, unpriced, rials): Row,
) -> Result<Spent, RecordsError> {
    Ok(Spent {
        purpose: MessagePurpose::from_name(&purpose)
            .ok_or_else(|| corrupt("purpose is of no known name"))?,
        channel: Channel::from_name(&channel)
            .ok_or_else(|| corrupt("channel is of no known name"))?,
        route: Route::stored(route),
        prefix,
        messages: messages.unsigned_abs(),
        unpriced: unpriced.unsigned_abs(),
        rials,
    })
}
