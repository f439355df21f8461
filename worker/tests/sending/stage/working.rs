//! Workers that run, and what their figures say.

use std::net::SocketAddr;

use harness::{eventually, free_port};
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, Route, Stage, WorkWith};

/// A worker on the stage.
pub(crate) struct Working {
    stop: CancellationToken,
    pub(crate) registry: Registry,
    task: JoinHandle<()>,
}

impl Working {
    pub(crate) fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it ends")
            .expect("no panic");
    }

    /// The value of a gauge without labels, once it has one.
    pub(crate) fn gauge(&self, metric: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == metric)?;
        let metric = family.get_metric().first()?;
        Some(metric.get_gauge().get_value())
    }

    /// Waits until a gauge has this value.
    pub(crate) async fn shows(&self, metric: &str, value: f64) {
        eventually(PATIENCE, async || {
            self.gauge(metric)
                .is_some_and(|shown| (shown - value).abs() < f64::EPSILON)
                .then_some(())
        })
        .await;
    }

    /// The counter with this value of a label; all of it if that is empty.
    pub(crate) fn counted(&self, metric: &str, label: &str) -> f64 {
        self.counted_yet(metric, label).expect("a metric")
    }

    /// None before the worker has registered it.
    fn counted_yet(&self, metric: &str, label: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == metric)?;
        let with_label = family.get_metric().iter().filter(|metric| {
            label.is_empty() || metric.get_label().iter().any(|pair| pair.value() == label)
        });
        Some(
            with_label
                .map(|metric| metric.get_counter().get_value())
                .sum(),
        )
    }

    /// Waits until it was counted so often.
    pub(crate) async fn counts(&self, metric: &str, label: &str, times: u32) {
        eventually(PATIENCE, async || {
            let counted = self.counted_yet(metric, label)?;
            (counted >= f64::from(times)).then_some(())
        })
        .await;
    }

    /// Messages that reached this, by the prefixes of this operator.
    pub(crate) fn delivery(&self, status: &str, operator: &str) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "ramz_delivery_total")
            .expect("a metric");
        let series = family.get_metric().iter().filter(|metric| {
            let labels = metric.get_label();
            let has = |name, value| {
                labels
                    .iter()
                    .any(|pair| pair.name() == name && pair.value() == value)
            };
            has("status", status) && has("operator", operator)
        });
        series.map(|metric| metric.get_counter().get_value()).sum()
    }

    /// How many messages were seen delivered, and the seconds that they took together.
    pub(crate) fn delivery_seconds(&self) -> (u64, f64) {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "ramz_delivery_seconds")
            .expect("a metric");
        let metrics = family.get_metric().iter();
        metrics.fold((0, 0.0), |(count, sum), metric| {
            let histogram = metric.get_histogram();
            (
                count + histogram.get_sample_count(),
                sum + histogram.get_sample_sum(),
            )
        })
    }

    /// Whether it was counted exactly so often.
    pub(crate) fn has_counted(&self, metric: &str, label: &str, times: u32) -> bool {
        (self.counted(metric, label) - f64::from(times)).abs() < f64::EPSILON
    }
}

impl Stage {
    /// A worker that can do everything.
    pub(crate) async fn work(&self) -> Working {
        self.work_with(WorkWith::gateway(self.gateway)).await
    }

    pub(crate) async fn work_by(&self, route: Route) -> Working {
        let with = WorkWith {
            route,
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    /// A worker with templates and these settings besides.
    pub(crate) async fn work_with_settings(
        &self,
        settings: &'static [(&'static str, &'static str)],
    ) -> Working {
        let with = WorkWith {
            settings,
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    pub(crate) async fn work_with_key(&self, otp_key: &str) -> Working {
        let with = WorkWith {
            otp_key: otp_key.to_owned(),
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    /// A worker that calls the gateway so many times a second, together with its like.
    pub(crate) async fn work_at_rate(&self, rate: u32) -> Working {
        let with = WorkWith {
            rate,
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    /// A worker whose gateway is not there.
    pub(crate) async fn work_without_gateway(&self) -> Working {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], free_port()));
        self.work_with(WorkWith::gateway(nowhere)).await
    }

    /// The same for plain texts.
    pub(crate) async fn work_without_gateway_by_text(&self) -> Working {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let with = WorkWith {
            route: Route::Text,
            ..WorkWith::gateway(nowhere)
        };
        self.work_with(with).await
    }

    async fn work_with(&self, with: WorkWith) -> Working {
        let (stop, registry) = (CancellationToken::new(), Registry::new());
        let config = self.settings.config(&with);
        let stores = self
            .settings
            .open_stores(&self.clock, &self.random, &with)
            .await;
        let (clock, random) = (self.clock.clone(), self.random.clone());
        let (stopped, counted) = (stop.clone(), registry.clone());
        let task = tokio::spawn(async move {
            worker::work(config, stores, &counted, clock, random, stopped)
                .await
                .expect("a worker ends without an error");
        });
        Working {
            stop,
            registry,
            task,
        }
    }
}
