//! A dump as a stream of its rows, of which one at a time is in memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use clap::ValueEnum;
use sha2::{Digest as _, Sha256};

use super::fields::{Fields, Names};
use super::refusal::RowRefusal;
use super::{csv_dump, encoding, json_dump};

/// The longest row. An opened quote that never closes would otherwise take all memory.
const MAX_ROW_BYTES: usize = 4 * 1024 * 1024;
/// What is read ahead of a row.
const BUFFER: usize = 64 * 1024;

/// How the rows of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table with a header.
    Csv,
    /// `manage.py dumpdata`, with `--format json` or `jsonl`.
    Json,
}

/// How a file is to be understood.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) format: Format,
    pub(super) names: Names,
    /// `--model`
    pub(super) model: Option<String>,
    /// `--delimiter`
    pub(super) delimiter: Option<u8>,
}

/// One row.
pub(super) enum Element {
    User(Box<Fields>),
    /// An object that is no user.
    OtherModel,
    /// A row that cannot be taken apart.
    Broken(RowRefusal),
}

/// Why a file cannot be read. Holds nothing of its content.
#[derive(Debug, thiserror::Error)]
pub(super) enum DumpError {
    #[error("it cannot be read: {0}")]
    File(#[from] io::Error),
    #[error("line {1}, column {2}: {0}")]
    Json(&'static str, usize, usize),
    #[error(
        "its first line has no column `{wanted}` ({known} other columns of it are known); name the \
         column of the number with --phone-column, and see that the first line is a header"
    )]
    NoPhoneColumn { wanted: String, known: usize },
}

/// An open file. It is read twice: to be checked, and to be imported.
pub(super) struct Dump {
    file: File,
    rules: Rules,
}

/// What a first reading has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    /// SHA-256 of the file.
    pub(super) digest: [u8; 32],
    pub(super) rows: u64,
    /// How many of them are objects of other models.
    pub(super) other_models: u64,
}

impl Dump {
    pub(super) fn open(path: &Path, rules: Rules) -> Result<Self, DumpError> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file").into());
        }
        Ok(Self { file, rules })
    }

    /// Reads the whole file once, so that one that breaks off in the middle is refused before
    /// anything is written.
    pub(super) fn check(&mut self) -> Result<Checked, DumpError> {
        let (mut rows, mut other_models) = (0, 0);
        let mut hasher = Sha256::new();
        let each = &mut |element| {
            rows += 1;
            other_models += u64::from(matches!(element, Element::OtherModel));
            true
        };
        let rules = self.rules.clone();
        self.file.seek(SeekFrom::Start(0))?;
        let mut source = Hashing(&self.file, &mut hasher);
        read(&mut source, &rules, each)?;
        io::copy(&mut source, &mut io::sink())?;
        Ok(Checked {
            digest: hasher.finalize().into(),
            rows,
            other_models,
        })
    }

    /// Hands out each row until `each` says no.
    pub(super) fn read(&mut self, mut each: impl FnMut(Element) -> bool) -> Result<(), DumpError> {
        self.file.seek(SeekFrom::Start(0))?;
        read(&self.file, &self.rules, &mut each)
    }
}

fn read(
    source: impl Read,
    rules: &Rules,
    each: &mut dyn FnMut(Element) -> bool,
) -> Result<(), DumpError> {
    let left = Rc::new(Cell::new(MAX_ROW_BYTES));
    let each = &mut |element| {
        left.set(MAX_ROW_BYTES);
        each(element)
    };
    let source = RowBound(encoding::decoded(source)?, Rc::clone(&left));
    if rules.format == Format::Csv {
        return csv_dump::read(source, rules, each);
    }
    let mut source = BufReader::with_capacity(BUFFER, source);
    match first_character(&mut source)? {
        Some(b'{') => json_dump::read_lines(source, rules, each),
        _ => json_dump::read_list(source, rules, each),
    }
}

/// The first byte that is no white space, which stays to be read.
fn first_character(source: &mut impl io::BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let spaces = buffer.iter().take_while(|byte| byte.is_ascii_whitespace());
        let spaces = spaces.count();
        if let Some(byte) = buffer.get(spaces) {
            return Ok(Some(*byte));
        }
        source.consume(spaces);
    }
}

/// Passes bytes on and hashes them.
struct Hashing<'a, R>(R, &'a mut Sha256);

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(&buffer[..count]);
        Ok(count)
    }
}

/// Fails when a row does not end.
struct RowBound<R>(R, Rc<Cell<usize>>);

impl<R: Read> Read for RowBound<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        match self.1.get().checked_sub(count) {
            Some(left) => self.1.set(left),
            None => {
                return Err(io::Error::other(
                    "a row is longer than 4 MiB, or a quotation mark in it is not closed",
                ));
            }
        }
        Ok(count)
    }
}
