//! What became of a message that a worker has begun, and of the code that it brought.

use chrono::{DateTime, TimeDelta, Utc};
use domain::delivery::DeliveryStatus;
use shared::records::{LedgerRow, LedgerState};

use super::{Concluding, Conclusion, conclusion};
use crate::inquiry::Subject;
use crate::inquiry::standing::Service;
use crate::inquiry::times::{moment, span};
use crate::inquiry::words;

/// A run that has lasted longer belongs to a worker that died.
const LONGEST_RUN: TimeDelta = TimeDelta::seconds(20);

impl Concluding<'_> {
    pub(crate) fn of_send(&self, send: &LedgerRow) -> Conclusion {
        if let Some(code_use) = self.facts.code_use(send.key.root) {
            return conclusion(
                "verified",
                format!(
                    "The code was used at {}, {} after it was asked for.",
                    self.times.short(code_use.used_at),
                    span(code_use.used_at - send.accepted_at),
                ),
            );
        }
        let failure = words::failure(
            send.gateway_status,
            send.entry_status,
            send.error_class.as_deref(),
        );
        let at =
            |time: Option<DateTime<Utc>>| time.map(|at| self.times.short(at)).unwrap_or_default();
        match send.state {
            LedgerState::Accepted => self.of_accepted(send),
            LedgerState::Refused => conclusion(
                "refused",
                format!(
                    "The gateway refused it at {} ({failure}) and will not take it by trying again.{}",
                    at(send.finished_at),
                    advice(send)
                ),
            ),
            LedgerState::Expired if send.is_kept_back() => conclusion(
                "blocked",
                format!(
                    "It was not sent at {}, because the user of the number is blocked. To the one who asked it looks \
                     like any other message.",
                    at(send.finished_at)
                ),
            ),
            LedgerState::Expired => self.of_expired(send, &failure),
            LedgerState::Unknown => conclusion(
                "unknown",
                format!(
                    "Nobody knows whether it went out at {} ({failure}). {}",
                    at(send.started_at),
                    self.of_code(send)
                ),
            ),
            LedgerState::Sending
                if self.facts.now - send.started_at.unwrap_or_default() > LONGEST_RUN =>
            {
                let service = self.standing.service.as_ref();
                let seen = service.map(|service| format!(" ({})", service.workers()));
                conclusion(
                    "interrupted",
                    format!(
                        "A worker began to send it at {} and was not heard of since; another takes it over within 15 s, if there is one{}.",
                        at(send.started_at),
                        seen.unwrap_or_default(),
                    ),
                )
            }
            LedgerState::Sending => conclusion(
                "sending",
                format!("The gateway is being called since {}.", at(send.started_at)),
            ),
            LedgerState::NotSent => self.of_not_sent(send, &failure),
        }
    }

    fn of_not_sent(&self, send: &LedgerRow, failure: &str) -> Conclusion {
        let service = self.standing.service.as_ref();
        if let Some(breaker) = service.and_then(|service| service.breaker.as_ref()) {
            return self.breaker_open(breaker);
        }
        if self.facts.now >= send.deadline_at {
            return conclusion(
                "not_sent",
                format!(
                    "It did not go out before its time was over ({failure}). {}",
                    self.ask_again()
                ),
            );
        }
        let mut text = format!(
            "Attempt {} did not go out ({failure}); it is tried again until {}.",
            send.attempt,
            self.times.short(send.deadline_at)
        );
        if let Some(idle) = service.and_then(Service::idle) {
            text.push_str(" But ");
            text.push_str(&idle);
        }
        conclusion("not_sent_yet", text)
    }

    fn of_expired(&self, send: &LedgerRow, failure: &str) -> Conclusion {
        let why = match (send.attempt, send.error_class.is_some()) {
            (0, _) => "no worker came to it in time, or its code was used before".to_owned(),
            (attempts, true) => format!("{attempts} attempts did not go out ({failure})"),
            (attempts, false) => format!("{attempts} attempts did not go out"),
        };
        let service = self.standing.service.as_ref();
        if let Some(breaker) = service.and_then(|service| service.breaker.as_ref()) {
            let open = self.breaker_open(breaker);
            return conclusion(
                "expired",
                format!(
                    "It was not sent, because it would have come too late: {why}. {}",
                    open.text
                ),
            );
        }
        let next = match service.and_then(Service::idle) {
            Some(idle) => format!("And now {idle}"),
            None => self.ask_again(),
        };
        conclusion(
            "expired",
            format!("It was not sent, because it would have come too late: {why}. {next}"),
        )
    }

    fn of_accepted(&self, send: &LedgerRow) -> Conclusion {
        let taken_at = send.finished_at.unwrap_or(send.accepted_at);
        let taken = format!("The gateway took it at {}", self.times.short(taken_at));
        if let Some(at) = send.delivered_at {
            return conclusion(
                "delivered",
                format!(
                    "{taken} and the operator reports it delivered {} later; {}",
                    span(at - taken_at),
                    lower(&self.of_code(send))
                ),
            );
        }
        let code = send
            .delivery_status
            .map(|code| i32::try_from(code).unwrap_or(i32::MAX));
        match code.map(DeliveryStatus::from_code) {
            Some(DeliveryStatus::Delivered) => conclusion(
                "delivered",
                format!(
                    "{taken} and the operator reports it delivered; {}",
                    lower(&self.of_code(send))
                ),
            ),
            Some(status) if status.is_final() => conclusion(
                "undelivered",
                format!(
                    "{taken}, but {} (message status {}). {}",
                    words::delivery(i64::from(status.code())),
                    status.code(),
                    self.ask_again()
                ),
            ),
            _ => {
                let next = match send.next_check_at {
                    Some(at) if at > self.facts.now => {
                        format!("the gateway is asked at {}", self.times.short(at))
                    }
                    _ => "the operator has not reported".to_owned(),
                };
                conclusion(
                    "accepted",
                    format!(
                        "{taken}; whether it reached the phone is not known: {next}. {}",
                        self.of_code(send)
                    ),
                )
            }
        }
    }

    /// How the code itself stands that a message brought.
    fn of_code(&self, send: &LedgerRow) -> String {
        let id = send.key.root;
        if let Some(at) = self.facts.ends_at(id)
            && at <= self.facts.now
        {
            return format!("The code expired unused at {}.", self.times.short(at));
        }
        let Some(code) = self.facts.code(id) else {
            return "Whether the code was tried is not known.".to_owned();
        };
        let allowed = self.policy.max_attempts;
        let until = self.times.short(moment(code.root.ends_at));
        if code.root.closed.is_some() {
            return "The code was given back, and has had no effect so far: anyone who gave it can give it once more."
                .to_owned();
        }
        let by_session = code.session_attempts.unwrap_or_default();
        if by_session >= allowed {
            return match self.facts.question.subject {
                Subject::Challenge(_) => format!(
                    "The code was typed in wrong {allowed} times and is of no more use there: it must be asked for again."
                ),
                Subject::Phone(_) | Subject::Request(_) => format!(
                    "The code was typed in wrong {allowed} times by the one who asked first; asking again gives new attempts."
                ),
            };
        }
        format!(
            "The code is good until {until}; {by_session} of {allowed} attempts were used with the session id, {} of {allowed} by the number.",
            code.root.phone_attempts
        )
    }
}

/// What can be done about a refusal.
fn advice(send: &LedgerRow) -> &'static str {
    match send.error_class.as_deref() {
        Some("refused_message") => " The number itself, or the text for it, is at fault.",
        Some("refused_config" | "misdirected" | "needs_template" | "needs_sender") => {
            " A setting is at fault, so others are refused too: put it right."
        }
        _ => "",
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}
