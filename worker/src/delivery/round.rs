//! How far a worker has come with the questions that are due.

use chrono::{DateTime, Utc};
use shared::records::{ASKED_AGAIN_AFTER, CheckPlace};

use super::GATHER;

/// Questions that were asked and not recorded stay due. So that they do not keep the others waiting, a round goes
/// on behind them until its minute is over.
#[derive(Debug, Default)]
pub(super) struct Round {
    passed: Option<(CheckPlace, DateTime<Utc>)>,
    gathering_since: Option<DateTime<Utc>>,
}

impl Round {
    /// Where to go on.
    pub(super) fn place(&mut self, now: DateTime<Utc>) -> CheckPlace {
        // A beginning that lies ahead: the clock was set back since.
        let is_over = |began: DateTime<Utc>| now < began || began + ASKED_AGAIN_AFTER <= now;
        self.passed.take_if(|(_, began)| is_over(*began));
        let place = self.passed.as_ref().map(|(place, _)| place);
        place.unwrap_or(&CheckPlace::START).clone()
    }

    /// Not everything up to this place was recorded.
    pub(super) fn pass(&mut self, place: CheckPlace, now: DateTime<Utc>) {
        let began = self.passed.as_ref().map_or(now, |(_, began)| *began);
        self.passed = Some((place, began));
    }

    /// When questions have gathered long enough of which this is the oldest. A report moves a question that is due
    /// to the end of the line; repeated, it must not put off all the others.
    pub(super) fn gathered_at(
        &mut self,
        oldest: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        self.gathering_since = (oldest <= now).then(|| match self.gathering_since {
            Some(since) => since.min(oldest),
            None => oldest,
        });
        self.gathering_since.unwrap_or(oldest) + GATHER
    }

    /// They were asked, or are another's to ask.
    pub(super) fn gathers_anew(&mut self) {
        self.gathering_since = None;
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::phone::Operator;
    use domain::root::RootId;
    use shared::records::{DeliveryCheck, SendKey};

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(1) + TimeDelta::seconds(seconds)
    }

    fn place(number: u32) -> CheckPlace {
        let check = DeliveryCheck {
            key: SendKey::first_leg(RootId::from_bytes([7; 16]), number),
            message_id: 1.into(),
            operator: Operator::Other,
            accepted_at: at(0),
            known: None,
            due_at: at(10),
        };
        check.place()
    }

    #[test]
    fn a_round_goes_on_behind_what_it_passed_and_ends_after_a_minute() {
        let mut round = Round::default();
        assert_eq!(round.place(at(0)), CheckPlace::START);
        round.pass(place(1), at(0));
        assert_eq!(round.place(at(1)), place(1));
        // It does not last longer for what is passed later.
        round.pass(place(2), at(50));
        assert_eq!(round.place(at(59)), place(2));
        assert_eq!(round.place(at(60)), CheckPlace::START);
        round.pass(place(3), at(61));
        assert_eq!(round.place(at(120)), place(3));
        assert_eq!(round.place(at(121)), CheckPlace::START);
    }

    #[test]
    fn f_13_a_clock_that_is_set_back_ends_a_round() {
        let mut round = Round::default();
        round.pass(place(1), at(0));
        assert_eq!(round.place(at(-1)), CheckPlace::START);
    }

    #[test]
    fn a_34_reports_that_come_again_and_again_put_no_question_off() {
        let mut round = Round::default();
        assert_eq!(round.gathered_at(at(5), at(3)), at(6), "not due yet");
        assert_eq!(round.gathered_at(at(5), at(5)), at(6));
        // A report has moved it.
        assert_eq!(round.gathered_at(at(6), at(6)), at(6));
        round.gathers_anew();
        assert_eq!(round.gathered_at(at(7), at(7)), at(8));
    }
}
