//! Dead letters: jobs that never run again by themselves, kept with their reason until somebody decides.

use domain::clock::UnixMillis;

use super::feed::{Backend, Feed, QueueError};
use super::job::{Job, JobError};

/// A job that never runs again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id among the dead letters, exact as text.
    pub id: String,
    /// The job, where this build can read it.
    pub job: Result<Job, JobError>,
    /// How many runs ended with a delay before.
    pub attempts: u32,
    /// Why it died.
    pub reason: String,
    /// When.
    pub died_at: UnixMillis,
}

impl Feed {
    /// Dead letters, the newest first: those that died before the one of this id, `limit` at most.
    pub async fn dead_letters(
        &self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        call!(self, feed => feed.dead_letters(before, limit))
    }

    /// The dead letter of this id.
    pub async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, QueueError> {
        call!(self, feed => feed.dead_letter(id))
    }

    /// Puts a dead letter back as a job that is due, as if it had never been tried; `false` where there is no such
    /// one any more. Guards of the queue do not take it for a job that waits since it was accepted.
    pub async fn revive(&self, id: &str) -> Result<bool, QueueError> {
        call!(self, feed => feed.revive(id))
    }

    /// Removes a dead letter for good; `false` where somebody else did.
    pub async fn drop_dead_letter(&self, id: &str) -> Result<bool, QueueError> {
        call!(self, feed => feed.drop_dead_letter(id))
    }
}
