//! The report for people, as lines of a terminal.

use std::fmt;

use chrono::{DateTime, Utc};
use flows::inquiry::{
    Account, Code, Event, Limits, Report, Service, Used, gateway_code_in_words, span,
};

/// Shows a report.
pub(super) struct Text<'a>(pub(super) &'a Report);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.subject)?;
        if self.0.of_phone {
            write!(f, ", the last {}", span(self.0.span))?;
        } else {
            match &self.0.phone {
                Some(phone) => write!(f, ", for {phone}")?,
                None => f.write_str(", for a number that was erased with its account")?,
            }
        }
        writeln!(f, "; times are {}", self.0.times.zone())?;
        writeln!(f)?;
        for event in &self.0.events {
            self.write_event(f, event)?;
        }
        if !self.0.events.is_empty() {
            writeln!(f)?;
        }
        if let Some(account) = &self.0.standing.account {
            self.write_account(f, account)?;
        }
        if let Some(limits) = &self.0.standing.limits {
            self.write_limits(f, limits)?;
        }
        for code in &self.0.standing.codes {
            self.write_code(f, code)?;
        }
        if let Some(service) = &self.0.standing.service {
            self.write_service(f, service)?;
        }
        writeln!(f, "\n{}", self.0.conclusion.text)
    }
}

impl Text<'_> {
    fn write_event(&self, f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
        let after = match event.asked_at {
            Some(asked_at) if event.at > asked_at => format!("+{}", span(event.at - asked_at)),
            _ => String::new(),
        };
        writeln!(
            f,
            "{}  {after:>8}  {}",
            self.0.times.full(event.at),
            event.text
        )
    }

    fn write_account(&self, f: &mut fmt::Formatter<'_>, account: &Account) -> fmt::Result {
        let Some(created_at) = account.created_at else {
            return writeln!(f, "account  none: the number is not registered");
        };
        write!(f, "account  registered {}", ago(self.0.now, created_at))?;
        if let Some(at) = account.last_sign_in_at {
            write!(f, ", last signed in {}", ago(self.0.now, at))?;
        }
        if let Some(at) = account.blocked_at {
            write!(f, ", BLOCKED since {}", self.0.times.short(at))?;
        }
        writeln!(f)
    }

    fn write_limits(&self, f: &mut fmt::Formatter<'_>, limits: &Limits) -> fmt::Result {
        let used = |used: &Used| {
            let next = used
                .next_at
                .map(|at| format!(" (next at {})", self.0.times.short(at)));
            format!(
                "{} of {} messages in {}{}",
                used.sends,
                used.allowed,
                span(used.span),
                next.unwrap_or_default()
            )
        };
        let windows: Vec<_> = limits.windows.iter().map(used).collect();
        write!(
            f,
            "limits   {}, {} of {} failed tries",
            windows.join(", "),
            limits.failed_tries,
            limits.failed_tries_allowed
        )?;
        if let Some(at) = limits.locked_until {
            write!(
                f,
                " (locked until {}: passwords, and codes by the number only, are refused)",
                self.0.times.short(at)
            )?;
        }
        writeln!(f)
    }

    fn write_code(&self, f: &mut fmt::Formatter<'_>, code: &Code) -> fmt::Result {
        let state = if code.used {
            "used".to_owned()
        } else if code.expires_at <= self.0.now {
            format!("expired at {}", self.0.times.short(code.expires_at))
        } else {
            format!("good until {}", self.0.times.short(code.expires_at))
        };
        writeln!(
            f,
            "code     {}, asked for at {}: {state}, {} of {} attempts with the session id, {} of {} by the number",
            code.purpose,
            self.0.times.short(code.created_at),
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
                self.0.times.short(breaker.since),
                breaker.code,
                gateway_code_in_words(i64::from(breaker.code))
            ),
            None => writeln!(f, "; the gateway may be called"),
        }
    }
}

/// How long ago something was.
fn ago(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    format!("{} ago", span(now - at))
}
