//! The journal: one JSON line per call of the gateway, in the file before the answer goes out.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::mpsc,
    thread,
};

use serde::Serialize;
use tokio::sync::oneshot;

use crate::clock::UnixMillis;

/// One call, without key, text and tokens.
#[derive(Debug, Serialize)]
pub(crate) struct JournalEntry {
    /// When the call was decided, in Unix milliseconds.
    pub(crate) at: UnixMillis,
    /// For example `verify/lookup`; `unknown` for a method that there is not.
    pub(crate) method: &'static str,
    /// The HTTP method.
    pub(crate) verb: String,
    pub(crate) receptors: Vec<String>,
    pub(crate) localids: Vec<u64>,
    pub(crate) template: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) sender: Option<String>,
    /// The gateway's verdict; null when the call never came to one.
    pub(crate) status: Option<u16>,
    /// Numbers of the messages that this call made.
    pub(crate) messageids: Vec<u64>,
    /// Whether a local id was known already.
    pub(crate) duplicate: bool,
    pub(crate) fault: Option<&'static str>,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    #[serde(flatten)]
    entry: &'a JournalEntry,
}

type Note = (JournalEntry, oneshot::Sender<io::Result<()>>);

/// The writing end of a journal. One thread writes whole batches, so many calls share one write.
#[derive(Clone, Debug)]
pub(crate) struct Journal(mpsc::Sender<Note>);

/// A line on its way to the file.
#[derive(Debug)]
#[must_use = "the answer has to wait for the line"]
pub(crate) struct Written(oneshot::Receiver<io::Result<()>>);

impl Journal {
    /// Opens the file for appending and starts its writer.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_batches(file, &receiver))?;
        Ok(Self(sender))
    }

    /// Hands over an entry at once; the line is in the file when the returned wait is over.
    pub(crate) fn note(&self, entry: JournalEntry) -> Written {
        let (written, waiting) = oneshot::channel();
        if self.0.send((entry, written)).is_err() {
            tracing::error!("the journal's writer has ended");
        }
        Written(waiting)
    }
}

impl Written {
    /// Waits until the line is handed to the operating system.
    pub(crate) async fn wait(self) -> io::Result<()> {
        self.0
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the journal's writer has ended")))
    }
}

fn write_batches(mut file: File, notes: &mpsc::Receiver<Note>) {
    let mut seq = 0;
    while let Ok(first) = notes.recv() {
        let batch: Vec<Note> = std::iter::once(first)
            .chain(notes.try_iter().take(511))
            .collect();
        let mut lines = Vec::with_capacity(batch.len() * 256);
        for (entry, _) in &batch {
            seq += 1;
            if let Err(error) = serde_json::to_writer(&mut lines, &Line { seq, entry }) {
                tracing::error!(%error, "a journal line could not be made");
            }
            lines.push(b'\n');
        }
        let result = file.write_all(&lines);
        for (_, written) in batch {
            let result = result
                .as_ref()
                .copied()
                .map_err(|error| io::Error::from(error.kind()));
            // A caller that went away no longer waits for its line.
            drop(written.send(result));
        }
    }
}
