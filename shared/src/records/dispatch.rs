//! One SQL text for two databases: these macros expand a piece of code once for each.

/// Evaluates `$body`, a `Result<_, RecordsError>`, with `$connection` bound to a connection of
/// whichever database this is, under the time limit. `$pool` says which connections of a SQLite
/// file: `readers` or `writer`; with the latter all that `$body` writes is kept, or nothing where it fails. `$place`, a [`Place`](super::places::Place), says what the call is for and
/// which row it locks; without it, it is like most others and locks none that many want.
macro_rules! on_connection {
    (@server $server:ident, $deadline:ident, $settle:ident, $place:expr, $connection:ident => $body:expr) => {{
        let mut lease = $server.acquire($deadline, &$place).await?;
        let result = $crate::records::connection::within($deadline, async {
            let mut hold = lease.hold().await?;
            let result = async {
                let $connection = hold.connection();
                $body
            }
            .await;
            hold.end(result).await
        })
        .await;
        lease.$settle($deadline, &result);
        result
    }};
    (@file readers, $file:ident, $connection:ident => $body:expr) => {{
        let mut lease = $file.readers().acquire().await?;
        let $connection = &mut *lease;
        $body
    }};
    (@file writer, $file:ident, $connection:ident => $body:expr) => {{
        let mut turn = $file.begin_writing().await?;
        let result = async {
            let $connection = &mut *turn;
            $body
        }
        .await;
        $crate::records::connection::keep(turn, result).await
    }};
    ($records:expr, $pool:ident, $connection:ident => $body:expr) => {
        $crate::records::dispatch::on_connection!(
            $records,
            $crate::records::places::Place::of($crate::records::places::Work::Other),
            $pool,
            $connection => $body
        )
    };
    ($records:expr, $place:expr, $pool:ident, $connection:ident => $body:expr) => {{
        let deadline = $records.deadline();
        match $records.store() {
            $crate::records::connection::Store::Postgres(server) => {
                $crate::records::dispatch::on_connection!(
                    @server server, deadline, settle_statements, $place, $connection => $body
                )
            }
            $crate::records::connection::Store::Sqlite(file) => {
                $crate::records::connection::within(deadline, async {
                    $crate::records::dispatch::on_connection!(@file $pool, file, $connection => $body)
                })
                .await
            }
        }
    }};
}

/// [`on_connection`] inside a transaction that writes. `$body` ends it by `commit()`; where it
/// does not, everything is undone.
macro_rules! in_transaction {
    (@file $deadline:ident, $file:ident, $transaction:ident => $body:expr) => {
        $crate::records::connection::within($deadline, async {
            let mut others = None;
            let result = async {
                let mut $transaction = $file.begin_writing().await?;
                others = Some($transaction.others());
                $body
            }
            .await;
            $crate::records::connection::told_with(others, result).await
        })
        .await
    };
    ($records:expr, $transaction:ident => $body:expr) => {
        $crate::records::dispatch::in_transaction!(
            $records,
            $crate::records::places::Place::of($crate::records::places::Work::Other),
            $transaction => $body
        )
    };
    ($records:expr, $place:expr, $transaction:ident => $body:expr) => {{
        let deadline = $records.deadline();
        match $records.store() {
            $crate::records::connection::Store::Postgres(server) => {
                $crate::records::dispatch::on_connection!(@server server, deadline, settle, $place, connection => {
                    let mut $transaction = sqlx::Connection::begin(connection).await?;
                    $body
                })
            }
            $crate::records::connection::Store::Sqlite(file) => {
                $crate::records::dispatch::in_transaction!(@file deadline, file, $transaction => $body)
            }
        }
    }};
}

pub(super) use {in_transaction, on_connection};
