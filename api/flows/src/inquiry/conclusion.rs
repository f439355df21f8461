//! Where the matter stands, and what to do: one sentence or two.

mod message;

use chrono::{DateTime, TimeDelta, Utc};
use domain::notice::MessagePurpose;
use serde::Serialize;
use shared::hot_state::AcceptPolicy;
use shared::records::LedgerRow;

use super::facts::{Facts, Subject};
use super::standing::{Breaker, Service, Standing};
use super::times::{Times, moment, span};
use super::words;

/// The closing sentence.
#[derive(Clone, Debug, Serialize)]
pub struct Conclusion {
    /// A stable name, for programs.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

fn conclusion(code: &'static str, text: impl Into<String>) -> Conclusion {
    Conclusion {
        code,
        text: text.into(),
    }
}

/// What closes a report.
pub(crate) struct Concluding<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) standing: &'a Standing,
    pub(crate) policy: &'a AcceptPolicy,
    pub(crate) times: Times,
}

impl Concluding<'_> {
    pub(crate) fn conclude(&self) -> Conclusion {
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
        let code_use = self.facts.code_use(send.key.root);
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
        if let Some(idle) = service.idle() {
            let dead = if now >= at + life {
                " Its code has expired; another can be asked for when a worker runs."
            } else {
                ""
            };
            return conclusion(
                "no_worker",
                format!("No worker has taken it since {short}: {idle}{dead}"),
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
                "It waits in the queue since {short}: {}; {}.",
                queue_words(service),
                service.workers()
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
            } else if let Some(idle) = service.idle() {
                text.push_str(" Beside that, ");
                text.push_str(&idle);
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
