//! Several statements that go to the connection and back together.
//!
//! A connection has a thread of its own. Each way there and back wakes two threads, which costs more than most
//! statements do, and keeps the file from everybody else for as long.

use std::fmt::Write as _;
use std::mem;

use futures::TryStreamExt as _;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Either, Encode, Executor as _, FromRow, Sqlite,
    SqliteConnection, Type,
};

/// Statements in the order in which they are run. One that fails ends it, and those before it have had their effect.
#[derive(Default)]
pub(crate) struct Script {
    text: String,
    values: SqliteArguments,
    statements: usize,
    trouble: Option<BoxDynError>,
}

/// A statement of a script whose answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question(usize);

/// A statement that was added, whose parameters are bound in their order.
pub(crate) struct Added<'s>(&'s mut Script);

/// What came of the statements of a script.
pub(crate) struct Answers(Vec<Answer>);

struct Answer {
    rows: Vec<SqliteRow>,
    changed: u64,
}

impl Script {
    /// Adds a statement. Its parameters are numbered from `$1` on, as if it stood alone.
    pub(crate) fn add(&mut self, statement: &str) -> Added<'_> {
        if self.statements > 0 {
            self.text.push_str(";\n");
        }
        self.statements += 1;
        push_numbered_after(&mut self.text, statement, self.values.len());
        Added(self)
    }

    /// Runs all.
    pub(crate) async fn run(self, connection: &mut SqliteConnection) -> sqlx::Result<Answers> {
        let mut answers = Vec::with_capacity(self.statements);
        if let Some(trouble) = self.trouble {
            return Err(sqlx::Error::Encode(trouble));
        }
        if self.statements == 0 {
            return Ok(Answers(answers));
        }
        // All of the text is made of statements that are written in the code.
        let query = sqlx::query_with(AssertSqlSafe(self.text), self.values);
        let mut results = connection.fetch_many(query);
        let mut rows = Vec::new();
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Right(row) => rows.push(row),
                Either::Left(done) => answers.push(Answer {
                    rows: mem::take(&mut rows),
                    changed: done.rows_affected(),
                }),
            }
        }
        Ok(Answers(answers))
    }
}

impl Added<'_> {
    /// Binds the next parameter.
    pub(crate) fn bind<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(self, value: T) -> Self {
        if let Err(trouble) = self.0.values.add(value) {
            self.0.trouble = Some(trouble);
        }
        self
    }

    /// To be named when the answers are there.
    pub(crate) fn question(self) -> Question {
        Question(self.0.statements - 1)
    }
}

impl Answers {
    /// The first row.
    pub(crate) fn first<T>(&self, question: Question) -> sqlx::Result<Option<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        self.rows(question).first().map(T::from_row).transpose()
    }

    /// All rows.
    pub(crate) fn all<T>(&self, question: Question) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        self.rows(question).iter().map(T::from_row).collect()
    }

    /// How many rows a statement that writes has changed.
    pub(crate) fn changed(&self, question: Question) -> u64 {
        self.0.get(question.0).map_or(0, |answer| answer.changed)
    }

    fn rows(&self, question: Question) -> &[SqliteRow] {
        let answer = self.0.get(question.0);
        answer.map_or(&[], |answer| &answer.rows)
    }
}

/// Parameters are numbered through all of a text.
fn push_numbered_after(text: &mut String, statement: &str, before: usize) {
    let mut rest = statement;
    while let Some((plain, after)) = rest.split_once('$') {
        text.push_str(plain);
        text.push('$');
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = after.split_at(digits);
        if let Ok(number) = number.parse::<usize>() {
            // Writing to a text does not fail.
            let _ = write!(text, "{}", number + before);
        }
        rest = after;
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;

    async fn connection() -> SqliteConnection {
        let connection = SqliteConnection::connect("sqlite::memory:").await;
        connection.expect("a file in memory")
    }

    #[tokio::test]
    async fn each_statement_has_its_own_parameters_and_its_own_answer() {
        let mut connection = connection().await;
        let mut script = Script::default();
        script.add("CREATE TABLE words (word TEXT, number INTEGER)");
        let written = script
            .add("INSERT INTO words VALUES ($1, $2), ($2, $2)")
            .bind("one")
            .bind(1)
            .question();
        let nothing = script
            .add("SELECT number FROM words WHERE word = $1")
            .bind("two")
            .question();
        let all = script
            .add("SELECT word, json_extract('{\"a\": 5}', '$.a') FROM words WHERE number = $1 ORDER BY rowid")
            .bind(1)
            .question();
        let answers = script.run(&mut connection).await.expect("all run");
        assert_eq!(answers.changed(written), 2);
        let found: Option<(i64,)> = answers.first(nothing).expect("a number");
        assert_eq!(found, None);
        let found: Vec<(String, i64)> = answers.all(all).expect("words");
        assert_eq!(found, [("one".to_owned(), 5), ("1".to_owned(), 5)]);
        let first: Option<(String, i64)> = answers.first(all).expect("words");
        assert_eq!(first, Some(("one".to_owned(), 5)));
    }

    #[tokio::test]
    async fn what_fails_ends_it_and_the_connection_goes_on() {
        let mut connection = connection().await;
        let mut script = Script::default();
        script.add("CREATE TABLE words (word TEXT UNIQUE)");
        script
            .add("INSERT INTO words VALUES ($1), ($1)")
            .bind("one");
        script.add("INSERT INTO words VALUES ('three')");
        let failed = script.run(&mut connection).await;
        assert!(matches!(failed, Err(sqlx::Error::Database(_))));
        for _ in 0..2 {
            let mut script = Script::default();
            let count = script.add("SELECT COUNT(*) FROM words").question();
            let answers = script.run(&mut connection).await.expect("it runs");
            let found: Option<(i64,)> = answers.first(count).expect("a count");
            assert_eq!(found, Some((0,)));
        }
        let nothing = Script::default().run(&mut connection).await;
        assert!(nothing.is_ok_and(|answers| answers.0.is_empty()));
    }
}
