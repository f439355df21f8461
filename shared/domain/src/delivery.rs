//! What became of a message that the gateway has accepted: when to ask, and what an answer means.
//!
//! The gateway tells it bit by bit, twice, late, in any order or not at all. So a message only ever
//! moves forward through these stages, and one that has ended stays there:
//!
//! ```text
//! nothing known ─▶ waits (1, 2, unlisted codes) ─▶ handed over (4, 5) ─▶ its end (10, 6, 13, 14, 11)
//! ```
//!
//! "Undelivered" (11) is no end while the gateway repeats undelivered messages by itself (the
//! account's `resendfailed`): then a message can still be delivered, and is asked about further.
//! "Not known" (100) says nothing about a message; it never hides what was known.

mod status;

use chrono::TimeDelta;

pub use status::DeliveryStatus;

/// How long after its acceptance a message is asked about, as long as its end is not known. The
/// gateway forgets after 48 hours.
pub const CHECKS: [TimeDelta; 8] = [
    TimeDelta::seconds(10),
    TimeDelta::seconds(30),
    TimeDelta::minutes(2),
    TimeDelta::minutes(10),
    TimeDelta::hours(1),
    TimeDelta::hours(6),
    TimeDelta::hours(24),
    TimeDelta::hours(47),
];

/// What a message is counted as, once for each that it reaches.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::AsRefStr,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Milestone {
    /// The operator has it.
    HandedOver,
    /// The phone has it.
    Delivered,
    /// The operator could not deliver it.
    Undelivered,
    /// It failed at the line or the operator.
    Failed,
    /// The receiver blocks messages of this kind.
    Blocked,
    /// It was cancelled: by hand, by a fault of the gateway, or by the account's debug mode.
    Cancelled,
    /// Nobody could say what became of it while the gateway could be asked.
    Unknown,
}

impl Milestone {
    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The milestone that a message in this state has reached.
    pub fn of(status: DeliveryStatus) -> Option<Self> {
        match status {
            DeliveryStatus::HandedOver(_) => Some(Self::HandedOver),
            DeliveryStatus::Delivered => Some(Self::Delivered),
            DeliveryStatus::Undelivered => Some(Self::Undelivered),
            DeliveryStatus::Failed => Some(Self::Failed),
            DeliveryStatus::Blocked => Some(Self::Blocked),
            DeliveryStatus::Cancelled => Some(Self::Cancelled),
            DeliveryStatus::Queued
            | DeliveryStatus::Scheduled
            | DeliveryStatus::NotKnown
            | DeliveryStatus::Other(_) => None,
        }
    }
}

/// What is known of a message after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its state.
    pub status: Option<DeliveryStatus>,
    /// How long after its acceptance it is asked about next; `None` when all is said, or will never
    /// be.
    pub next_check: Option<TimeDelta>,
    /// What it reached by this answer, in order. A message that is found delivered was handed over
    /// before, whether or not anybody saw it.
    pub reached: Vec<Milestone>,
}

impl Progress {
    /// Reads an answer about a message of which `known` was known, so long after its acceptance.
    /// `said` is `None` where the gateway had no row for it.
    pub fn after(
        known: Option<DeliveryStatus>,
        said: Option<DeliveryStatus>,
        age: TimeDelta,
        resends_undelivered: bool,
    ) -> Self {
        let moved = said.filter(|said| Stage::of(Some(*said)) > Stage::of(known));
        let status = moved.or(known).or(said);
        let mut reached = Vec::new();
        if let Some(milestone) = moved.and_then(Milestone::of) {
            let through_the_operator =
                matches!(milestone, Milestone::Delivered | Milestone::Undelivered);
            if through_the_operator && Stage::of(known) < Stage::HandedOver {
                reached.push(Milestone::HandedOver);
            }
            reached.push(milestone);
        }
        let ended = match Stage::of(status) {
            Stage::Ended => true,
            Stage::Undelivered => !resends_undelivered,
            Stage::NothingKnown | Stage::Waits | Stage::HandedOver => false,
        };
        let next_check = CHECKS.into_iter().find(|check| *check > age && !ended);
        if next_check.is_none() && Stage::of(status) < Stage::Undelivered {
            reached.push(Milestone::Unknown);
        }
        Self {
            status,
            next_check,
            reached,
        }
    }
}

/// How far a state is on the way; a message never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    NothingKnown,
    Waits,
    HandedOver,
    Undelivered,
    Ended,
}

impl Stage {
    fn of(status: Option<DeliveryStatus>) -> Self {
        match status {
            None | Some(DeliveryStatus::NotKnown) => Self::NothingKnown,
            Some(DeliveryStatus::Queued | DeliveryStatus::Scheduled | DeliveryStatus::Other(_)) => {
                Self::Waits
            }
            Some(DeliveryStatus::HandedOver(_)) => Self::HandedOver,
            Some(DeliveryStatus::Undelivered) => Self::Undelivered,
            Some(
                DeliveryStatus::Delivered
                | DeliveryStatus::Failed
                | DeliveryStatus::Cancelled
                | DeliveryStatus::Blocked,
            ) => Self::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODES: [i32; 12] = [1, 2, 4, 5, 6, 10, 11, 13, 14, 50, 99, 100];
    const ENDS: [i32; 5] = [6, 10, 11, 13, 14];

    fn status(code: i32) -> Option<DeliveryStatus> {
        (code != 0).then(|| DeliveryStatus::from_code(code))
    }

    fn after(known: i32, said: i32) -> Progress {
        Progress::after(status(known), status(said), TimeDelta::seconds(10), false)
    }

    fn code(progress: &Progress) -> i32 {
        progress.status.map_or(0, DeliveryStatus::code)
    }

    fn reached(progress: &Progress) -> Vec<&'static str> {
        let names = progress.reached.iter();
        names.map(|milestone| milestone.as_str()).collect()
    }

    #[test]
    fn each_state_is_counted_once_and_the_operator_on_the_way() {
        for (known, said, names) in [
            (0, 1, &[][..]),
            (0, 5, &["handed_over"]),
            (1, 4, &["handed_over"]),
            (0, 10, &["handed_over", "delivered"]),
            (4, 10, &["delivered"]),
            (1, 11, &["handed_over", "undelivered"]),
            (5, 6, &["failed"]),
            (0, 13, &["cancelled"]),
            (0, 14, &["blocked"]),
            (0, 99, &[]),
            (0, 100, &[]),
        ] {
            let progress = after(known, said);
            assert_eq!(reached(&progress), names, "{said} after {known}");
            assert_eq!(code(&progress), said, "{said} after {known}");
            let again = after(said, said);
            assert_eq!(reached(&again), [""; 0], "{said} again");
            let ends = ENDS.contains(&said);
            assert_eq!(progress.next_check.is_none(), ends, "{said}");
        }
    }

    #[test]
    fn what_is_known_is_not_forgotten() {
        for (known, said) in [(5, 1), (4, 100), (4, 0), (4, 99), (1, 100), (4, 5), (1, 99)] {
            let progress = after(known, said);
            assert_eq!((code(&progress), progress.reached.len()), (known, 0));
            assert_eq!(progress.next_check, Some(CHECKS[1]));
        }
    }

    #[test]
    fn an_undelivered_message_that_is_repeated_is_asked_about_further() {
        let ask = |known, said, age| Progress::after(status(known), status(said), age, true);
        let undelivered = ask(5, 11, CHECKS[0]);
        assert_eq!(reached(&undelivered), ["undelivered"]);
        assert_eq!(undelivered.next_check, Some(CHECKS[1]));
        // The repetition begins from the start, which is not shown as a step back.
        let repeated = ask(11, 4, CHECKS[1]);
        assert_eq!((code(&repeated), repeated.reached.len()), (11, 0));
        let delivered = ask(11, 10, CHECKS[2]);
        assert_eq!(reached(&delivered), ["delivered"]);
        assert_eq!(delivered.next_check, None);
        // It stays undelivered if nothing better comes; that is known, not unknown.
        let last = ask(11, 11, CHECKS[7]);
        assert_eq!((last.next_check, last.reached.len()), (None, 0));
        // The account's setting was changed meanwhile.
        assert_eq!(after(11, 11).next_check, None);
    }

    #[test]
    fn the_plan_goes_on_from_where_it_is_and_ends() {
        let next = |seconds| {
            let age = TimeDelta::seconds(seconds);
            Progress::after(None, status(5), age, false).next_check
        };
        assert_eq!(next(0), Some(TimeDelta::seconds(10)));
        assert_eq!(next(10), Some(TimeDelta::seconds(30)));
        assert_eq!(next(29), Some(TimeDelta::seconds(30)));
        assert_eq!(next(700), Some(TimeDelta::hours(1)));
        assert_eq!(next(46 * 3_600), Some(TimeDelta::hours(47)));
        assert_eq!(next(47 * 3_600), None);
        assert_eq!(next(400 * 3_600), None);
        for (said, names) in [
            (0, &["unknown"][..]),
            (100, &["unknown"]),
            (1, &["unknown"]),
            (4, &["handed_over", "unknown"]),
            (10, &["handed_over", "delivered"]),
        ] {
            let last = Progress::after(None, status(said), CHECKS[7], false);
            assert_eq!((reached(&last).as_slice(), last.next_check), (names, None));
        }
    }

    proptest! {
        /// In whatever order answers come and repeat: nothing is counted twice, an end stays, and a
        /// message that was seen delivered is delivered.
        #[test]
        fn answers_in_any_order_never_lead_back(
            said in prop::collection::vec((prop::sample::select(&CODES[..]), any::<bool>()), 1..30),
        ) {
            let (mut known, mut seen) = (None, Vec::new());
            let mut open = true;
            for (code, resends) in said {
                if !open {
                    break;
                }
                let answer = DeliveryStatus::from_code(code);
                let progress = Progress::after(known, Some(answer), CHECKS[0], resends);
                prop_assert!(Stage::of(progress.status) >= Stage::of(known));
                for milestone in &progress.reached {
                    prop_assert!(!seen.contains(milestone), "{milestone:?} twice");
                }
                seen.extend(progress.reached);
                if answer == DeliveryStatus::Delivered {
                    prop_assert_eq!(progress.status, Some(answer));
                }
                known = progress.status;
                open = progress.next_check.is_some();
                prop_assert_eq!(open, !known.is_some_and(DeliveryStatus::is_final)
                    || (resends && known == Some(DeliveryStatus::Undelivered)));
            }
        }
    }
}
