//! What support tells the person who asks, to be copied.

use chrono::{DateTime, Utc};
use domain::challenge::Locale;
use flows::inquiry::{Answer, NotDelivered, NotSent};

use crate::times;
use crate::words::Words;

/// The text in a language. Times have the digits of the language, since nobody knows what it is pasted into.
pub(super) fn text(answer: Answer, now: DateTime<Utc>, words: &'static Words) -> String {
    let says = &words.number.says;
    let at = |text: &str, time| {
        let time = times::minute(time, now, words);
        let time = match words.locale {
            Locale::Fa => persian(&time),
            Locale::En => time,
        };
        text.replace("{time}", &time)
    };
    match answer {
        Answer::Blocked => says.blocked.to_owned(),
        Answer::LimitedUntil(until) => at(says.limited_until, until + LESS_THAN_A_MINUTE),
        Answer::MayAskAgain => says.may_ask_again.to_owned(),
        Answer::UnderWay { asked_at } => at(says.under_way, asked_at),
        Answer::Interrupted { asked_at } => at(says.interrupted, asked_at),
        Answer::HandedOver { at: time } => at(says.handed_over, time),
        Answer::Arrived { at: time } => at(says.arrived, time),
        Answer::Used { at: time } => at(says.used, time),
        Answer::NotDelivered(NotDelivered::OutOfReach) => says.out_of_reach.to_owned(),
        Answer::NotDelivered(NotDelivered::Blocked) => says.messages_blocked.to_owned(),
        Answer::NotDelivered(NotDelivered::Failed) => says.operator_failed.to_owned(),
        Answer::NotSent(NotSent::TooLate) => says.too_late.to_owned(),
        Answer::NotSent(NotSent::NumberRefused) => says.number_refused.to_owned(),
        Answer::NotSent(NotSent::Refused) => says.refused.to_owned(),
        Answer::Unknown { at: time } => at(says.unknown, time),
        Answer::NothingAsked => says.nothing_asked.to_owned(),
        Answer::NotKnown => says.not_known.to_owned(),
    }
}

/// Rounded up: people who are told the minute in which a limit ends would come too early.
const LESS_THAN_A_MINUTE: chrono::TimeDelta = chrono::TimeDelta::milliseconds(59_999);

fn persian(text: &str) -> String {
    text.chars()
        .map(|character| match character.to_digit(10) {
            Some(digit) => char::from_u32(0x06f0 + digit).unwrap_or(character),
            None => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_in_both_languages_with_their_own_digits() {
        let now: DateTime<Utc> = "2026-11-30T08:40:00Z".parse().expect("a moment");
        let time: DateTime<Utc> = "2026-11-30T08:33:20Z".parse().expect("a moment");
        let (fa, en) = (Words::of(Locale::Fa), Words::of(Locale::En));
        let handed_over = Answer::HandedOver { at: time };
        let told = text(handed_over, now, fa);
        assert!(told.contains("ساعت ۱۲:۰۳ به اپراتور سپرده شده"), "{told}");
        let told = text(handed_over, now, en);
        assert!(told.contains("handed to the operator at 12:03"), "{told}");
        // A limit is over after the minute that is told.
        let told = text(Answer::LimitedUntil(time), now, en);
        assert!(told.contains("from 12:04"), "{told}");
        let all = [
            Answer::Blocked,
            Answer::MayAskAgain,
            Answer::LimitedUntil(time),
            Answer::UnderWay { asked_at: time },
            Answer::Interrupted { asked_at: time },
            Answer::Arrived { at: time },
            Answer::Used { at: time },
            Answer::Unknown { at: time },
            Answer::NotDelivered(NotDelivered::OutOfReach),
            Answer::NotDelivered(NotDelivered::Blocked),
            Answer::NotDelivered(NotDelivered::Failed),
            Answer::NotSent(NotSent::TooLate),
            Answer::NotSent(NotSent::NumberRefused),
            Answer::NotSent(NotSent::Refused),
            Answer::NothingAsked,
            Answer::NotKnown,
        ];
        for words in [fa, en] {
            let texts: std::collections::BTreeSet<String> =
                all.iter().map(|answer| text(*answer, now, words)).collect();
            assert_eq!(texts.len(), all.len(), "each is told in its own words");
            assert!(texts.iter().all(|text| !text.contains('{')));
        }
    }
}
