use std::sync::atomic::AtomicU32;

use futures::future::join_all;
use futures::poll;
use tempfile::TempDir;
use tokio::task::yield_now;

use super::*;
use crate::sqlite_file::SqliteFile;

/// Long enough for a busy machine.
const AT_MOST: Duration = Duration::from_mins(1);

struct Stage {
    file: SqliteFile,
    _folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = SqliteFile::open_path(&folder.path().join("file.sqlite3")).await;
        let file = file.expect("a file");
        let table = "CREATE TABLE rows (id INTEGER PRIMARY KEY, text BLOB)";
        let made = sqlx::query(table).execute(file.writer()).await;
        made.expect("a table");
        Self {
            file,
            _folder: folder,
        }
    }

    /// Counts commits from now on; `allowed` says whether they succeed.
    async fn count_commits(&self, allowed: bool) -> Arc<AtomicU32> {
        let commits = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&commits);
        let mut writer = self.file.writer().acquire().await.expect("a connection");
        let mut handle = writer.lock_handle().await.expect("the handle");
        handle.set_commit_hook(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            allowed
        });
        commits
    }

    async fn rows(&self) -> Vec<i64> {
        let rows = sqlx::query_scalar("SELECT id FROM rows ORDER BY id");
        let rows = rows.fetch_all(self.file.readers()).await;
        rows.expect("rows")
    }

    async fn write(&self, ids: &[i64]) -> sqlx::Result<()> {
        write(&self.file, ids).await
    }
}

async fn insert(turn: &mut Turn, id: i64, bytes: i64) -> sqlx::Result<()> {
    let row = sqlx::query("INSERT INTO rows VALUES ($1, zeroblob($2))");
    let row = row.bind(id).bind(bytes).execute(&mut **turn).await;
    row.map(|_| ())
}

async fn write(file: &SqliteFile, ids: &[i64]) -> sqlx::Result<()> {
    let mut turn = file.begin_writing().await?;
    for id in ids {
        insert(&mut turn, *id, 0).await?;
    }
    turn.commit().await
}

#[tokio::test]
async fn those_who_write_together_share_a_commit() {
    let stage = Stage::new().await;
    let commits = stage.count_commits(true).await;
    let all: Vec<[i64; 1]> = (0..40).map(|id| [id]).collect();
    for written in join_all(all.iter().map(|ids| stage.write(ids))).await {
        written.expect("written");
    }
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    let more: Vec<[i64; 1]> = (40..200).map(|id| [id]).collect();
    for written in join_all(more.iter().map(|ids| stage.write(ids))).await {
        written.expect("written");
    }
    assert_eq!(commits.load(Ordering::SeqCst), 4, "64, 64 and 32");
    assert_eq!(stage.rows().await, (0..200).collect::<Vec<_>>());
    stage.write(&[200]).await.expect("one alone");
    assert_eq!(commits.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn one_that_goes_wrong_leaves_nothing_and_the_others_keep_theirs() {
    let stage = Stage::new().await;
    for wrong in [0, 3, 9] {
        let first = 100 * wrong;
        let all: Vec<Vec<i64>> = (0..10)
            .map(|at| match first + 10 * at {
                // The same twice.
                id if at == wrong => vec![id, id + 1, id],
                id => vec![id, id + 1],
            })
            .collect();
        let told = join_all(all.iter().map(|ids| stage.write(ids))).await;
        let refused = |(at, told): (usize, &sqlx::Result<()>)| told.is_err().then_some(at);
        let refused: Vec<usize> = told.iter().enumerate().filter_map(refused).collect();
        assert_eq!(refused, [usize::try_from(wrong).expect("small")]);
        let rows = stage.rows().await;
        for (at, ids) in (0..).zip(&all) {
            for id in ids {
                assert_eq!(rows.contains(id), at != wrong, "{id} of {wrong}");
            }
        }
    }
}

#[tokio::test]
async fn one_that_undoes_what_it_wrote_is_undone_alone() {
    let stage = Stage::new().await;
    let gives_up = |id| {
        let file = stage.file.clone();
        async move {
            let mut turn = file.begin_writing().await.expect("a turn");
            insert(&mut turn, id, 0).await.expect("written");
        }
    };
    let (kept, (), also, ()) = tokio::join!(
        stage.write(&[1]),
        gives_up(2),
        stage.write(&[3]),
        gives_up(4)
    );
    kept.and(also).expect("written");
    assert_eq!(stage.rows().await, [1, 3]);
}

#[tokio::test]
async fn a_commit_that_fails_is_everybodys() {
    let stage = Stage::new().await;
    stage.count_commits(false).await;
    let all: Vec<[i64; 1]> = (0..10).map(|id| [id]).collect();
    for written in join_all(all.iter().map(|ids| stage.write(ids))).await {
        written.expect_err("a refusal");
    }
    assert!(stage.rows().await.is_empty());
    // The connection is whole, or another.
    stage.count_commits(true).await;
    stage.write(&[1]).await.expect("written");
    assert_eq!(stage.rows().await, [1]);
}

/// SQLite undoes a whole transaction by itself where there is no room for one of its rows.
#[tokio::test]
async fn f_12_where_a_full_file_undoes_all_nobody_is_told_that_theirs_is_kept() {
    let stage = Stage::new().await;
    let mut writer = stage.file.writer().acquire().await.expect("a connection");
    let limit = sqlx::query("PRAGMA max_page_count = 20");
    limit.execute(&mut *writer).await.expect("a limit");
    drop(writer);
    let too_much = async {
        let mut turn = stage.file.begin_writing().await?;
        let written = insert(&mut turn, 3, 1_000_000).await;
        written.expect_err("a refusal");
        // A caller that ignores the error learns of it at the commit.
        turn.commit().await
    };
    let (one, two, too_much, four) = tokio::join!(
        stage.write(&[1]),
        stage.write(&[2]),
        too_much,
        stage.write(&[4])
    );
    let told = [one, two].map(|told| told.expect_err("undone").to_string());
    assert!(told.iter().all(|told| told.contains("full")), "{told:?}");
    too_much.expect_err("a refusal");
    four.expect("written after all");
    assert_eq!(stage.rows().await, [4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_leaves_all_or_nothing_and_nobody_waiting() {
    let stage = Stage::new().await;
    for round in 0..200_i64 {
        let base = round * 100;
        let spawn = |ids: Vec<i64>| {
            let file = stage.file.clone();
            tokio::spawn(async move { write(&file, &ids).await })
        };
        let before = spawn(vec![base, base + 1]);
        let goes = [2, 4, 6].map(|at| spawn(vec![base + at, base + at + 1]));
        let after = spawn(vec![base + 8, base + 9]);
        for _ in 0..round {
            yield_now().await;
        }
        for goes in &goes {
            goes.abort();
        }
        for stays in [before, after] {
            let told = timeout(AT_MOST, stays).await.expect("an answer");
            told.expect("no panic").expect("written");
        }
        let mut told = Vec::new();
        for goes in goes {
            told.push(goes.await.is_ok_and(|told| told.is_ok()));
        }
        let rows = stage.rows().await;
        let there = |at| [rows.contains(&(base + at)), rows.contains(&(base + at + 1))];
        assert_eq!([there(0), there(8)], [[true, true]; 2]);
        for (at, told) in [2, 4, 6].into_iter().zip(told) {
            let [first, second] = there(at);
            assert!(first == second && (first || !told), "{round} {at}");
        }
    }
    let last = timeout(AT_MOST, stage.write(&[-1])).await;
    last.expect("an answer").expect("written");
}

/// What a part reads may be undone with the one that wrote it, so nobody tells of it before.
#[tokio::test]
async fn a_reader_waits_until_what_it_reads_is_on_the_disk() {
    let stage = Stage::new().await;
    let looks = |id: i64| {
        let file = stage.file.clone();
        async move {
            let mut turn = file.begin_writing().await?;
            let found = sqlx::query_scalar("SELECT COUNT(*) FROM rows WHERE id = $1");
            let found: i64 = found.bind(id).fetch_one(&mut *turn).await?;
            turn.undo().await.map(|()| found)
        }
    };
    let (written, found) = tokio::join!(stage.write(&[1]), looks(1));
    written.expect("written");
    assert_eq!(found.expect("an answer"), 1);
    assert_eq!(looks(1).await.expect("an answer"), 1, "alone");

    stage.count_commits(false).await;
    let (written, found, again) = tokio::join!(stage.write(&[2]), looks(2), looks(2));
    written.expect_err("a refusal");
    for found in [found, again] {
        found.expect_err("it was never there");
    }
    assert_eq!(looks(2).await.expect("an answer"), 0);
}

#[tokio::test]
async fn when_a_waiting_caller_goes_away_those_before_are_told() {
    let stage = Stage::new().await;
    let mut turn = stage.file.begin_writing().await.expect("a turn");
    insert(&mut turn, 1, 0).await.expect("written");
    let mut waits = Box::pin(stage.file.begin_writing());
    assert!(poll!(&mut waits).is_pending());
    let mut commits = Box::pin(turn.commit());
    assert!(poll!(&mut commits).is_pending(), "passed on");
    drop(waits);
    let told = timeout(AT_MOST, commits).await.expect("an answer");
    told.expect("written");
    assert_eq!(stage.rows().await, [1]);
}
