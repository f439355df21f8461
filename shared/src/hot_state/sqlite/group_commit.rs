//! Requests that come together share one commit: each commit waits for the disk, and one wait is
//! enough for all of them. Nobody is answered before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{accept, begin, unavailable};
use crate::challenge::{ChallengeId, Channel, NewChallenge};
use crate::clock::Clock;
use crate::hot_state::model::{Accept, AcceptPolicy, AcceptRequest, Accepted, HotStateError, Rule};
use crate::phone::PhoneNumber;
use crate::sqlite_file::SqliteFile;

/// Requests of one commit. A worker that wants to write waits as long as they take.
const MOST: usize = 64;

/// The callers' end; clones share what waits.
#[derive(Clone, Debug)]
pub(super) struct GroupCommit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: SqliteFile,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// Whether a task is there that takes them.
    served: bool,
}

#[derive(Debug)]
struct Entry {
    request: OwnedAccept,
    clock: Clock,
    policy: AcceptPolicy,
    reply: oneshot::Sender<Result<Accepted, HotStateError>>,
}

impl GroupCommit {
    pub(super) fn new(file: SqliteFile) -> Self {
        let waiting = Mutex::default();
        Self(Arc::new(Inner { file, waiting }))
    }

    /// Runs the accept step and waits until it is on the disk. Whoever stops waiting before their
    /// turn is granted nothing.
    pub(super) async fn accept(
        &self,
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
    ) -> Result<Accepted, HotStateError> {
        let (reply, answer) = oneshot::channel();
        let entry = Entry {
            request: OwnedAccept::of(accept),
            clock: clock.clone(),
            policy: policy.clone(),
            reply,
        };
        if self.0.add(entry) {
            tokio::spawn(Server::of(&self.0).serve());
        }
        let ended = |_| HotStateError::Unavailable("the accept step was interrupted".into());
        answer.await.map_err(ended)?
    }
}

impl Inner {
    /// Adds one, and tells whether it needs a task that takes it.
    fn add(&self, entry: Entry) -> bool {
        let mut waiting = self.lock();
        waiting.entries.push(entry);
        !std::mem::replace(&mut waiting.served, true)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all that are granted in one transaction. An error is everybody's: nothing was written.
    async fn write(
        &self,
        entries: &[Entry],
    ) -> Result<Vec<Result<Accepted, HotStateError>>, HotStateError> {
        let mut transaction = begin(&self.file).await?;
        let mut results = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.reply.is_closed() {
                results.push(Err(HotStateError::Unavailable("nobody waits".into())));
                continue;
            }
            let (now, request) = (entry.clock.now_millis(), entry.request.as_accept());
            match accept::accept(&mut transaction, now, &request, &entry.policy).await {
                Err(HotStateError::Unavailable(why)) => {
                    return Err(HotStateError::Unavailable(why));
                }
                // What is corrupt was found before anything was written.
                result => results.push(result),
            }
        }
        let any = |of: fn(&Accepted) -> bool| results.iter().flatten().any(of);
        let sent = any(|accepted| matches!(accepted, Accepted::Sent(_)));
        // That the limit of a phone refused was counted; no other refusal leaves anything.
        let counted = any(|accepted| {
            matches!(accepted, Accepted::Refused { rule, .. }
                if matches!(rule, Rule::PhoneShort | Rule::PhoneDay))
        });
        if sent || counted {
            transaction.commit().await.map_err(unavailable)?;
        }
        if sent {
            self.file.wake_workers();
        }
        Ok(results)
    }
}

/// The task that takes what waits, until nothing does.
struct Server {
    inner: Arc<Inner>,
    done: bool,
}

impl Server {
    fn of(inner: &Arc<Inner>) -> Self {
        let inner = Arc::clone(inner);
        Self { inner, done: false }
    }

    async fn serve(mut self) {
        while let Some(entries) = self.take() {
            let results = self.inner.write(&entries).await;
            let replies = entries.into_iter().map(|entry| entry.reply);
            // Whoever has gone away meanwhile does not want to know.
            match results {
                Ok(results) => replies.zip(results).for_each(|(reply, result)| {
                    drop(reply.send(result));
                }),
                Err(error) => replies.for_each(|reply| drop(reply.send(Err(error.clone())))),
            }
        }
    }

    fn take(&mut self) -> Option<Vec<Entry>> {
        let mut waiting = self.inner.lock();
        let count = waiting.entries.len().min(MOST);
        self.done = count == 0;
        waiting.served = !self.done;
        (!self.done).then(|| waiting.entries.drain(..count).collect())
    }
}

impl Drop for Server {
    /// After a panic the next request finds that nobody serves it.
    fn drop(&mut self) {
        if !self.done {
            self.inner.lock().served = false;
        }
    }
}

/// An [`Accept`] that lives as long as it waits.
#[derive(Debug)]
struct OwnedAccept {
    request: OwnedRequest,
    nonce: [u8; 8],
    channel: Channel,
    address: Option<String>,
    trace: Option<String>,
    request_id: Option<uuid::Uuid>,
}

#[derive(Debug)]
enum OwnedRequest {
    New(NewChallenge),
    Resend(ChallengeId, Option<PhoneNumber>),
}

impl OwnedAccept {
    fn of(accept: &Accept<'_>) -> Self {
        Self {
            request: match &accept.request {
                AcceptRequest::New(challenge) => OwnedRequest::New((*challenge).clone()),
                AcceptRequest::Resend { id, phone } => OwnedRequest::Resend(*id, phone.cloned()),
            },
            nonce: accept.nonce,
            channel: accept.channel,
            address: accept.address.map(str::to_owned),
            trace: accept.trace.map(str::to_owned),
            request_id: accept.request_id,
        }
    }

    fn as_accept(&self) -> Accept<'_> {
        Accept {
            request: match &self.request {
                OwnedRequest::New(challenge) => AcceptRequest::New(challenge),
                OwnedRequest::Resend(id, phone) => AcceptRequest::Resend {
                    id: *id,
                    phone: phone.as_ref(),
                },
            },
            nonce: self.nonce,
            channel: self.channel,
            address: self.address.as_deref(),
            trace: self.trace.as_deref(),
            request_id: self.request_id,
        }
    }
}

#[cfg(test)]
mod tests;
