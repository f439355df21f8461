//! A table with a header, as `\copy … CSV HEADER` or an admin's export writes it.

use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};

use super::dump::{DumpError, Element, Rules};
use super::fields::{Column, Fields, Value};
use super::refusal::Refusal;

const BUFFER: usize = 64 * 1024;

/// Reads a table. `each` says whether to go on.
pub(super) fn read(
    source: impl Read,
    rules: &Rules,
    each: &mut dyn FnMut(Element) -> bool,
) -> Result<(), DumpError> {
    let mut table = ReaderBuilder::new()
        .delimiter(rules.delimiter)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(source);
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

/// What each column of the header means to us.
fn columns(header: &ByteRecord, rules: &Rules) -> Result<Vec<Option<(Column, usize)>>, DumpError> {
    let names: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().to_owned())
        .collect();
    let columns: Vec<_> = names.iter().map(|name| rules.names.column(name)).collect();
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
        return Element::Broken(Refusal::new(
            "",
            "has more or fewer columns than the header",
        ));
    }
    let mut fields = Fields::default();
    for (value, column) in record.iter().zip(columns) {
        let Some(column) = *column else { continue };
        match std::str::from_utf8(value) {
            Ok(text) => fields.set(column, Value::from(text)),
            Err(_) => return Element::Broken(Refusal::new(column.0.name(), "is not UTF-8 text")),
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
