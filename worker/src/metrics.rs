//! What a worker counts. Labels are from fixed lists and begin at zero, so that a board shows a
//! flat line and not a gap.

mod account;
mod delivery;
mod gate;

use gateway::{Method, ReadError, SendOutcome, StatusRow};
use strum::VariantArray as _;

pub(crate) use account::AccountMetrics;
pub(crate) use delivery::DeliveryMetrics;
pub(crate) use gate::GateMetrics;

/// How an attempt ended, as people count it. One whose outcome was unknown at first counts as
/// `unknown` once, when it became so, and as `accepted` if it is found to have gone; what became of
/// the unknown is counted as [`Reconciled`].
pub(crate) const OUTCOMES: [&str; 7] = [
    "accepted", "refused", "unknown", "not_sent", "expired", "blocked", "dead",
];
/// The gateway's codes that have a label of their own; others are `other`, no code is `none`.
const CODES: [i32; 36] = [
    200, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 411, 412, 413, 414, 415, 416, 417, 418,
    419, 420, 422, 424, 426, 427, 428, 429, 430, 431, 432, 449, 451, 501, 502, 604, 607,
];

/// Account-wide refusals, each of which opens the breaker.
const ACCOUNT_CODES: [&str; 11] = [
    "401", "403", "407", "412", "416", "418", "426", "427", "429", "430", "501",
];
/// Other errors that are counted from the start: a first one that makes its series is no rate.
const ERRORS: [[&str; 2]; 11] = [
    ["451", "slow_down"],
    ["409", "busy"],
    ["411", "refused_message"],
    ["424", "refused_config"],
    ["200", "localid_collision"],
    ["none", "dns"],
    ["none", "connect"],
    ["none", "connect_timeout"],
    ["none", "tls"],
    ["none", "timeout"],
    ["none", "reset"],
];
/// Why a handler of this crate makes a job a dead letter.
pub(crate) const DEAD_LETTERS: [&str; 5] = [
    "expired",
    "challenge_gone",
    "challenge_unreadable",
    "notice_unreadable",
    "ledger_refused",
];

/// What became of a send whose outcome was unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Reconciled {
    /// The message was found at the gateway.
    Went,
    /// It had not gone and was sent again.
    Resent,
    /// It stays unknown.
    Undecided,
}

shared::metrics! {
    /// The metrics of a worker. Clones share them.
    #[derive(Clone, Debug)]
    pub struct WorkerMetrics {
        /// Attempts to send and jobs given up, by how they ended; a message that was found
        /// later counts as unknown first, then as accepted.
        sms: IntCounterVec("ramz_sms_total", ["outcome"]) of OUTCOMES;
        /// From the acceptance of a request to the call of the gateway.
        sms_delay: Histogram(
            "ramz_sms_delay_seconds",
            buckets [
                0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 90.0,
                300.0, 600.0,
            ]
        );
        /// What accepted messages cost, as the gateway said.
        sms_cost: IntCounter("ramz_sms_cost_rials_total");
        /// Sends of unknown outcome by what became of them.
        reconciled: IntCounterVec("ramz_sms_reconciled_total", ["result"]) of Reconciled::VARIANTS;
        /// Messages sent again although the first may have gone: the possible duplicates.
        resent_ambiguous: IntCounter("ramz_sms_resent_ambiguous_total");
        /// Calls of the gateway by method and return.status (`none`: no answer).
        gateway_requests: IntCounterVec("ramz_gateway_requests_total", ["method", "status"]),
            of_each usual_answers();
        /// Calls of the gateway.
        gateway_seconds: HistogramVec(
            "ramz_gateway_request_seconds", ["method"],
            buckets [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 8.0]
        ) of Method::VARIANTS.iter().map(|method| method.as_str());
        /// Calls that the gateway did not accept, by code and class.
        gateway_errors: IntCounterVec("ramz_gateway_errors_total", ["code", "class"]),
            of_each account_wide().chain(ERRORS);
        also pub(crate) delivery: DeliveryMetrics;
    }
}

fn usual_answers() -> impl Iterator<Item = [&'static str; 2]> {
    let methods = Method::VARIANTS.iter();
    methods.flat_map(|method| ["200", "none"].map(|status| [method.as_str(), status]))
}

fn account_wide() -> impl Iterator<Item = [&'static str; 2]> {
    ACCOUNT_CODES.into_iter().map(|code| [code, "account"])
}

impl WorkerMetrics {
    /// A run ended in one of [`OUTCOMES`].
    pub(crate) fn ended(&self, outcome: &'static str) {
        self.sms.with_label_values(&[outcome]).inc();
    }

    /// The gateway is called this long after the request was accepted.
    pub(crate) fn delay(&self, millis: i64) {
        self.sms_delay
            .observe(std::time::Duration::from_millis(millis.max(0).unsigned_abs()).as_secs_f64());
    }

    /// A send of unknown outcome was cleared up, or given up.
    pub(crate) fn reconciled(&self, result: Reconciled) {
        self.reconciled.with_label_values(&[result]).inc();
        if result == Reconciled::Resent {
            self.resent_ambiguous.inc();
        }
    }

    /// A call that sends took this long and ended so.
    pub(crate) fn called(&self, method: Method, seconds: f64, outcome: &SendOutcome) {
        if let SendOutcome::Accepted {
            cost: Some(rials), ..
        } = outcome
        {
            self.sms_cost.inc_by(u64::try_from(*rials).unwrap_or(0));
        }
        self.requested(
            method,
            seconds,
            outcome.gateway_status(),
            outcome.error_class(),
        );
    }

    /// A look for messages took this long and ended so.
    pub(crate) fn looked(
        &self,
        method: Method,
        seconds: f64,
        answer: &Result<Vec<StatusRow>, ReadError>,
    ) {
        let (code, class) = match answer {
            Ok(_) => (Some(200), None),
            Err(error) => (error.gateway_status(), Some(error.error_class())),
        };
        self.requested(method, seconds, code, class);
    }

    fn requested(
        &self,
        method: Method,
        seconds: f64,
        code: Option<i32>,
        class: Option<&'static str>,
    ) {
        let code = code_label(code);
        self.gateway_requests
            .with_label_values(&[method.as_str(), &code])
            .inc();
        self.gateway_seconds
            .with_label_values(&[method.as_str()])
            .observe(seconds);
        if let Some(class) = class {
            self.gateway_errors
                .with_label_values(&[code.as_str(), class])
                .inc();
        }
    }

    /// A reading call took this long and ended so.
    pub(crate) fn asked(&self, method: Method, seconds: f64, error: Option<&ReadError>) {
        let code = code_label(error.map_or(Some(200), ReadError::gateway_status));
        self.gateway_requests
            .with_label_values(&[method.as_str(), &code])
            .inc();
        self.gateway_seconds
            .with_label_values(&[method.as_str()])
            .observe(seconds);
        if let Some(error) = error {
            self.gateway_errors
                .with_label_values(&[code.as_str(), error.error_class()])
                .inc();
        }
    }
}

fn code_label(code: Option<i32>) -> String {
    match code {
        None => "none".to_owned(),
        Some(code) if CODES.contains(&code) => code.to_string(),
        Some(_) => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_33_labels_come_from_fixed_lists() {
        assert_eq!(code_label(None), "none");
        assert_eq!(code_label(Some(418)), "418");
        assert_eq!(code_label(Some(123_456)), "other");
    }
}
