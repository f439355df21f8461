//! `THREADS`: how many threads do the work of a process.

use std::num::NonZero;
use std::thread::available_parallelism;

use super::reader::{Read, Reader, parse_number};
use super::variables::{Binary, THREADS};

/// Reads `THREADS`.
///
/// By default api and worker leave as many processors to databases and to other programs: with a thread for each
/// processor, and more who want them, threads wake one another more than they work. Standalone is all that there is.
pub(super) fn read_threads(reader: &mut Reader<'_>) -> Read<usize> {
    let threads = reader.parsed_if_set(&THREADS, |text| parse_number(text, &(1..=256)))?;
    let processors = available_parallelism().map_or(1, NonZero::get);
    Ok(threads.unwrap_or(match reader.binary() {
        Binary::Api | Binary::Worker => (processors / 2).max(1),
        Binary::Standalone => processors,
    }))
}
