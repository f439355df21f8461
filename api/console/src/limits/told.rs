//! Quotas and spans in words.

use domain::limits::Quota;

use crate::times;
use crate::words::Words;

/// A span of milliseconds; whole units without a fraction, because limits are set in them.
pub(super) fn millis(millis: i64, words: &'static Words) -> String {
    let units = words.times;
    for (unit, name, below) in [
        (3_600_000, units.hours, 172_800_000),
        (60_000, units.minutes, 3_600_000),
        (1_000, units.seconds, 60_000),
    ] {
        if millis > 0 && millis % unit == 0 && millis < below {
            return format!("{} {name}", millis / unit);
        }
    }
    let millis = i32::try_from(millis).map_or(f64::from(i32::MAX), f64::from);
    times::span(millis / 1_000.0, words)
}

/// What a limit allows.
pub(super) fn quota(quota: Quota, words: &'static Words) -> String {
    let words_of = words.limits;
    let within = |count: u32, span: i64| {
        let text = words_of.count_in_span;
        let count = times::grouped(count.into());
        text.replace("{count}", &count)
            .replace("{span}", &millis(span, words))
    };
    match quota {
        Quota::Window { count, millis }
        | Quota::Rate { count, millis, .. }
        | Quota::Budget { count, millis, .. } => within(count, millis),
        Quota::Lock {
            failures,
            millis: span,
        } => {
            let text = words_of.failures_then_span;
            text.replace("{count}", &failures.to_string())
                .replace("{span}", &millis(span, words))
        }
        Quota::Share { percent } => words_of.share.replace("{percent}", &percent.to_string()),
    }
}
