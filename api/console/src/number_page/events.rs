//! What happened, in words.

use domain::delivery::DeliveryStatus;
use flows::inquiry::{Failure, Happened, Report};

use crate::times;
use crate::words::Words;

/// Something that happened.
pub(super) struct Event {
    pub(super) time: String,
    /// How long after that what it belongs to was asked for.
    pub(super) after: String,
    pub(super) text: String,
    /// The colour of its mark.
    pub(super) class: &'static str,
}

/// All that happened, the newest first.
pub(super) fn of(report: &Report, words: &'static Words) -> Vec<Event> {
    let told = report.events.iter().rev();
    told.map(|event| Event {
        time: times::moment(event.at, report.now, words),
        after: event
            .asked_at
            .filter(|asked| *asked < event.at)
            .map(|asked| times::span((event.at - asked).as_seconds_f64(), words))
            .unwrap_or_default(),
        text: text(&event.what, words),
        class: class(&event.what),
    })
    .collect()
}

fn class(what: &Happened) -> &'static str {
    match what {
        Happened::Verified | Happened::Delivery(DeliveryStatus::Delivered) => "good",
        Happened::Refused(_) | Happened::Expired | Happened::Limited { .. } => "bad",
        Happened::Delivery(status) if status.is_final() => "bad",
        Happened::Unknown(_)
        | Happened::NotSent(_)
        | Happened::AskedAndWaits
        | Happened::TryFailed { .. } => "warn",
        _ => "",
    }
}

fn text(what: &Happened, words: &'static Words) -> String {
    let texts = words.number;
    let with_reason = |text: &str, failure: &Failure| {
        let why = why(failure, words);
        format!("{text}; {}", texts.because.replace("{why}", &why))
    };
    match what {
        Happened::Asked { channel, message } => {
            let text = if *message == 1 {
                texts.asked
            } else {
                texts.asked_again
            };
            text.replace("{channel}", words.sends.channel_name(*channel))
                .replace("{message}", &message.to_string())
        }
        Happened::AskedAndWaits => texts.asked_and_waits.to_owned(),
        Happened::NoticeWritten => texts.notice_written.to_owned(),
        Happened::NoticeQueued => texts.notice_queued.to_owned(),
        Happened::Sending {
            attempt,
            route,
            again,
        } => {
            let text = texts
                .sending
                .replace("{attempt}", &attempt.to_string())
                .replace("{route}", route.as_str());
            if *again {
                format!("{text}; {}", texts.sending_again)
            } else {
                text
            }
        }
        Happened::Accepted { message_id, rials } => {
            let id = message_id
                .as_ref()
                .map(|id| texts.accepted_as.replace("{id}", id.as_str()));
            let rials = rials.map(|rials| {
                texts
                    .for_rials
                    .replace("{rials}", &times::grouped(rials.into()))
            });
            let parts = [Some(texts.accepted.to_owned()), id, rials];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            parts.join(" · ")
        }
        Happened::Refused(failure) => with_reason(texts.refused, failure),
        Happened::Expired => texts.expired.to_owned(),
        Happened::Unknown(failure) => with_reason(texts.unknown_fate, failure),
        Happened::NotSent(failure) => with_reason(texts.not_sent, failure),
        Happened::Looked { times } => texts.looked.replace("{times}", &times.to_string()),
        Happened::Delivery(status) => delivery(*status, words).to_owned(),
        Happened::Verified => texts.verified.to_owned(),
        Happened::ExpiredUnused => texts.expired_unused.to_owned(),
        Happened::Limited { times, .. } => texts.limited.replace("{times}", &times.to_string()),
        Happened::TryFailed { failures } => texts
            .try_failed
            .replace("{failures}", &failures.to_string()),
    }
}

fn delivery(status: DeliveryStatus, words: &'static Words) -> &'static str {
    let texts = words.number;
    match status {
        DeliveryStatus::Queued => texts.queued,
        DeliveryStatus::Scheduled => texts.scheduled,
        DeliveryStatus::HandedOver(_) => texts.handed_over,
        DeliveryStatus::Failed => texts.failed,
        DeliveryStatus::Delivered => texts.delivered,
        DeliveryStatus::Undelivered => texts.undelivered,
        DeliveryStatus::Cancelled => texts.cancelled,
        DeliveryStatus::Blocked => texts.blocked,
        DeliveryStatus::NotKnown | DeliveryStatus::Other(_) => texts.delivery_not_known,
    }
}

fn why(failure: &Failure, words: &'static Words) -> String {
    let texts = words.number;
    let code = |code: i64| texts.gateway_code.replace("{code}", &code.to_string());
    if let Some(status) = failure.entry_status {
        let said = DeliveryStatus::from_code(i32::try_from(status).unwrap_or(i32::MAX));
        return delivery(said, words).to_owned();
    }
    if let Some(status) = failure.gateway_status {
        return match words.locale {
            domain::challenge::Locale::En => {
                format!(
                    "{}: {}",
                    code(status),
                    flows::inquiry::gateway_code_in_words(status)
                )
            }
            domain::challenge::Locale::Fa => code(status),
        };
    }
    match failure.error_class.as_deref() {
        Some("dns" | "connect" | "connect_timeout" | "tls") => texts.no_connection.to_owned(),
        Some("timeout") => texts.no_answer.to_owned(),
        Some("interrupted") => texts.interrupted.to_owned(),
        Some(class) => class.replace('_', " "),
        None => texts.other_reason.to_owned(),
    }
}
