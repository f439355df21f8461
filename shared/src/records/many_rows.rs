//! Many rows handed to one statement, as a table at its head.
//!
//! PostgreSQL gets an array for each column. The text is the same for any number of rows, so each connection prepares and
//! plans it once; with a parameter for each value, reading and planning the text took longer than writing the rows.
//! SQLite has no arrays and gets the values.

use std::fmt::Write as _;
use std::future::Future;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, Sqlite, SqliteConnection};

/// Statements of so few rows are prepared once per connection to a SQLite file. Each number of rows is another
/// text, and a cache of hundreds of long ones would cost more than it saves.
const PERSISTENT_ROWS: usize = 16;

/// A query over arrays, whose rows are read as `T`.
type OverArrays<T> = QueryAs<'static, Postgres, T, PgArguments>;

/// Rows that a statement takes: see [`many_rows!`].
pub(super) trait ManyRows: Sized + Send {
    /// The name of their table.
    const TABLE: &'static str;
    /// Each column, with its type in PostgreSQL.
    const COLUMNS: &'static [(&'static str, &'static str)];
    /// What all rows fulfil and PostgreSQL takes for rare. It takes an array that it does not know for ten rows, and
    /// for so many it reads a table that is small, or was when it planned, from end to end. This makes it
    /// expect one, for which it takes an index.
    const EACH: &'static str;

    /// Adds an array for each column.
    fn bind<T>(rows: Vec<Self>, query: OverArrays<T>) -> OverArrays<T>;
    /// Adds the values, row by row.
    fn push(rows: Vec<Self>, query: &mut QueryBuilder<Sqlite>);
}

/// A statement that begins with rows.
pub(super) struct RowsStatement {
    over_arrays: String,
    before_values: String,
    rest: String,
}

impl RowsStatement {
    /// `rest` follows after `WITH table AS (…) `.
    pub(super) fn new<R: ManyRows>(rest: impl Into<String>) -> Self {
        let (mut names, mut arrays) = (String::new(), String::new());
        for (place, (name, of_type)) in (1..).zip(R::COLUMNS) {
            let comma = if place == 1 { "" } else { ", " };
            let _ = write!(names, "{comma}{name}");
            let _ = write!(arrays, "{comma}${place}::{of_type}[]");
        }
        let (table, each, rest) = (R::TABLE, R::EACH, rest.into());
        Self {
            over_arrays: format!(
                "WITH {table} AS (SELECT * FROM unnest({arrays}) AS {table} ({names}) WHERE {each}) {rest}"
            ),
            before_values: format!("WITH {table} ({names}) AS ("),
            rest,
        }
    }

    fn over_values<R: ManyRows>(&self, rows: Vec<R>) -> QueryBuilder<Sqlite> {
        let mut query = QueryBuilder::new(self.before_values.as_str());
        R::push(rows, &mut query);
        query.push(") ").push(self.rest.as_str());
        query
    }
}

/// A connection that takes such statements.
pub(super) trait TakesRows {
    /// What it answers with.
    type Row: sqlx::Row;

    /// Runs the statement with these rows, of which there is at least one.
    fn fetch_with_rows<R, T>(
        &mut self,
        statement: &'static RowsStatement,
        rows: Vec<R>,
    ) -> impl Future<Output = sqlx::Result<Vec<T>>> + Send
    where
        R: ManyRows,
        T: for<'r> FromRow<'r, Self::Row> + Send + Unpin;
}

impl TakesRows for PgConnection {
    type Row = PgRow;

    async fn fetch_with_rows<R, T>(
        &mut self,
        statement: &'static RowsStatement,
        rows: Vec<R>,
    ) -> sqlx::Result<Vec<T>>
    where
        R: ManyRows,
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let query = sqlx::query_as(statement.over_arrays.as_str());
        R::bind(rows, query).fetch_all(self).await
    }
}

impl TakesRows for SqliteConnection {
    type Row = SqliteRow;

    async fn fetch_with_rows<R, T>(
        &mut self,
        statement: &'static RowsStatement,
        rows: Vec<R>,
    ) -> sqlx::Result<Vec<T>>
    where
        R: ManyRows,
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let is_short = rows.len() <= PERSISTENT_ROWS;
        let mut query = statement.over_values(rows);
        let query = query.build_query_as().persistent(is_short);
        query.fetch_all(self).await
    }
}

/// Declares a row that statements take many of: the name of its table, what each row fulfils, and its columns with
/// their types in PostgreSQL.
macro_rules! many_rows {
    (
        $(#[$meta:meta])*
        struct $Row:ident in $table:literal where $each:literal {
            $($column:ident: $value:ty as $of_type:literal,)+
        }
    ) => {
        $(#[$meta])*
        struct $Row {
            $($column: $value,)+
        }

        impl $crate::records::many_rows::ManyRows for $Row {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($column), $of_type)),+];
            const EACH: &'static str = $each;

            fn bind<T>(
                rows: Vec<Self>,
                query: sqlx::query::QueryAs<'static, sqlx::Postgres, T, sqlx::postgres::PgArguments>,
            ) -> sqlx::query::QueryAs<'static, sqlx::Postgres, T, sqlx::postgres::PgArguments> {
                $(let mut $column = Vec::with_capacity(rows.len());)+
                for row in rows {
                    $($column.push(row.$column);)+
                }
                query$(.bind($column))+
            }

            fn push(rows: Vec<Self>, query: &mut sqlx::QueryBuilder<sqlx::Sqlite>) {
                query.push_values(rows, |mut values, row| {
                    values$(.push_bind(row.$column))+;
                });
            }
        }
    };
}
pub(super) use many_rows;

#[cfg(test)]
mod tests {
    use sqlx::SqlStr;

    use super::*;

    many_rows! {
        struct Pair in "pairs" where "left_one > 0" {
            left_one: i64 as "BIGINT",
            right_one: Option<String> as "TEXT",
        }
    }

    fn pairs(count: i64) -> Vec<Pair> {
        let pair = |left_one| Pair {
            left_one,
            right_one: None,
        };
        (1..=count).map(pair).collect()
    }

    #[test]
    fn arrays_are_one_text_for_any_number_of_rows() {
        let statement = RowsStatement::new::<Pair>("SELECT 1 FROM pairs");
        assert_eq!(
            statement.over_arrays,
            "WITH pairs AS (SELECT * FROM unnest($1::BIGINT[], $2::TEXT[]) AS pairs (left_one, right_one) \
             WHERE left_one > 0) SELECT 1 FROM pairs"
        );
    }

    #[test]
    fn values_stand_row_by_row() {
        let statement = RowsStatement::new::<Pair>("SELECT 1 FROM pairs");
        let text = statement.over_values(pairs(2)).into_sql();
        assert_eq!(
            SqlStr::as_str(&text),
            "WITH pairs (left_one, right_one) AS (VALUES (?, ?), (?, ?)) SELECT 1 FROM pairs"
        );
    }
}
