//! The log filter of a running process, which can be changed for a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::{Registry, reload};

use super::logging::LogFilter;

/// The target of the line that tells of a change, which no filter hides.
pub(super) const TARGET: &str = "log_level";

/// The filter in force. Clones share it.
#[derive(Clone, Debug)]
pub struct LogLevel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: reload::Handle<EnvFilter, Registry>,
    configured: LogFilter,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    filter: LogFilter,
    /// When the configured filter comes back.
    until: Option<Instant>,
    /// Counts changes, so that the end of an earlier one does not end a later one.
    changes: u64,
}

impl LogLevel {
    /// The configured filter, and the layer that puts in force whatever follows it.
    pub fn begin(configured: LogFilter) -> (Self, reload::Layer<EnvFilter, Registry>) {
        let (layer, handle) = reload::Layer::new(configured.directives());
        let current = Current {
            filter: configured.clone(),
            until: None,
            changes: 0,
        };
        let level = Self(Arc::new(Inner {
            handle,
            configured,
            current: Mutex::new(current),
        }));
        (level, layer)
    }

    /// Puts a filter in force, for a time or until the next change.
    ///
    /// # Errors
    /// When the subscriber of this process is gone.
    pub fn change(&self, filter: LogFilter, lasts: Option<Duration>) -> Result<(), reload::Error> {
        let change = self.change_current(&mut self.current(), filter, lasts)?;
        if let Some(lasts) = lasts {
            let level = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(lasts).await;
                level.change_back(change);
            });
        }
        Ok(())
    }

    /// Answers with the number of the change.
    fn change_current(
        &self,
        current: &mut Current,
        filter: LogFilter,
        lasts: Option<Duration>,
    ) -> Result<u64, reload::Error> {
        self.0.handle.reload(filter.directives())?;
        tracing::info!(
            target: TARGET,
            filter = filter.as_str(),
            before = current.filter.as_str(),
            seconds = lasts.map(|lasts| lasts.as_secs()),
            "the log filter was changed"
        );
        current.filter = filter;
        current.until = lasts.map(|lasts| Instant::now() + lasts);
        current.changes += 1;
        Ok(current.changes)
    }

    /// Puts the configured filter in force again, unless there was another change since.
    fn change_back(&self, change: u64) {
        let mut current = self.current();
        if current.changes != change {
            return;
        }
        let configured = self.0.configured.clone();
        if let Err(error) = self.change_current(&mut current, configured, None) {
            tracing::error!(%error, "the log filter cannot be changed back");
        }
    }

    /// What is in force, and a second line if it does not last.
    pub fn text(&self) -> String {
        let current = self.current();
        let filter = current.filter.as_str();
        match current.until {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now()).as_secs();
                let configured = self.0.configured.as_str();
                format!("{filter}\n# {configured} again in {left} s\n")
            }
            None => format!("{filter}\n"),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        let current = self.0.current.lock();
        current.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[tokio::test]
    async fn the_end_of_an_earlier_change_does_not_end_a_later_one() {
        let filter = |text| LogFilter::parse(text).expect("a filter");
        let (level, layer) = LogLevel::begin(filter("info"));
        let subscriber = tracing_subscriber::registry().with(layer);
        let _default = tracing::subscriber::set_default(subscriber);
        let minute = Some(Duration::from_mins(1));
        let earlier = level.change_current(&mut level.current(), filter("debug"), minute);
        level.change(filter("warn"), None).expect("changed");
        level.change_back(earlier.expect("changed"));
        assert_eq!(level.text(), "warn\n");
    }
}
