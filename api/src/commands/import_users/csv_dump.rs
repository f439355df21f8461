//! A table with a header, as `\copy … CSV HEADER`, an admin's export or a spreadsheet writes it.

use std::io::{Cursor, Read};

use csv::{ByteRecord, ReaderBuilder};

use super::dump::{DumpError, Element, Rules};
use super::fields::{Column, Fields, Value};
use super::refusal::RowRefusal;

const BUFFER: usize = 64 * 1024;
/// What separates columns, where nothing is said: a comma, or what Excel writes where a comma is the
/// decimal point, or behind "Unicode text".
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// By this line some tables say what separates their columns.
const SEPARATOR_LINE: &[u8] = b"sep=";

/// Reads a table. `each` says whether to go on.
pub(super) fn read(
    mut source: impl Read,
    rules: &Rules,
    each: &mut dyn FnMut(Element) -> bool,
) -> Result<(), DumpError> {
    let mut head = Vec::new();
    source.by_ref().take(BUFFER as u64).read_to_end(&mut head)?;
    let said = separator_line(&head);
    let begin = said.map_or(0, |(_, length)| length);
    let delimiter = rules.delimiter.or(said.map(|(delimiter, _)| delimiter));
    let delimiter = delimiter.unwrap_or_else(|| delimiter_of(&head[begin..], rules));
    let mut head = Cursor::new(head);
    head.set_position(begin as u64);
    let mut table = ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(head.chain(source));
    let header = table.byte_headers().map_err(csv_error)?.clone();
    let columns = columns(&header, rules)?;
    let mut record = ByteRecord::new();
    while table.read_byte_record(&mut record).map_err(csv_error)? {
        if !each(element(&record, &columns)) {
            break;
        }
    }
    Ok(())
}

/// What `sep=;` in the first line says, and how long that line is.
fn separator_line(head: &[u8]) -> Option<(u8, usize)> {
    let (start, rest) = head.split_at_checked(SEPARATOR_LINE.len())?;
    let (delimiter, rest) = rest.split_first()?;
    let end = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => return None,
    };
    let said = start.eq_ignore_ascii_case(SEPARATOR_LINE);
    said.then_some((*delimiter, SEPARATOR_LINE.len() + 1 + end))
}

/// What makes most of the header known columns.
fn delimiter_of(head: &[u8], rules: &Rules) -> u8 {
    let known = |delimiter: &u8| {
        let table = ReaderBuilder::new()
            .delimiter(*delimiter)
            .has_headers(false)
            .from_reader(head);
        let header = table.into_byte_records().next();
        header.and_then(Result::ok).map_or(0, |header| {
            let names = names(&header);
            let columns = names.iter().filter_map(|name| rules.names.column(name));
            columns.count()
        })
    };
    let best = DELIMITERS.into_iter().rev().max_by_key(known);
    best.unwrap_or(b',')
}

fn names(header: &ByteRecord) -> Vec<String> {
    let names = header.iter().map(String::from_utf8_lossy);
    names.map(|name| name.trim().to_owned()).collect()
}

/// What each column of the header means to us.
fn columns(header: &ByteRecord, rules: &Rules) -> Result<Vec<Option<(Column, usize)>>, DumpError> {
    let columns: Vec<_> = names(header)
        .iter()
        .map(|name| rules.names.column(name))
        .collect();
    let has = |column| {
        let mut known = columns.iter().flatten();
        known.any(|(known, _)| *known == column)
    };
    let has_phone =
        has(Column::Phone) || (rules.names.username_may_be_phone() && has(Column::Username));
    if has_phone {
        return Ok(columns);
    }
    // A header is no secret, unless there is none and this is somebody's row.
    let named = rules.names.phone.as_deref();
    Err(DumpError::NoPhoneColumn {
        wanted: named.unwrap_or("phone_number").to_owned(),
        known: columns.iter().flatten().count(),
    })
}

fn element(record: &ByteRecord, columns: &[Option<(Column, usize)>]) -> Element {
    if record.len() != columns.len() {
        return Element::Broken(RowRefusal::new(
            "",
            "has more or fewer columns than the header",
        ));
    }
    let mut fields = Fields::default();
    for (value, column) in record.iter().zip(columns) {
        let Some(column) = *column else { continue };
        match std::str::from_utf8(value) {
            Ok(text) => fields.set(column, Value::from(text)),
            Err(_) => {
                return Element::Broken(RowRefusal::new(column.0.name(), "is not UTF-8 text"));
            }
        }
    }
    Element::User(Box::new(fields))
}

fn csv_error(error: csv::Error) -> DumpError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => DumpError::File(error),
        // Any number of columns and any bytes are taken, so nothing else can be wrong.
        _ => DumpError::File(std::io::Error::other("this is not a table")),
    }
}
