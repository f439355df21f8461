//! The outermost layer around a handler: runs it on a task of its own and settles its job last.

use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument as _;

use super::delivery::Disposal;
use super::job::Job;
use super::job_spans::{log_span, process_span};
use super::reader::Taken;
use super::settler::{Settler, Settling};

/// A handler that failed without saying how its job ends is tried again after this time; what it
/// may have sent is guarded by the ledger.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A job whose handler panics this many times is not run again.
const PANICS_ALLOWED: u32 = 3;
pub(super) const PANICS: &str = "panics";

/// Settles each job as its handler says.
#[derive(Clone, Debug)]
pub struct SettleLayer {
    settler: Settler,
}

impl SettleLayer {
    pub(super) fn new(settler: Settler) -> Self {
        Self { settler }
    }
}

impl<S> Layer<S> for SettleLayer {
    type Service = SettleService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SettleService {
            inner,
            settler: self.settler.clone(),
        }
    }
}

/// See [`SettleLayer`].
#[derive(Clone, Debug)]
pub struct SettleService<S> {
    inner: S,
    settler: Settler,
}

impl<S> Service<Task<Job>> for SettleService<S>
where
    S: Service<Task<Job>, Response = Disposal>,
    S::Future: Send + 'static,
    S::Error: Into<BoxDynError>,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, task: Task<Job>) -> Self::Future {
        let Some(taken) = task.data().get::<Taken>().cloned() else {
            return std::future::ready(Err("a task that this backend did not make".into())).boxed();
        };
        let settler = self.settler.clone();
        let log_span = log_span(&taken.job);
        let span = process_span(&taken.job, &taken.delivery);
        let run = self.inner.call(task);
        // On a task of its own: handlers use all cores, and one that is dropped by a shutdown in a
        // hurry still ends and settles.
        let log = log_span.clone();
        let run = async move {
            let run = std::panic::AssertUnwindSafe(run).catch_unwind();
            let disposal = match span.run(run).await {
                Ok(Ok(disposal)) => disposal,
                Ok(Err(error)) => {
                    let error: BoxDynError = error.into();
                    tracing::error!(job = taken.delivery.id, %error, "the handler failed");
                    Disposal::Delay(AFTER_FAILURE)
                }
                Err(_panic) => {
                    tracing::error!(job = taken.delivery.id, "the handler panicked");
                    if taken.delivery.attempts + 1 < PANICS_ALLOWED {
                        Disposal::Delay(AFTER_FAILURE)
                    } else {
                        Disposal::Dead(PANICS)
                    }
                }
            };
            span.set("ramz.disposal", disposal.as_str());
            let settling = Settling {
                log,
                span: span.child("settle"),
            };
            settler.settle_run(taken.delivery, disposal, taken.slots, settling);
        };
        let run = tokio::spawn(run.instrument(log_span));
        async move { run.await.map_err(Into::into) }.boxed()
    }
}
