//! The queue between the API and the worker.

mod job;

pub use job::{Job, JobError, JobTask};
