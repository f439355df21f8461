//! A fault and the calls that it hits, as `PUT /_sim/faults` takes them.

use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::gateway::{ReturnStatus, spelled};

/// One rule: `fault` happens to every call that fits all that is named here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The method, for example `verify/lookup`, or `sms/*`; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The last digits of one of the call's receptors; absent means any call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receptor_suffix: Option<String>,
    /// How many calls it hits; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The share of the fitting calls that it hits, 0 to 1; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The seed of the draw for `rate`: the same seed hits the same calls.
    #[serde(default)]
    pub seed: u64,
    /// Whether the gateway accepts the call (a message goes out and is paid) although its answer
    /// is spoilt; absent means what is usual for the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<bool>,
    /// What happens.
    pub fault: Fault,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Waits before the call is looked at, then goes on (to the next rule that fits, if any).
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Accepts, then never answers; the connection stays open.
    AcceptThenHang,
    /// Accepts, then resets the connection.
    AcceptThenReset,
    /// Resets the connection; nothing is accepted.
    ResetBeforeAccept,
    /// An HTML error page of a proxy before the gateway.
    HtmlError {
        /// The HTTP status, for example 502 or 503.
        #[serde(default = "bad_gateway")]
        status: u16,
    },
    /// An HTML page with HTTP 200.
    HtmlOk,
    /// Accepts; the JSON of the answer ends in its middle.
    CutJson,
    /// Accepts; HTTP 200 without a body.
    EmptyBody,
    /// Accepts; `return.status` 200 with `entries: null`.
    EntriesNull,
    /// Accepts; `entries` is the first row itself, not a list.
    EntriesObject,
    /// Accepts; the answer is valid JSON of more than 10 MiB.
    HugeBody,
    /// A 307 to another place.
    Redirect {
        /// The `Location`.
        to: String,
    },
    /// A failure with this `return.status`.
    Status {
        /// The code, for example 418 or 451.
        status: u16,
    },
    /// A failure with this `return.status` in a body that comes with HTTP 200.
    #[serde(rename = "status_in_200")]
    StatusIn200 {
        /// The code.
        status: u16,
    },
    /// 451 for every call beyond so many in a second.
    RateLimit {
        /// Calls a second that pass.
        per_second: u32,
    },
}

fn bad_gateway() -> u16 {
    502
}

impl Fault {
    /// The name of the kind, as in JSON and in the journal.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::AcceptThenHang => "accept_then_hang",
            Self::AcceptThenReset => "accept_then_reset",
            Self::ResetBeforeAccept => "reset_before_accept",
            Self::HtmlError { .. } => "html_error",
            Self::HtmlOk => "html_ok",
            Self::CutJson => "cut_json",
            Self::EmptyBody => "empty_body",
            Self::EntriesNull => "entries_null",
            Self::EntriesObject => "entries_object",
            Self::HugeBody => "huge_body",
            Self::Redirect { .. } => "redirect",
            Self::Status { .. } => "status",
            Self::StatusIn200 { .. } => "status_in_200",
            Self::RateLimit { .. } => "rate_limit",
        }
    }

    /// Whether the gateway usually accepts a call that this happens to.
    fn usually_accepts(&self) -> bool {
        match self {
            Self::Delay { .. }
            | Self::AcceptThenHang
            | Self::AcceptThenReset
            | Self::CutJson
            | Self::EmptyBody
            | Self::EntriesNull
            | Self::EntriesObject
            | Self::HugeBody => true,
            Self::ResetBeforeAccept
            | Self::HtmlError { .. }
            | Self::HtmlOk
            | Self::Redirect { .. }
            | Self::Status { .. }
            | Self::StatusIn200 { .. }
            | Self::RateLimit { .. } => false,
        }
    }
}

impl FaultRule {
    /// A rule that hits every call, always.
    pub fn always(fault: Fault) -> Self {
        Self {
            method: None,
            receptor_suffix: None,
            times: None,
            rate: None,
            seed: 0,
            accept: None,
            fault,
        }
    }

    /// Whether the gateway accepts the calls that this rule hits.
    pub(crate) fn accepts(&self) -> bool {
        self.accept.unwrap_or_else(|| self.fault.usually_accepts())
    }

    /// Whether a call fits, leaving aside `times` and `rate`.
    pub(crate) fn fits(&self, method: &str, receptors: &[String]) -> bool {
        let method_fits = self.method.as_deref().is_none_or(|wanted| {
            let wanted = wanted.to_lowercase();
            match wanted.strip_suffix('*') {
                Some(start) => method.starts_with(start),
                None => method == wanted,
            }
        });
        let receptor_fits = self.receptor_suffix.as_deref().is_none_or(|suffix| {
            let suffix = spelled(suffix);
            receptors.iter().any(|receptor| receptor.ends_with(&suffix))
        });
        method_fits && receptor_fits
    }

    /// Says what is wrong with the rule, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err("rate: a number from 0 to 1 is expected".to_owned());
        }
        if let Fault::Redirect { to } = &self.fault {
            HeaderValue::from_str(to).map_err(|error| format!("to: {error}"))?;
        }
        let status = match self.fault {
            Fault::HtmlError { status } if status < 400 => None,
            Fault::HtmlError { status }
            | Fault::Status { status }
            | Fault::StatusIn200 { status } => ReturnStatus::new(status),
            _ => return Ok(()),
        };
        status.map(|_| ()).ok_or_else(|| {
            "status: a code from 200 to 999 is expected (html_error: from 400)".to_owned()
        })
    }
}
