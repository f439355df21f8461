//! Where the matter stands, and what to do: one sentence or two.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use shared::hot_state::AcceptPolicy;
use shared::kavenegar::DeliveryStatus;
use shared::notice::MessagePurpose;
use shared::records::{LedgerRow, LedgerState};

use super::facts::{Facts, Subject};
use super::standing::{Breaker, Service, Standing};
use super::times::{Times, moment, span};
use super::words;

/// A run that has lasted longer belongs to a worker that died.
const LONGEST_RUN: TimeDelta = TimeDelta::seconds(20);

/// The closing sentence.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Conclusion {
    /// A stable name, for programs.
    pub(super) code: &'static str,
    pub(super) text: String,
}

fn conclusion(code: &'static str, text: impl Into<String>) -> Conclusion {
    Conclusion {
        code,
        text: text.into(),
    }
}

/// What closes a report.
pub(super) struct Concluding<'a> {
    pub(super) facts: &'a Facts,
    pub(super) standing: &'a Standing,
    pub(super) policy: &'a AcceptPolicy,
    pub(super) times: Times,
}

impl Concluding<'_> {
    pub(super) fn conclude(&self) -> Conclusion {
        let blocked_at = self.facts.user().and_then(|user| user.blocked_at);
        if let Some(at) = blocked_at {
            return conclusion(
                "blocked_user",
                format!(
                    "The user of this number is blocked since {}: no code signs them in.",
                    self.times.short(at)
                ),
            );
        }
        let last_send = self.last_code();
        let waiting = self.facts.waiting().last().copied();
        let (last, last_at) = match (last_send, waiting) {
            (Some(send), Some(at)) if at <= send.accepted_at => {
                (Some(self.of_send(send)), Some(self.last_act(send)))
            }
            (Some(send), None) => (Some(self.of_send(send)), Some(self.last_act(send))),
            (_, Some(at)) => (Some(self.of_waiting(at)), Some(at)),
            (None, None) => (None, None),
        };
        if let Some(limited) = self.limited(last_at) {
            return match last {
                Some(last) => Conclusion {
                    text: format!("{} The code before: {}", limited.text, last.text),
                    ..limited
                },
                None => limited,
            };
        }
        last.unwrap_or_else(|| self.nothing())
    }

    fn last_code(&self) -> Option<&LedgerRow> {
        let mut codes = self.facts.sends().iter().rev();
        codes.find(|send| matches!(send.purpose, MessagePurpose::Code(_)))
    }

    /// The last thing that somebody did about a message: asked for it, or used its code.
    fn last_act(&self, send: &LedgerRow) -> DateTime<Utc> {
        let code_use = self.facts.code_use(send.key.challenge);
        let used_at = code_use.map(|code_use| code_use.used_at);
        used_at.map_or(send.accepted_at, |at| at.max(send.accepted_at))
    }

    /// A limit of the number, if it refused what was asked for last.
    fn limited(&self, last_at: Option<DateTime<Utc>>) -> Option<Conclusion> {
        if !matches!(self.facts.question.subject, Subject::Phone(_)) {
            return None;
        }
        let refusals = &self.facts.phone_state()?.refusals;
        let refusal = refusals.iter().max_by_key(|refusal| refusal.last_at)?;
        let at = moment(refusal.last_at);
        let oldest = self.facts.now - self.facts.question.since;
        if last_at.is_some_and(|last_at| at < last_at) || at < oldest {
            return None;
        }
        let limit = words::window(refusal.rule, self.policy);
        Some(match self.standing.limits.as_ref()?.closed() {
            Some((rule, next_at)) => conclusion(
                "limited",
                format!(
                    "The phone has reached its limit of {}; the next code can be asked for at {}, in {}.",
                    words::window(rule, self.policy),
                    self.times.short(next_at),
                    span(next_at - self.facts.now),
                ),
            ),
            None => conclusion(
                "was_limited",
                format!(
                    "The last request was refused at {} by the limit of {limit}, which is over: a code can be asked for now.",
                    self.times.short(at)
                ),
            ),
        })
    }

    /// A request that was granted and that no worker has begun.
    fn of_waiting(&self, at: DateTime<Utc>) -> Conclusion {
        let short = self.times.short(at);
        let now = self.facts.now;
        let life = TimeDelta::milliseconds(self.policy.code_life_millis);
        let Some(service) = &self.standing.service else {
            return conclusion("waiting", format!("It was asked for at {short} and waits."));
        };
        if let Some(breaker) = &service.breaker {
            return self.breaker_open(breaker);
        }
        if service.workers == 0 {
            let dead = if now >= at + life {
                " Its code has expired; another can be asked for when a worker runs."
            } else {
                ""
            };
            return conclusion(
                "no_worker",
                format!(
                    "No worker has taken it since {short}: 0 workers seen in the last half minute. Start a worker.{dead}"
                ),
            );
        }
        if now >= at + life {
            return conclusion(
                "no_message",
                format!(
                    "It was asked for at {short}, and the ledger has no message for it: the queue was lost, or the account of the number was deleted since, which erases the number there."
                ),
            );
        }
        conclusion(
            "waiting",
            format!(
                "It waits in the queue since {short}: {}. Workers seen: {}.",
                queue_words(service),
                service.workers
            ),
        )
    }

    fn breaker_open(&self, breaker: &Breaker) -> Conclusion {
        let what = match breaker.code {
            418 => "no credit. Recharge the account at the gateway".to_owned(),
            code => format!(
                "{}. Put that right with the gateway",
                words::gateway(i64::from(code))
            ),
        };
        conclusion(
            "breaker_open",
            format!(
                "The breaker is open since {}: the gateway answers {}, {what}; messages whose time is not over go out by themselves then. The next look is at {}.",
                self.times.short(breaker.since),
                breaker.code,
                self.times.short(breaker.probe_at),
            ),
        )
    }

    fn of_send(&self, send: &LedgerRow) -> Conclusion {
        if let Some(code_use) = self.facts.code_use(send.key.challenge) {
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
                conclusion(
                    "interrupted",
                    format!(
                        "A worker began to send it at {} and was not heard of since; another takes it over within 15 s, if there is one (workers seen: {}).",
                        at(send.started_at),
                        self.standing
                            .service
                            .as_ref()
                            .map_or(0, |service| service.workers),
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
        if service.is_some_and(|service| service.workers == 0) {
            text.push_str(" But 0 workers were seen in the last half minute: start one.");
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
        let workers = match service {
            Some(service) if service.workers == 0 => {
                " 0 workers were seen in the last half minute: start one.".to_owned()
            }
            _ => format!(" {}", self.ask_again()),
        };
        conclusion(
            "expired",
            format!("It was not sent, because it would have come too late: {why}.{workers}"),
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
            Some(status) if status.is_final() && status != DeliveryStatus::NotKnown => conclusion(
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
        let id = send.key.challenge;
        if let Some(at) = self.facts.expires_at(id)
            && at <= self.facts.now
        {
            return format!("The code expired unused at {}.", self.times.short(at));
        }
        let Some(challenge) = self.facts.challenge(id) else {
            return "Whether the code was tried is not known.".to_owned();
        };
        let allowed = self.policy.max_attempts;
        let until = self.times.short(moment(challenge.expires_at));
        if challenge.session_attempts >= allowed {
            return format!(
                "The code was typed in wrong {allowed} times and is of no more use: a new one must be asked for."
            );
        }
        format!(
            "The code is good until {until}; {} of {allowed} attempts were used with the session id, {} of {allowed} by the number.",
            challenge.session_attempts, challenge.phone_attempts
        )
    }

    fn ask_again(&self) -> String {
        let closed = self
            .standing
            .limits
            .as_ref()
            .and_then(super::standing::Limits::closed);
        match closed {
            Some((_, at)) => format!("A new code can be asked for at {}.", self.times.short(at)),
            None => "A new code can be asked for now.".to_owned(),
        }
    }

    /// No message, no request: what stands in the way of one, if anything does.
    fn nothing(&self) -> Conclusion {
        let looked = span(self.facts.question.since);
        let mut text = match (&self.facts.records, &self.facts.hot) {
            (Ok(_), Ok(_)) => format!(
                "Nothing is known about a code for this number in the last {looked}: no request for one was accepted, or its account was deleted since."
            ),
            _ => format!(
                "Nothing is known about a code for this number in the last {looked}, but not everything could be asked."
            ),
        };
        if let Some(service) = &self.standing.service {
            if let Some(breaker) = &service.breaker {
                text.push(' ');
                text.push_str(&self.breaker_open(breaker).text);
            } else if service.workers == 0 {
                text.push_str(" 0 workers were seen in the last half minute: start one.");
            }
        }
        conclusion("nothing_known", text)
    }
}

fn queue_words(service: &Service) -> String {
    format!(
        "{} jobs wait, {} run, {} are put off, the oldest is {} s old",
        service.waiting, service.in_flight, service.delayed, service.oldest_age_seconds
    )
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
