//! How things are with a number now.

use flows::inquiry::{Limits, Report};

use crate::times;
use crate::words::Words;

/// A name, and what there is to say of it.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) values: Vec<String>,
}

/// Account, limits, live codes; what nobody answered for is missing.
pub(super) fn facts(report: &Report, words: &'static Words) -> Vec<Fact> {
    let (standing, texts) = (&report.standing, words.number);
    let at = |text: &str, time| text.replace("{time}", &times::moment(time, report.now, words));
    let mut facts = Vec::new();
    if let Some(account) = &standing.account {
        let values = if account.registered {
            [
                account.created_at.map(|time| at(texts.account_since, time)),
                account
                    .last_sign_in_at
                    .map(|time| at(texts.last_sign_in, time)),
                account.blocked_at.map(|time| at(texts.blocked_since, time)),
            ]
            .into_iter()
            .flatten()
            .collect()
        } else {
            vec![texts.no_account.to_owned()]
        };
        facts.push(Fact {
            name: texts.account,
            values,
        });
    }
    if let Some(limits) = &standing.limits {
        facts.push(Fact {
            name: texts.limits,
            values: of_limits(limits, report, words),
        });
    }
    if standing.service.is_some() {
        let mut values: Vec<String> = standing
            .codes
            .iter()
            .filter(|code| code.expires_at > report.now)
            .map(|code| {
                if code.used {
                    return texts.used_code.to_owned();
                }
                at(texts.live_code, code.expires_at)
                    .replace(
                        "{tries}",
                        &code.session_attempts.max(code.phone_attempts).to_string(),
                    )
                    .replace("{allowed}", &code.attempts_allowed.to_string())
            })
            .collect();
        if values.is_empty() {
            values.push(texts.no_codes.to_owned());
        }
        facts.push(Fact {
            name: texts.codes,
            values,
        });
    }
    facts
}

fn of_limits(limits: &Limits, report: &Report, words: &'static Words) -> Vec<String> {
    let texts = words.number;
    let at = |text: &str, time| text.replace("{time}", &times::moment(time, report.now, words));
    let mut values: Vec<String> = limits
        .windows
        .iter()
        .map(|used| {
            let span = times::span(used.span.as_seconds_f64(), words);
            let text = texts
                .window
                .replace("{sends}", &used.sends.to_string())
                .replace("{allowed}", &used.allowed.to_string())
                .replace("{span}", &span);
            match used.next_at {
                Some(next) => format!("{text}; {}", at(texts.next_at, next)),
                None => text,
            }
        })
        .collect();
    if limits.failed_tries > 0 {
        let times = limits.failed_tries.to_string();
        values.push(texts.failed_tries.replace("{times}", &times));
    }
    values.extend(
        limits
            .locked_until
            .map(|until| at(texts.locked_until, until)),
    );
    values
}
