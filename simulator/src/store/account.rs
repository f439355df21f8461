//! The one simulated account: every key belongs to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::delivery::DeliverySettings;

/// The account's settings, credit included. `PUT /_sim/account` changes any part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a real account has"
)]
pub struct Account {
    /// Rials left. A send that costs more is refused with 418.
    pub credit: i64,
    /// `master` or `child`, as `account/info` says.
    #[serde(rename = "type")]
    pub kind: AccountKind,
    /// `advanced` may use `verify/lookup`; `basic` gets 426.
    pub plan: Plan,
    /// Sends are accepted, never delivered, and end as cancelled (13), free of charge.
    pub debugmode: bool,
    /// Undelivered messages (11) are sent again by the gateway.
    pub resendfailed: bool,
    /// Every call is refused with 401.
    pub disabled: bool,
    /// Whether the owner is identified (KYC); if not, every call is refused with 430.
    pub kyc_verified: bool,
    /// Addresses that may call; empty means any. Others get 416.
    pub allowed_ips: Vec<IpAddr>,
    /// Every call is refused with 429.
    pub ip_limited: bool,
    /// Whether the caller's address is registered for `select` and the outbox; if not, 407.
    pub panel_ip_registered: bool,
    /// Calls a second beyond which 451 is given; null means no limit.
    pub calls_per_second: Option<u32>,
    /// On a trial account the only receptor; any other gets 501. Null means no trial.
    pub trial_owner: Option<String>,
    /// The line of a send without `sender`; null makes such a send a 412.
    pub default_sender: Option<String>,
    /// The account's own lines; any other gets 412. Null means any line of digits is its own.
    pub lines: Option<Vec<String>>,
    /// Lines that need an access level: 427.
    pub restricted_lines: Vec<String>,
    /// Rials for one part of a message.
    pub tariff: i64,
    /// The longest text in characters; a longer one gets 413.
    pub max_text: usize,
    /// Whether texts may hold links; if not, 420.
    pub links_allowed: bool,
    /// Tags that exist in the panel; another gets 607.
    pub tags: BTreeSet<String>,
    /// Milliseconds that every call takes before it is looked at.
    pub gateway_delay_ms: u64,
    /// Whether HTTP mirrors `return.status` or is always 200.
    pub http_status_mode: HttpStatusMode,
    /// What `sms/statusbyreceptor` answers without rows.
    pub empty_reads: EmptyReads,
    /// Unix seconds, as `account/info` says.
    pub expiredate: i64,
    /// `justfaults`, `enabled` or `disabled`, as `account/config` says.
    pub apilogs: ApiLogs,
    /// As `account/config` says.
    pub dailyreport: bool,
    /// Rials, as `account/config` says.
    pub mincreditalarm: i64,
    /// Templates of `verify/lookup` by name.
    pub templates: BTreeMap<String, Template>,
    /// How messages are delivered.
    pub delivery: DeliverySettings,
    /// Where delivery reports go; null means nowhere.
    pub callback: Option<CallbackSettings>,
}

impl Default for Account {
    fn default() -> Self {
        let template = |text: &str| Template {
            text: text.to_owned(),
            approved: true,
        };
        Self {
            credit: 100_000_000,
            kind: AccountKind::Master,
            plan: Plan::Advanced,
            debugmode: false,
            resendfailed: false,
            disabled: false,
            kyc_verified: true,
            allowed_ips: Vec::new(),
            ip_limited: false,
            panel_ip_registered: true,
            calls_per_second: None,
            trial_owner: None,
            default_sender: Some("30009911".to_owned()),
            lines: None,
            restricted_lines: Vec::new(),
            tariff: 2_280,
            max_text: 900,
            links_allowed: true,
            tags: BTreeSet::new(),
            gateway_delay_ms: 0,
            http_status_mode: HttpStatusMode::Mirror,
            empty_reads: EmptyReads::NoRecord,
            expiredate: 1_956_528_000,
            apilogs: ApiLogs::Justfaults,
            dailyreport: false,
            mincreditalarm: 500_000,
            templates: BTreeMap::from([
                ("ramz-otp".to_owned(), template("کد ورود شما: %token")),
                (
                    "ramz-otp-en".to_owned(),
                    template("Your sign-in code: %token"),
                ),
            ]),
            delivery: DeliverySettings::default(),
            callback: None,
        }
    }
}

/// `master` or `child`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// An account of its own.
    Master,
    /// A sub-account.
    Child,
}

/// What the account has paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// Without `verify/lookup`.
    Basic,
    /// With `verify/lookup`.
    Advanced,
}

/// How the HTTP status line relates to `return.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpStatusMode {
    /// The same number.
    Mirror,
    /// 200, whatever the body says.
    Always200,
}

/// How a read without rows is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyReads {
    /// `return.status` 449.
    NoRecord,
    /// 200 with an empty list.
    EmptyList,
}

/// What the panel logs of API calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiLogs {
    /// Failed calls only.
    Justfaults,
    /// All calls.
    Enabled,
    /// None.
    Disabled,
}

/// A template of `verify/lookup`; in JSON an object, or only its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "TemplateForm")]
pub struct Template {
    /// The text with `%token`, `%token2`, `%token3`, `%token10`, `%token20`.
    pub text: String,
    /// Whether the panel's people approved it; until then 424.
    pub approved: bool,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum TemplateForm {
    Text(String),
    Whole {
        text: String,
        #[serde(default = "yes")]
        approved: bool,
    },
}

fn yes() -> bool {
    true
}

impl From<TemplateForm> for Template {
    fn from(form: TemplateForm) -> Self {
        match form {
            TemplateForm::Text(text) => Self {
                text,
                approved: true,
            },
            TemplateForm::Whole { text, approved } => Self { text, approved },
        }
    }
}

/// Where and how delivery reports are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackSettings {
    /// The receiver's URL.
    pub url: String,
    /// `POST` (a form) or `GET` (a query).
    #[serde(default)]
    pub method: CallbackMethod,
    /// How often a report is tried again when it is not answered with 200.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// Milliseconds between tries.
    #[serde(default = "default_retry_ms")]
    pub retry_ms: u32,
    /// Whether lookups are reported too; they leave from the gateway's own lines, so usually not.
    #[serde(default)]
    pub lookups: bool,
    /// Sends every report twice.
    #[serde(default)]
    pub duplicates: bool,
    /// Sends the reports of the states on the way after that of the final state.
    #[serde(default)]
    pub out_of_order: bool,
}

fn default_retries() -> u32 {
    30
}

fn default_retry_ms() -> u32 {
    120_000
}

/// The HTTP method of a delivery report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CallbackMethod {
    /// The values as a form.
    #[default]
    Post,
    /// The values as a query.
    Get,
}

impl Account {
    /// The account with some fields changed: an object is merged into the one that is there (a null
    /// removes a template), everything else replaces it. The error says what is wrong.
    pub(crate) fn changed(&self, change: Value) -> Result<Self, String> {
        if !change.is_object() {
            return Err("a JSON object with the fields to change is expected".to_owned());
        }
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        merge(&mut whole, change);
        if let Some(templates) = whole.get_mut("templates").and_then(Value::as_object_mut) {
            templates.retain(|_, template| !template.is_null());
        }
        let account: Self = serde_json::from_value(whole).map_err(|error| error.to_string())?;
        account.delivery.check()?;
        if let Some(callback) = &account.callback {
            url::Url::parse(&callback.url).map_err(|error| format!("callback.url: {error}"))?;
        }
        Ok(account)
    }
}

fn merge(whole: &mut Value, change: Value) {
    match (whole, change) {
        (Value::Object(whole), Value::Object(change)) => {
            for (name, value) in change {
                merge(whole.entry(name).or_insert(Value::Null), value);
            }
        }
        (whole, change) => *whole = change,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_touches_only_what_it_names() {
        let account = Account::default();
        let change = json!({"credit": 5, "delivery": {"queue_ms": 9}, "default_sender": null});
        let changed = account.changed(change).unwrap();
        assert_eq!(changed.credit, 5);
        assert_eq!(changed.delivery.queue_ms, 9);
        assert_eq!(changed.delivery.operator_ms, account.delivery.operator_ms);
        assert_eq!(changed.default_sender, None);
        assert_eq!(changed.templates, account.templates);
    }

    #[test]
    fn templates_are_added_and_removed_by_name() {
        let change = json!({"templates": {"new": "%token", "ramz-otp": null,
            "draft": {"text": "%token", "approved": false}}});
        let changed = Account::default().changed(change).unwrap();
        let names: Vec<_> = changed.templates.keys().map(String::as_str).collect();
        assert_eq!(names, ["draft", "new", "ramz-otp-en"]);
        assert!(!changed.templates["draft"].approved);
        assert!(changed.templates["new"].approved);
    }

    #[test]
    fn unknown_fields_and_impossible_values_are_refused() {
        let account = Account::default();
        let wrong = [
            json!({"credits": 5}),
            json!({"credit": "much"}),
            json!({"delivery": {"final_status": 1}}),
            json!({"callback": {"url": "nowhere"}}),
            json!([1]),
        ];
        for change in wrong {
            assert!(account.changed(change.clone()).is_err(), "{change}");
        }
    }
}
