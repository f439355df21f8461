//! Many callers, one statement: a pipeline gathers what they hand in and writes it together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Histogram;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::SendKey;
use crate::loops::{self, Loop};
use crate::records::RecordsError;

/// Rows of one statement.
const MAX_ROWS: usize = 256;
/// What may wait for a pipeline; then handing in waits too.
const QUEUED: usize = 4 * MAX_ROWS;
/// What a pipeline writes.
pub(super) trait Batch: Send + Sync + 'static {
    /// What callers hand in.
    type Input: Send + Sync + 'static;
    /// What each gets back.
    type Output: Send + 'static;

    /// So long a batch waits for more. What comes while one is written goes into the next in any case.
    const LINGER: Duration;

    /// The row that this is about.
    fn key(input: &Self::Input) -> SendKey;

    /// Writes all, ordered by key and no key twice, and returns what came of each, in order. The
    /// outer error means that nothing was written; an inner one is about one row.
    fn run(
        &self,
        inputs: &[Self::Input],
    ) -> impl Future<Output = Result<Vec<Result<Self::Output, RecordsError>>, RecordsError>> + Send;

    /// Settles one that, alone, conflicts with rows of other keys.
    fn run_conflicting(
        &self,
        input: &Self::Input,
    ) -> impl Future<Output = Result<Self::Output, RecordsError>> + Send;
}

/// Where a caller waits for what comes of its row.
type ReplyTo<B> = oneshot::Sender<Result<<B as Batch>::Output, RecordsError>>;
/// What a caller handed in.
type Submitted<B> = (<B as Batch>::Input, ReplyTo<B>);

/// The callers' end of a pipeline.
pub(super) struct Pipeline<B: Batch>(mpsc::Sender<Submitted<B>>);

impl<B: Batch> Clone for Pipeline<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Batch> Pipeline<B> {
    /// The callers' end, and the work to be spawned. The work ends when `closing` is cancelled or
    /// every caller's end is gone, and what was handed in is written. `rows` is told the size of
    /// each statement.
    pub(super) fn new(
        which: Loop,
        batch: B,
        closing: CancellationToken,
        rows: Option<Histogram>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(QUEUED);
        let (batch, receiver) = (Arc::new(batch), Arc::new(Mutex::new(receiver)));
        // It ends by `closing`, and writes until then. What a panic takes away is answered as closed, and
        // its callers hand it in again.
        let work = loops::run(which, CancellationToken::new(), move || {
            let (batch, receiver) = (Arc::clone(&batch), Arc::clone(&receiver));
            work(batch, receiver, closing.clone(), rows.clone())
        });
        (Self(sender), work)
    }

    /// Hands one in and waits for what comes of it. It is written even if the caller goes away.
    pub(super) async fn submit(&self, input: B::Input) -> Result<B::Output, RecordsError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .send((input, reply))
            .await
            .map_err(|_| RecordsError::closed())?;
        answer.await.map_err(|_| RecordsError::closed())?
    }
}

async fn work<B: Batch>(
    batch: Arc<B>,
    entries: Arc<Mutex<mpsc::Receiver<Submitted<B>>>>,
    closing: CancellationToken,
    rows: Option<Histogram>,
) {
    let mut entries = entries.lock().await;
    loop {
        let first = tokio::select! {
            first = entries.recv() => first,
            // Not `recv` until it gives nothing: that would also wait for callers that are still
            // about to hand something in.
            () = closing.cancelled() => {
                entries.close();
                entries.try_recv().ok()
            }
        };
        let Some(first) = first else { return };
        let gathered = gather(first, &mut entries, B::LINGER, &closing).await;
        for round in rounds::<B>(gathered) {
            if let (Some(rows), Ok(count)) = (&rows, u32::try_from(round.len())) {
                rows.observe(count.into());
            }
            write(&*batch, round).await;
        }
    }
}

/// Takes what comes until the time is over, or the work is to end.
async fn gather<T>(
    first: T,
    entries: &mut mpsc::Receiver<T>,
    linger: Duration,
    closing: &CancellationToken,
) -> Vec<T> {
    if !linger.is_zero() && entries.len() < MAX_ROWS {
        closing.run_until_cancelled(sleep(linger)).await;
    }
    let mut gathered = vec![first];
    while gathered.len() < MAX_ROWS
        && let Ok(entry) = entries.try_recv()
    {
        gathered.push(entry);
    }
    gathered
}

/// Orders entries by key and moves those of the same key into later rounds, in the order in which
/// they came.
fn rounds<B: Batch>(mut entries: Vec<Submitted<B>>) -> Vec<Vec<Submitted<B>>> {
    entries.sort_by_key(|(input, _)| B::key(input));
    let mut rounds: Vec<Vec<Submitted<B>>> = Vec::new();
    let mut previous = None;
    let mut round = 0;
    for entry in entries {
        let key = B::key(&entry.0);
        round = if previous == Some(key) { round + 1 } else { 0 };
        previous = Some(key);
        if rounds.len() == round {
            rounds.push(Vec::new());
        }
        rounds[round].push(entry);
    }
    rounds
}

async fn write<B: Batch>(batch: &B, entries: Vec<Submitted<B>>) {
    let (inputs, replies): (Vec<B::Input>, Vec<ReplyTo<B>>) = entries.into_iter().unzip();
    match batch.run(&inputs).await {
        Ok(outputs) => {
            for (reply, output) in replies.into_iter().zip(outputs) {
                answer(reply, output);
            }
        }
        Err(RecordsError::Conflict | RecordsError::Refused(_)) => {
            for (reply, input) in replies.into_iter().zip(inputs) {
                answer(reply, write_alone(batch, &input).await);
            }
        }
        // One row that somebody keeps locked: those beside it need not wait.
        Err(error) if error.is_locked() && inputs.len() > 1 => {
            for (reply, input) in replies.into_iter().zip(inputs) {
                answer(reply, write_alone(batch, &input).await);
            }
        }
        Err(error) => {
            for reply in replies {
                answer(reply, Err(error.clone()));
            }
        }
    }
}

/// One of a batch that did not go in because of a conflict or a row that is refused, its own or a
/// neighbour's.
async fn write_alone<B: Batch>(batch: &B, input: &B::Input) -> Result<B::Output, RecordsError> {
    match batch.run(std::slice::from_ref(input)).await {
        Ok(outputs) => outputs
            .into_iter()
            .next()
            .unwrap_or(Err(RecordsError::Conflict)),
        Err(RecordsError::Conflict) => batch.run_conflicting(input).await,
        Err(error @ RecordsError::Refused(_)) => {
            let SendKey { root, send, leg } = B::key(input);
            tracing::error!(%root, send, leg, %error, "a row of the ledger cannot be written");
            Err(error)
        }
        Err(error) => Err(error),
    }
}

fn answer<T>(reply: oneshot::Sender<T>, result: T) {
    // A caller that has gone away does not want to know.
    drop(reply.send(result));
}
