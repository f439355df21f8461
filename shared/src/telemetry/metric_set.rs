//! Metrics, each declared in one place: its name, type, labels and help text.

use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, Result,
};

/// Metrics that are made and registered together; [`metrics!`](crate::metrics) declares them.
pub trait MetricSet: Sized {
    /// Makes them.
    ///
    /// # Errors
    /// Only where a declaration is wrong, for example a name that Prometheus does not allow.
    fn make() -> Result<Self>;

    /// Adds them to a registry.
    ///
    /// # Errors
    /// The registry has one of these names already.
    fn enter(&self, registry: &Registry) -> Result<()>;

    /// Makes them and adds them to a registry.
    ///
    /// # Errors
    /// Those of [`make`](Self::make) and [`enter`](Self::enter).
    fn register(registry: &Registry) -> Result<Self> {
        let metrics = Self::make()?;
        metrics.enter(registry)?;
        Ok(metrics)
    }
}

/// A type of metric, as [`metrics!`](crate::metrics) makes it.
pub trait Metric: Collector + Clone + Sized + 'static {
    /// Makes one. Only histograms have buckets, and only families (`…Vec`) have labels.
    ///
    /// # Errors
    /// The name is not allowed, or labels were given to a metric that has none.
    fn make(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Result<Self>;
}

fn options(name: &str, help: &str, _: &[f64]) -> Opts {
    Opts::new(name, help)
}

fn histogram_options(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(buckets.to_vec())
}

macro_rules! metric_types {
    ($($single:ident, $family:ident: $options:ident;)+) => {$(
        impl Metric for $single {
            fn make(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Result<Self> {
                if !labels.is_empty() {
                    return Err(Error::Msg(format!("{name} cannot have labels")));
                }
                Self::with_opts($options(name, help, buckets))
            }
        }

        impl Metric for $family {
            fn make(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Result<Self> {
                Self::new($options(name, help, buckets), labels)
            }
        }
    )+};
}

metric_types! {
    IntCounter, IntCounterVec: options;
    IntGauge, IntGaugeVec: options;
    Gauge, GaugeVec: options;
    Histogram, HistogramVec: histogram_options;
}

/// Declares a struct of metrics and implements [`MetricSet`](crate::telemetry::MetricSet) for it.
///
/// The comment of a metric is its help text. Behind its type (one of the crate `prometheus`) stand its
/// name, its labels and the buckets of a histogram. The series of a closed list are there from the start:
/// `of` takes the values of a single label, `of_each` arrays with a value for each label. With `also`
/// comes another set, which is made and registered along.
///
/// ```
/// use shared::telemetry::MetricSet as _;
///
/// shared::metrics! {
///     /// What a kitchen counts.
///     struct Kitchen {
///         /// Meals that left the kitchen.
///         meals: IntCounterVec("meals_total", ["course"]) of ["soup", "fish"];
///         /// How long a meal took.
///         seconds: Histogram("meal_seconds", buckets [60.0, 600.0]);
///     }
/// }
///
/// let registry = prometheus::Registry::new();
/// let kitchen = Kitchen::register(&registry)?;
/// kitchen.meals.with_label_values(&["fish"]).inc();
/// kitchen.seconds.observe(90.0);
/// assert_eq!(registry.gather()[1].help(), "Meals that left the kitchen.");
/// # Ok::<(), prometheus::Error>(())
/// ```
#[macro_export]
macro_rules! metrics {
    (
        $(#[$about:meta])*
        $vis:vis struct $set:ident {
            $(
                $(#[doc = $help:literal])+
                $field_vis:vis $field:ident: $metric:ident(
                    $name:literal $(, [$($label:literal),+])? $(, buckets [$($bucket:expr),+ $(,)?])?
                ) $(of $values:expr)? $(, of_each $series:expr)?;
            )+
            $(also $also_vis:vis $also:ident: $also_set:ty;)*
        }
    ) => {
        $(#[$about])*
        $vis struct $set {
            $($(#[doc = $help])+ $field_vis $field: ::prometheus::$metric,)+
            $($also_vis $also: $also_set,)*
        }

        impl $crate::telemetry::MetricSet for $set {
            fn make() -> ::prometheus::Result<Self> {
                Ok(Self {
                    $($field: {
                        let metric = <::prometheus::$metric as $crate::telemetry::Metric>::make(
                            $name,
                            concat!($($help),+).trim_start(),
                            &[$($($label),+)?],
                            &[$($($bucket),+)?],
                        )?;
                        $(for value in $values {
                            let _ = metric.with_label_values(&[value]);
                        })?
                        $(for values in $series {
                            let _ = metric.with_label_values(&values);
                        })?
                        metric
                    },)+
                    $($also: <$also_set as $crate::telemetry::MetricSet>::make()?,)*
                })
            }

            fn enter(&self, registry: &::prometheus::Registry) -> ::prometheus::Result<()> {
                $(registry.register(Box::new(self.$field.clone()))?;)+
                $($crate::telemetry::MetricSet::enter(&self.$also, registry)?;)*
                Ok(())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use prometheus::{Encoder as _, TextEncoder};

    use super::*;

    crate::metrics! {
        /// One of each.
        struct Kitchen {
            /// Meals that left the kitchen,
            /// hot or cold.
            meals: IntCounterVec("meals_total", ["course"]) of ["soup", "fish"];
            /// Degrees.
            heat: GaugeVec("heat", ["oven", "side"]), of_each [["1", "left"], ["1", "right"]];
            /// How long a meal took.
            seconds: Histogram("meal_seconds", buckets [60.0]);
            also staff: Staff;
        }
    }

    crate::metrics! {
        struct Staff {
            /// Cooks at work.
            cooks: IntGauge("cooks");
        }
    }

    #[test]
    fn each_metric_is_served_as_it_was_declared_and_lists_begin_at_zero() {
        let registry = Registry::new();
        let kitchen = Kitchen::register(&registry).expect("fresh names");
        kitchen.meals.with_label_values(&["fish"]).inc();
        kitchen.heat.with_label_values(&["1", "left"]).set(0.5);
        kitchen.seconds.observe(90.0);
        kitchen.staff.cooks.set(3);
        let mut text = Vec::new();
        let encoded = TextEncoder::new().encode(&registry.gather(), &mut text);
        encoded.expect("text");
        let text = String::from_utf8(text).expect("UTF-8");
        let expected = "# HELP cooks Cooks at work.\n# TYPE cooks gauge\ncooks 3\n\
             # HELP heat Degrees.\n# TYPE heat gauge\n\
             heat{oven=\"1\",side=\"left\"} 0.5\nheat{oven=\"1\",side=\"right\"} 0\n\
             # HELP meal_seconds How long a meal took.\n# TYPE meal_seconds histogram\n\
             meal_seconds_bucket{le=\"60\"} 0\nmeal_seconds_bucket{le=\"+Inf\"} 1\n\
             meal_seconds_sum 90\nmeal_seconds_count 1\n\
             # HELP meals_total Meals that left the kitchen, hot or cold.\n# TYPE meals_total counter\n\
             meals_total{course=\"fish\"} 1\nmeals_total{course=\"soup\"} 0\n";
        assert_eq!(text, expected);
        assert!(Kitchen::register(&registry).is_err(), "registered twice");
    }

    #[test]
    fn labels_of_a_metric_that_has_none_are_an_error() {
        assert!(<IntGauge as Metric>::make("cooks", "Cooks.", &["shift"], &[]).is_err());
    }
}
