//! What is counted of deliveries.

use std::time::Duration;

use domain::delivery::Milestone;
use domain::phone::{Operator, PhoneNumber};
use gateway::{RefusedBy, SendOutcome};
use strum::VariantArray as _;

shared::metrics! {
    /// Metrics of deliveries. Clones share them.
    #[derive(Clone, Debug)]
    pub(crate) struct DeliveryMetrics {
        /// Messages by what the gateway said became of them, once for each status that they
        /// reach: handed_over first, then as a rule one more. The operator is that of the
        /// number's prefix.
        total: IntCounterVec("ramz_delivery_total", ["status", "operator"]), of_each every_end();
        /// From the gateway's acceptance of a message until it was seen delivered. The
        /// gateway is asked 10 s, 30 s, 2 min, 10 min, 1 h... after the acceptance, so this
        /// is an upper bound; close to the truth only where delivery reports come in.
        seconds: HistogramVec(
            "ramz_delivery_seconds", ["operator"],
            buckets [
                2.0, 5.0, 10.0, 15.0, 30.0, 45.0, 120.0, 180.0, 600.0, 900.0, 3_600.0, 5_400.0,
                21_600.0, 86_400.0, 172_800.0,
            ]
        ) of Operator::VARIANTS;
        /// For how long the oldest question about a delivery has been due; 0 when none is.
        overdue: Gauge("ramz_delivery_overdue_seconds");
    }
}

fn every_end() -> impl Iterator<Item = [&'static str; 2]> {
    Operator::VARIANTS.iter().flat_map(|operator| {
        let milestones = Milestone::VARIANTS.iter();
        milestones.map(|milestone| [milestone.as_str(), operator.as_str()])
    })
}

impl DeliveryMetrics {
    /// A message reached this, so long after the gateway had accepted it.
    pub(crate) fn reached(&self, milestone: Milestone, operator: Operator, age: Duration) {
        self.at(milestone, operator).inc();
        if milestone == Milestone::Delivered {
            self.seconds
                .with_label_values(&[operator])
                .observe(age.as_secs_f64());
        }
    }

    /// A call was answered; a message that had ended in the answer is never asked about.
    pub(crate) fn answered(&self, phone: &PhoneNumber, outcome: &SendOutcome) {
        if let SendOutcome::Refused {
            refusal: RefusedBy::Entry { status, .. },
            ..
        } = outcome
            && let Some(milestone) = Milestone::of(*status)
        {
            self.at(milestone, Operator::of(phone)).inc();
        }
    }

    /// The oldest question has been due for so long.
    pub(crate) fn overdue(&self, overdue: Duration) {
        self.overdue.set(overdue.as_secs_f64());
    }

    fn at(&self, milestone: Milestone, operator: Operator) -> prometheus::IntCounter {
        self.total
            .with_label_values(&[milestone.as_str(), operator.as_str()])
    }
}
