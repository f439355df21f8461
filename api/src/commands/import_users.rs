//! `api import-users`: takes over the users of a Django project.

mod convert;
mod csv_dump;
mod dump;
mod encoding;
mod fields;
mod import;
mod json_dump;
mod progress;
mod refusal;
mod report;
mod spreadsheet;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use chrono::FixedOffset;
use clap::Args;
use domain::clock::Clock;
use domain::random::Random;
use shared::config::{Environment, RecordsCommandConfig};
use shared::records::ImportProgress;
use shared::telemetry::init_logging;
use tokio::task::spawn_blocking;

use super::CommandResult;
use super::records::open;
use convert::Converter;
use dump::{Checked, Dump, Format, Rules};
use fields::Names;
use import::{Import, Reasons};
use report::Report;

/// Import users that a Django project has dumped.
///
/// Takes phone number, names, e-mail, password hash, rights, the block of inactive users and the
/// times. Accounts that exist are never changed. A run that was interrupted is taken up by the
/// same command. Refused rows are listed in a report and are no failure.
///
/// Reads `DATABASE_URL` and `ALLOWED_COUNTRIES`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A table with a header (.csv, .tsv), or what `manage.py dumpdata` writes (.json, .jsonl).
    file: PathBuf,
    /// How the file is written [default: by its name].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where refused rows are listed [default: FILE.refused.csv].
    #[arg(long, value_name = "PATH")]
    report: Option<PathBuf>,
    /// The column or field of the number [default: `phone_number`, `phone`, `mobile`,
    /// `mobile_number`, or `username` where it is a number].
    #[arg(long, value_name = "NAME")]
    phone_column: Option<String>,
    /// The model whose objects are users, such as accounts.user [default: every model with
    /// `password` and `last_login`].
    #[arg(long, value_name = "APP.MODEL")]
    model: Option<String>,
    /// What separates the columns of a table [default: a comma, a semicolon or a tab, as its header
    /// has it].
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// What times without an offset mean, such as +03:30.
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+00:00",
        allow_hyphen_values = true
    )]
    utc_offset: FixedOffset,
    /// Import users whose password hash is of an unknown format without a password, instead of
    /// refusing them.
    #[arg(long)]
    drop_unknown_passwords: bool,
    /// Begin with the first row although the file was imported before, wholly or in part.
    #[arg(long)]
    restart: bool,
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if *byte != b'"' && !byte.is_ascii_alphanumeric() => Ok(*byte),
        _ => Err("one character such as `;`, or `\\t`".to_owned()),
    }
}

impl Arguments {
    fn rules(&self) -> Result<Rules, String> {
        let extension = self.file.extension().unwrap_or_default();
        let format = match self.format {
            Some(format) => format,
            None if ["csv", "tsv"]
                .iter()
                .any(|name| extension.eq_ignore_ascii_case(name)) =>
            {
                Format::Csv
            }
            None if ["json", "jsonl"]
                .iter()
                .any(|name| extension.eq_ignore_ascii_case(name)) =>
            {
                Format::Json
            }
            None => {
                let file = self.file.display();
                return Err(format!(
                    "say what {file} is by --format csv or --format json"
                ));
            }
        };
        Ok(Rules {
            format,
            names: Names {
                phone: self.phone_column.clone(),
            },
            model: self.model.clone(),
            delimiter: self.delimiter,
        })
    }

    fn report_path(&self) -> PathBuf {
        self.report.clone().unwrap_or_else(|| {
            let mut path = OsString::from(&self.file);
            path.push(".refused.csv");
            path.into()
        })
    }
}

pub(crate) async fn run(arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = RecordsCommandConfig::load(environment)?;
    init_logging(config.log.format, &config.log.filter)?;
    let rules = arguments.rules()?;
    let (clock, random) = (Clock::system(), Random::operating_system());
    let converter = Converter {
        allowed_countries: config.allowed_countries.clone(),
        username_may_be_phone: rules.names.username_may_be_phone(),
        drop_unknown_passwords: arguments.drop_unknown_passwords,
        utc_offset: arguments.utc_offset,
        random: random.clone(),
        now: clock.now(),
    };
    let path = arguments.file.clone();
    let unreadable = |error| format!("{}: {error}", path.display());
    eprintln!("checking {}", path.display());
    let (dump, checked) = check(&path, rules).await?.map_err(unreadable)?;
    let records = open(&config).await?;

    let progress = records.import_progress(checked.digest).await;
    let progress = progress
        .map_err(|error| error.explained())?
        .filter(|_| !arguments.restart);
    if let Some(done) = progress.filter(|done| done.rows_done >= checked.rows) {
        println!("this file was imported before (--restart: read it again)");
        print_counts(&done, &checked);
        return Ok(());
    }

    let report_path = arguments.report_path();
    let of_report = format!("the report {}", report_path.display());
    let report = match &progress {
        Some(done) => Report::resume(report_path, done.rows_done),
        None => Report::begin(report_path),
    };
    let report = report.map_err(|error| format!("{of_report}: {error}"))?;
    if arguments.restart {
        let forgotten = records.forget_import(checked.digest).await;
        forgotten.map_err(|error| error.explained())?;
    }
    let mut import = Import {
        records,
        checked,
        report,
        clock,
        random,
    };
    let done = match progress {
        Some(done) => {
            eprintln!("going on behind row {}", done.rows_done);
            done
        }
        None => import.begin().await?,
    };
    let ended = import.run(dump, converter, done).await;
    let (done, reasons) = ended.map_err(|error| {
        format!("{error}; what was imported stays, and the same command goes on from there")
    })?;
    print_counts(&done, &checked);
    print_reasons(&reasons, import.report.path());
    Ok(())
}

/// Reads the whole file once.
async fn check(
    path: &Path,
    rules: Rules,
) -> Result<Result<(Dump, Checked), dump::DumpError>, tokio::task::JoinError> {
    let path = path.to_owned();
    spawn_blocking(move || {
        let mut dump = Dump::open(&path, rules)?;
        let checked = dump.check()?;
        Ok((dump, checked))
    })
    .await
}

fn print_counts(done: &ImportProgress, checked: &Checked) {
    println!("users imported: {}", done.imported);
    println!("rows refused: {}", done.refused);
    if checked.other_models > 0 {
        println!(
            "objects of other models passed over: {}",
            checked.other_models
        );
    }
}

fn print_reasons(reasons: &Reasons, report: &Path) {
    if reasons.is_empty() {
        return;
    }
    let mut by_count: Vec<_> = reasons.iter().collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for ((column, reason), count) in by_count {
        println!("{count:>9}  {column} {reason}");
    }
    println!("they are listed in {}", report.display());
}
