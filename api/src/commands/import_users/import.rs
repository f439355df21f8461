//! The import itself: one thread reads and understands rows, this task writes them.

use std::collections::BTreeMap;
use std::io;

use domain::clock::Clock;
use domain::random::Random;
use shared::records::{
    AuditEntry, AuditSource, IMPORT_BATCH, ImportOutcome, ImportProgress, ImportStep, ImportedUser,
    Records, RecordsError,
};
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use super::convert::Converter;
use super::dump::{Checked, Dump, DumpError, Element};
use super::progress::Progress;
use super::refusal::{RowRefusal, TAKEN};
use super::report::Report;

/// Batches that are read ahead of the database.
const READ_AHEAD: usize = 2;

/// Why an import stopped. What was settled stays.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    #[error("the file: {0}")]
    Dump(#[from] DumpError),
    #[error("the file was changed while it was read")]
    Changed,
    #[error("the report: {0}")]
    Report(io::Error),
    #[error("{}", .0.explained())]
    Records(#[from] RecordsError),
    #[error("another import of this file is running")]
    Overtaken,
    #[error("reading ended: {0}")]
    Reader(#[from] JoinError),
}

/// How many rows were refused in this run, by column and reason.
pub(super) type Reasons = BTreeMap<(&'static str, String), u64>;

/// What one import needs.
pub(super) struct Import {
    pub(super) records: Records,
    pub(super) checked: Checked,
    pub(super) report: Report,
    pub(super) clock: Clock,
    pub(super) random: Random,
}

/// Rows on their way to the database.
#[derive(Default)]
struct Batch {
    rows: u64,
    users: Vec<ImportedUser>,
    refused: Vec<(u64, RowRefusal)>,
}

impl Import {
    /// Marks the file as begun.
    pub(super) async fn begin(&mut self) -> Result<ImportProgress, ImportError> {
        self.write(0, Batch::default(), &mut Reasons::new()).await
    }

    /// Imports what is behind the rows that are done.
    pub(super) async fn run(
        &mut self,
        dump: Dump,
        converter: Converter,
        mut done: ImportProgress,
    ) -> Result<(ImportProgress, Reasons), ImportError> {
        let mut reasons = Reasons::new();
        let mut shown = Progress::begin(self.checked.rows, done.rows_done);
        let (sender, mut batches) = mpsc::channel(READ_AHEAD);
        let first = done.rows_done;
        let reading = spawn_blocking(move || read(dump, &converter, first, &sender));
        while let Some(batch) = batches.recv().await {
            let written = self.write(done.rows_done, batch, &mut reasons).await;
            done = written.inspect_err(|_| shown.end())?;
            shown.show(&done);
        }
        shown.end();
        reading.await??;
        if done.rows_done != self.checked.rows {
            return Err(ImportError::Changed);
        }
        Ok((done, reasons))
    }

    async fn write(
        &mut self,
        rows_before: u64,
        batch: Batch,
        reasons: &mut Reasons,
    ) -> Result<ImportProgress, ImportError> {
        let now = self.clock.now();
        let Batch {
            rows,
            users,
            mut refused,
        } = batch;
        let is_last = rows > 0 && rows_before + rows == self.checked.rows;
        let audit = is_last.then(|| AuditEntry {
            id: self.random.uuid_v7(self.clock.now_millis()),
            source: AuditSource::CommandLine,
            actor: None,
            action: "users_imported",
            subject: None,
            object: Some(format!("user_import:{}", hex::encode(self.checked.digest))),
            details: serde_json::json!({ "rows": self.checked.rows }),
            in_console: None,
        });
        let step = ImportStep {
            digest: self.checked.digest,
            rows_before,
            rows,
            users,
            refused: refused.len() as u64,
            audit: audit.as_ref(),
            now,
        };
        let (report, noted) = (&mut self.report, &mut refused);
        let outcome = self.records.import_users(step, |taken| {
            noted.extend(taken.iter().map(|user| {
                let phone = Some(user.phone.masked());
                let refusal = RowRefusal::new("phone", TAKEN);
                (user.row, RowRefusal { phone, ..refusal })
            }));
            noted.sort_by_key(|(row, _)| *row);
            report.add(noted)
        });
        match outcome.await? {
            ImportOutcome::Done(progress) => {
                for (_, refusal) in refused {
                    *reasons.entry((refusal.column, refusal.reason)).or_default() += 1;
                }
                Ok(progress)
            }
            ImportOutcome::Overtaken => Err(ImportError::Overtaken),
            ImportOutcome::NotNoted(error) => Err(ImportError::Report(error)),
        }
    }
}

/// Reads the rows behind the first ones and hands them on in batches, until nobody takes them.
fn read(
    mut dump: Dump,
    converter: &Converter,
    first: u64,
    sender: &mpsc::Sender<Batch>,
) -> Result<(), DumpError> {
    let mut row = 0;
    let mut batch = Batch::default();
    dump.read(|element| {
        row += 1;
        if row <= first {
            return true;
        }
        let user = match element {
            Element::User(fields) => Some(converter.user(row, &fields)),
            Element::Broken(refusal) => Some(Err(refusal)),
            Element::OtherModel => None,
        };
        match user {
            Some(Ok(user)) => batch.users.push(user),
            Some(Err(refusal)) => batch.refused.push((row, refusal)),
            None => {}
        }
        batch.rows += 1;
        batch.rows < IMPORT_BATCH as u64 || sender.blocking_send(std::mem::take(&mut batch)).is_ok()
    })?;
    if batch.rows > 0 {
        // Where it is not taken, the other side has its reason.
        let _ = sender.blocking_send(batch);
    }
    Ok(())
}
