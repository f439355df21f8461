//! One SQLite file, in one process: a commit for a request and a commit for a verification, each synced.

use std::path::Path;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use uuid::Uuid;

use super::calls::Caller;
use super::{Job, Opened, Opening};
use crate::Failure;

const TABLES: [&str; 6] = [
    "CREATE TABLE challenges (id BLOB PRIMARY KEY, phone TEXT NOT NULL, code TEXT NOT NULL)",
    "CREATE TABLE jobs (number INTEGER PRIMARY KEY, challenge BLOB NOT NULL)",
    "CREATE TABLE users (id BLOB PRIMARY KEY, phone TEXT NOT NULL UNIQUE)",
    "CREATE TABLE uses (challenge BLOB PRIMARY KEY)",
    "CREATE TABLE sessions (id BLOB PRIMARY KEY, user_id BLOB NOT NULL)",
    "CREATE TABLE tokens (hash BLOB PRIMARY KEY, session_id BLOB NOT NULL)",
];

pub(super) struct File {
    writer: SqlitePool,
    caller: Caller,
}

impl File {
    pub(super) async fn open(file: &Path, gateway: &str) -> Result<Self, Failure> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        for table in TABLES {
            sqlx::query(table).execute(&writer).await?;
        }
        Ok(Self {
            writer,
            caller: Caller::new(gateway)?,
        })
    }

    /// Writes challenge and job in one commit, then makes the call.
    pub(super) async fn ask(&self, session: Uuid, job: &Job) -> Result<(), Failure> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO challenges (id, phone, code) VALUES ($1, $2, $3)")
            .bind(session)
            .bind(&job.phone)
            .bind(&job.code)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO jobs (challenge) VALUES ($1)")
            .bind(session)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let caller = self.caller.clone();
        let job = Job {
            phone: job.phone.clone(),
            code: job.code.clone(),
        };
        tokio::spawn(async move {
            if let Err(failure) = caller.call(&job).await {
                eprintln!("bench: {failure}");
            }
        });
        Ok(())
    }

    /// Nothing where the code is not right.
    pub(super) async fn sign_in(
        &self,
        challenge: Uuid,
        code: &str,
        opening: &Opening,
    ) -> Result<Option<Opened>, Failure> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let phone = "DELETE FROM challenges WHERE id = $1 AND code = $2 RETURNING phone";
        let phone: Option<String> = sqlx::query_scalar(phone)
            .bind(challenge)
            .bind(code)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(phone) = phone else {
            return Ok(None);
        };
        let user = "INSERT INTO users (id, phone) VALUES ($1, $2)
            ON CONFLICT (phone) DO UPDATE SET phone = phone RETURNING id";
        let user: Uuid = sqlx::query_scalar(user)
            .bind(opening.user)
            .bind(&phone)
            .fetch_one(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO uses (challenge) VALUES ($1)")
            .bind(challenge)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO sessions (id, user_id) VALUES ($1, $2)")
            .bind(opening.session)
            .bind(user)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO tokens (hash, session_id) VALUES ($1, $2)")
            .bind(opening.token_hash.as_slice())
            .bind(opening.session)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(Opened {
            user,
            phone,
            is_new: user == opening.user,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_code_signs_in_once_and_a_wrong_one_never() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("floor.sqlite");
        // Nobody listens there: the call fails, and is told.
        let floor = File::open(&file, "http://127.0.0.1:1")
            .await
            .expect("a file");
        let opening = |number| Opening {
            user: Uuid::from_u128(number),
            session: Uuid::from_u128(number + 10),
            token_hash: [u8::try_from(number).unwrap_or_default(); 32],
        };
        for number in [1_u128, 2] {
            let challenge = Uuid::from_u128(number + 20);
            let job = Job {
                phone: "+989120000000".to_owned(),
                code: "123456".to_owned(),
            };
            floor.ask(challenge, &job).await.expect("asked");
            let wrong = floor.sign_in(challenge, "000000", &opening(number)).await;
            assert!(wrong.expect("an answer").is_none());
            let right = floor.sign_in(challenge, "123456", &opening(number)).await;
            let right = right.expect("an answer").expect("signed in");
            assert_eq!(right.user, Uuid::from_u128(1));
            assert_eq!(right.is_new, number == 1);
            let again = floor.sign_in(challenge, "123456", &opening(number)).await;
            assert!(again.expect("an answer").is_none());
        }
        let mode: i64 = sqlx::query_scalar("PRAGMA synchronous")
            .fetch_one(&floor.writer)
            .await
            .expect("a mode");
        assert_eq!(mode, 2, "FULL");
    }
}
