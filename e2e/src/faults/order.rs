//! Whether messages left in the order in which they were accepted.

use serde::Serialize;

/// How well the order of acceptance was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Order {
    /// Messages that were compared.
    pub messages: u64,
    /// The share that no later one overtook.
    pub kept: f64,
    /// The share that nothing overtook that was accepted more than a second later.
    pub kept_within_a_second: f64,
    /// The longest that a message which overtook another was accepted after it, in seconds.
    pub longest_inversion_seconds: f64,
}

impl Order {
    /// Takes the moments of acceptance, in milliseconds, in the order in which the messages left.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts and spans of one run are far below 2^52"
    )]
    pub fn of(accepted_at: &[i64]) -> Self {
        let mut newest = i64::MIN;
        let (mut kept, mut kept_within_a_second, mut longest) = (0_u64, 0_u64, 0_i64);
        for &accepted in accepted_at {
            newest = newest.max(accepted);
            let overtaken_by = newest - accepted;
            kept += u64::from(overtaken_by == 0);
            kept_within_a_second += u64::from(overtaken_by <= 1000);
            longest = longest.max(overtaken_by);
        }
        let share = |count: u64| count as f64 / (accepted_at.len().max(1) as f64);
        Self {
            messages: accepted_at.len() as u64,
            kept: share(kept),
            kept_within_a_second: share(kept_within_a_second),
            longest_inversion_seconds: longest as f64 / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_out_of_order_when_a_later_one_left_before_it() {
        let order = Order::of(&[0, 10, 10, 20]);
        assert_eq!((order.kept, order.longest_inversion_seconds), (1.0, 0.0));

        // 500 is overtaken by 600; 0 is overtaken by all.
        let order = Order::of(&[600, 500, 2_500, 0]);
        let expected = Order {
            messages: 4,
            kept: 0.5,
            kept_within_a_second: 0.75,
            longest_inversion_seconds: 2.5,
        };
        assert_eq!(order, expected);
        assert_eq!(Order::of(&[]).messages, 0);
    }
}
