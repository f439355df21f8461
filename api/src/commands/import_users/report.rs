//! The list of refused rows: a CSV of row, column, reason and masked number.
//!
//! Lines are written before the rows that they tell of are settled in the database, so a run that
//! is killed may leave lines too many, never too few; the next run cuts them off.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Writer};

use super::refusal::RowRefusal;

const HEADER: [&str; 4] = ["row", "column", "reason", "phone"];

/// The report of one run. Its file is made with its first line.
pub(super) struct Report {
    path: PathBuf,
    file: Option<File>,
}

impl Report {
    /// The report of an import that begins: there must be no such file.
    pub(super) fn begin(path: PathBuf) -> io::Result<Self> {
        if path.try_exists()? {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the report of another import lies there; move it away or name another by --report",
            ));
        }
        Ok(Self { path, file: None })
    }

    /// The report of an import that goes on behind this row.
    pub(super) fn resume(path: PathBuf, rows_done: u64) -> io::Result<Self> {
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(mut file) => {
                let end = end_of_rows(&file, rows_done)?;
                file.set_len(end)?;
                file.seek(SeekFrom::Start(end))?;
                Some(file)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds lines and has them on the disk.
    pub(super) fn add(&mut self, refused: &[(u64, RowRefusal)]) -> io::Result<()> {
        if refused.is_empty() {
            return Ok(());
        }
        let mut text = Writer::from_writer(Vec::new());
        if self.file.is_none() {
            text.write_record(HEADER)?;
        }
        for (row, refusal) in refused {
            let row = row.to_string();
            let phone = refusal.phone.as_deref().unwrap_or_default();
            text.write_record([&row, refusal.column, &refusal.reason, phone])?;
        }
        let text = text.into_inner().map_err(csv::IntoInnerError::into_error)?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&self.path)?,
            ),
        };
        file.write_all(&text)?;
        file.sync_data()
    }
}

/// Where the lines of later rows, or a line that was cut off, begin.
fn end_of_rows(file: &File, rows_done: u64) -> io::Result<u64> {
    let foreign =
        || io::Error::other("this is not the report of an import; name another by --report");
    let mut lines = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(file);
    let mut line = StringRecord::new();
    if !lines.read_record(&mut line)? {
        return Ok(0);
    }
    if line != HEADER[..] {
        return Err(foreign());
    }
    loop {
        let end = lines.position().byte();
        if !lines.read_record(&mut line)? {
            return Ok(end);
        }
        let row: Option<u64> = line.get(0).and_then(|row| row.parse().ok());
        let is_whole = line.len() == HEADER.len() && row.is_some();
        if !is_whole || row > Some(rows_done) {
            return Ok(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn refused(row: u64) -> (u64, RowRefusal) {
        let phone = Some("+98912•••6789".to_owned());
        let refusal = RowRefusal::new("email", "is not, \"really\"");
        (row, RowRefusal { phone, ..refusal })
    }

    #[test]
    fn a_report_goes_on_behind_the_rows_that_were_settled() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("refused.csv");
        let mut report = Report::begin(path.clone()).expect("free");
        report.add(&[]).expect("nothing to do");
        assert!(!path.exists(), "no row is refused yet");
        report.add(&[refused(2), refused(5)]).expect("written");
        report.add(&[refused(1_003)]).expect("written");
        let whole = fs::read_to_string(&path).expect("a report");
        assert_eq!(whole.lines().count(), 4);
        assert_eq!(
            whole.lines().nth(1),
            Some("2,email,\"is not, \"\"really\"\"\",+98912•••6789")
        );

        // Killed after a line of a batch that was never committed, in the middle of the next.
        fs::write(&path, format!("{whole}2000,em")).expect("written");
        let mut report = Report::resume(path.clone(), 1_000).expect("a report");
        report.add(&[refused(1_003)]).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a report"), whole);
        fs::write(&path, &whole[..whole.len() - 20]).expect("cut off");
        let mut report = Report::resume(path.clone(), 1_000).expect("a report");
        report.add(&[refused(1_003)]).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a report"), whole);

        assert!(
            Report::begin(path.clone()).is_err(),
            "it is not overwritten"
        );
        fs::write(&path, "id,password\n1,x\n").expect("written");
        assert!(Report::resume(path, 1_000).is_err(), "nor is another file");
        let absent = folder.path().join("absent.csv");
        assert!(Report::resume(absent, 1_000).is_ok());
    }
}
