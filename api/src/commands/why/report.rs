//! The whole report, for people and as one JSON object.

use std::fmt;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use serde::Serialize;
use shared::hot_state::{AcceptPolicy, TryLimits};
use shared::records::LedgerRow;

use super::conclusion::{Concluding, Conclusion};
use super::facts::{Facts, Subject, ago};
use super::standing::{Account, Code, Limits, Service, Standing, Used};
use super::timeline::{self, Event};
use super::times::{Times, span};
use super::words;

/// What is printed.
#[derive(Serialize)]
pub(super) struct Report {
    subject: String,
    /// Masked.
    phone: Option<String>,
    now: DateTime<Utc>,
    since: DateTime<Utc>,
    events: Vec<Event>,
    sends: Vec<Message>,
    #[serde(flatten)]
    standing: Standing,
    missing: Vec<String>,
    conclusion: Conclusion,
    #[serde(skip)]
    times: Times,
    #[serde(skip)]
    span: TimeDelta,
    #[serde(skip)]
    of_phone: bool,
}

/// A message, as the ledger has it.
#[derive(Serialize)]
struct Message {
    challenge: String,
    send: u32,
    purpose: &'static str,
    channel: &'static str,
    method: Option<&'static str>,
    state: &'static str,
    attempts: u32,
    gateway_status: Option<i64>,
    entry_status: Option<i64>,
    error_class: Option<String>,
    messageid: Option<i64>,
    cost_rials: Option<i64>,
    resent_ambiguous: bool,
    accepted_at: DateTime<Utc>,
    deadline_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    delivery_status: Option<i64>,
    delivery_checked_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    request_id: Option<String>,
    trace_id: Option<String>,
}

impl Report {
    pub(super) fn new(
        facts: &Facts,
        policy: &AcceptPolicy,
        tries: &TryLimits,
        offset: Option<FixedOffset>,
    ) -> Self {
        let standing = Standing::of(facts, policy, tries);
        let times = Times {
            now: facts.now,
            offset,
        };
        let conclusion = Concluding {
            facts,
            standing: &standing,
            policy,
            times,
        }
        .conclude();
        let phone = facts.phone.as_ref().map(ToString::to_string);
        let subject = match &facts.question.subject {
            Subject::Phone(phone) => phone.to_string(),
            Subject::Request(id) => format!("request {id}"),
            Subject::Challenge(id) => format!("challenge {id}"),
        };
        Self {
            subject,
            phone,
            now: facts.now,
            since: facts.now - facts.question.since,
            events: timeline::events(facts, policy),
            sends: facts.sends().iter().map(Message::of).collect(),
            standing,
            missing: facts.missing(),
            conclusion,
            times,
            span: facts.question.since,
            of_phone: matches!(facts.question.subject, Subject::Phone(_)),
        }
    }
}

impl Message {
    fn of(row: &LedgerRow) -> Self {
        Self {
            challenge: row.key.challenge.to_string(),
            send: row.key.send,
            purpose: row.purpose.as_str(),
            channel: row.channel.as_str(),
            method: row.method.map(shared::records::SendMethod::as_str),
            state: row.state.as_str(),
            attempts: row.attempt,
            gateway_status: row.gateway_status,
            entry_status: row.entry_status,
            error_class: row.error_class.clone(),
            messageid: row.messageid,
            cost_rials: row.cost_rials,
            resent_ambiguous: row.resent_ambiguous,
            accepted_at: row.accepted_at,
            deadline_at: row.deadline_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            delivery_status: row.delivery_status,
            delivery_checked_at: row.delivery_checked_at,
            delivered_at: row.delivered_at,
            request_id: row.request_id.map(|id| id.to_string()),
            trace_id: row.trace_id.clone(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subject)?;
        if self.of_phone {
            write!(f, ", the last {}", span(self.span))?;
        } else {
            match &self.phone {
                Some(phone) => write!(f, ", for {phone}")?,
                None => f.write_str(", for a number that was erased with its account")?,
            }
        }
        writeln!(f, "; times are {}", self.times.zone())?;
        writeln!(f)?;
        for event in &self.events {
            self.write_event(f, event)?;
        }
        if !self.events.is_empty() {
            writeln!(f)?;
        }
        if let Some(account) = &self.standing.account {
            self.write_account(f, account)?;
        }
        if let Some(limits) = &self.standing.limits {
            self.write_limits(f, limits)?;
        }
        for code in &self.standing.codes {
            self.write_code(f, code)?;
        }
        if let Some(service) = &self.standing.service {
            self.write_service(f, service)?;
        }
        writeln!(f, "\n{}", self.conclusion.text)
    }
}

impl Report {
    fn write_event(&self, f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
        let after = match event.asked_at {
            Some(asked_at) if event.at > asked_at => format!("+{}", span(event.at - asked_at)),
            _ => String::new(),
        };
        writeln!(
            f,
            "{}  {after:>8}  {}",
            self.times.full(event.at),
            event.text
        )
    }

    fn write_account(&self, f: &mut fmt::Formatter<'_>, account: &Account) -> fmt::Result {
        let Some(created_at) = account.created_at else {
            return writeln!(f, "account  none: the number is not registered");
        };
        write!(f, "account  registered {}", ago(self.now, created_at))?;
        if let Some(at) = account.last_sign_in_at {
            write!(f, ", last signed in {}", ago(self.now, at))?;
        }
        if let Some(at) = account.blocked_at {
            write!(f, ", BLOCKED since {}", self.times.short(at))?;
        }
        writeln!(f)
    }

    fn write_limits(&self, f: &mut fmt::Formatter<'_>, limits: &Limits) -> fmt::Result {
        let used = |name: &str, used: &Used| {
            let next = used
                .next_at
                .map(|at| format!(" (next at {})", self.times.short(at)));
            format!(
                "{} of {} messages {name}{}",
                used.sends,
                used.allowed,
                next.unwrap_or_default()
            )
        };
        let (short, day) = (used("lately", &limits.short), used("in a day", &limits.day));
        write!(
            f,
            "limits   {short}, {day}, {} of {} failed tries",
            limits.failed_tries, limits.failed_tries_allowed
        )?;
        if let Some(at) = limits.locked_until {
            write!(
                f,
                " (locked until {}: passwords, and codes by the number only, are refused)",
                self.times.short(at)
            )?;
        }
        writeln!(f)
    }

    fn write_code(&self, f: &mut fmt::Formatter<'_>, code: &Code) -> fmt::Result {
        let state = if code.used {
            "used".to_owned()
        } else if code.expires_at <= self.now {
            format!("expired at {}", self.times.short(code.expires_at))
        } else {
            format!("good until {}", self.times.short(code.expires_at))
        };
        writeln!(
            f,
            "code     {}, asked for at {}: {state}, {} of {} attempts with the session id, {} of {} by the number",
            code.purpose,
            self.times.short(code.created_at),
            code.session_attempts,
            code.attempts_allowed,
            code.phone_attempts,
            code.attempts_allowed
        )
    }

    fn write_service(&self, f: &mut fmt::Formatter<'_>, service: &Service) -> fmt::Result {
        write!(
            f,
            "service  {}; {} jobs wait, {} run, {} are put off; the oldest is {} s old",
            service.workers(),
            service.waiting,
            service.in_flight,
            service.delayed,
            service.oldest_age_seconds
        )?;
        match &service.breaker {
            Some(breaker) => writeln!(
                f,
                "; BREAKER OPEN since {} ({}: {})",
                self.times.short(breaker.since),
                breaker.code,
                words::gateway(i64::from(breaker.code))
            ),
            None => writeln!(f, "; the gateway may be called"),
        }
    }
}
