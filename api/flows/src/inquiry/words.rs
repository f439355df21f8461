//! The gateway's codes and the ledger's names, as people say them.

use domain::challenge::Channel;
use domain::delivery::DeliveryStatus;
use domain::limits::Rule;
use domain::notice::{MessagePurpose, NoticeKind};
use domain::otp::Purpose;
use shared::hot_state::AcceptPolicy;
use shared::records::SendMethod;

/// What a message brings.
pub(crate) fn message(purpose: MessagePurpose) -> &'static str {
    match purpose {
        MessagePurpose::Code(Purpose::SignIn) => "a code to sign in",
        MessagePurpose::Code(Purpose::Register) => "a code to register",
        MessagePurpose::Code(Purpose::ResetPassword) => "a code to reset the password",
        MessagePurpose::Code(Purpose::ChangePhone) => "a code to prove a new number",
        MessagePurpose::Code(Purpose::Admin) => "a code for the admin console",
        MessagePurpose::Notice(kind) => notice(kind),
    }
}

/// What a notice tells of.
pub(crate) fn notice(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::PhoneChanged => "news that the account has another number",
        NoticeKind::PasswordChanged => "news that the password was changed",
        NoticeKind::PhoneMoveAsked => "news that another number was asked for by staff",
    }
}

pub(crate) fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "by SMS",
        Channel::Call => "by a call",
    }
}

pub(crate) fn method(method: SendMethod) -> &'static str {
    match method {
        SendMethod::Lookup => "by template",
        SendMethod::Send => "as a plain text",
    }
}

/// How many sends a rule of a number allows.
pub(crate) fn window(rule: Rule, policy: &AcceptPolicy) -> String {
    let Some((count, millis)) = policy.quotas.window(rule) else {
        return rule.as_str().replace('_', " ");
    };
    let span = match millis / 1_000 {
        86_400 => "a day".to_owned(),
        seconds if seconds % 60 == 0 && seconds > 60 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    };
    format!("{count} messages in {span}")
}

/// Why an attempt failed: the gateway's code in words, or what was seen in place of an answer.
pub(crate) fn failure(
    gateway_status: Option<i64>,
    entry_status: Option<i64>,
    class: Option<&str>,
) -> String {
    let entry = entry_status.filter(|_| class == Some("refused_entry"));
    if let Some(code) = entry {
        return format!("message status {code}: {}", delivery(code));
    }
    if let Some(code) = gateway_status.filter(|code| *code != 200) {
        return format!("{code}: {}", gateway(code));
    }
    match class {
        Some("dns") => "the name of the gateway could not be resolved".to_owned(),
        Some("connect") => "no connection to the gateway".to_owned(),
        Some("connect_timeout") => "no connection to the gateway in time".to_owned(),
        Some("tls") => "the certificate of the gateway is not trusted, or TLS failed".to_owned(),
        Some("timeout") => "no complete answer of the gateway in time".to_owned(),
        Some("interrupted") => "the worker died during the call".to_owned(),
        Some("misdirected") => {
            "something between here and the gateway answered in its place".to_owned()
        }
        Some("needs_template") => "a call needs a template, and there is none".to_owned(),
        Some("needs_sender") => "there is neither a template nor a line for it".to_owned(),
        Some(class) => class.replace('_', " "),
        None => "no reason was recorded".to_owned(),
    }
}

/// A code of the gateway for a call (its manual, `return.status`).
pub fn gateway(code: i64) -> &'static str {
    match code {
        200 => "accepted",
        400 => "parameters are missing or out of range",
        401 => "the account is disabled",
        402 => "it failed without a reason",
        403 => "the API key is not valid",
        404 => "no such method",
        405 => "the wrong verb of HTTP",
        406 => "a parameter is empty",
        407 => "access is not allowed; the address may have to be registered with the account",
        409 => "the gateway is busy and asks to try later",
        411 => "the number is not valid",
        412 => "the sender's line is not valid or not of this account",
        413 => "the text is empty or too long",
        414 => "too many at once",
        416 => "the address of this server does not match the settings of the account",
        417 => "the date is wrong",
        418 => "the account has not enough credit",
        420 => "links are not allowed in the text",
        422 => "the text has characters that are not allowed",
        424 => "the template does not exist or is not approved yet",
        426 => "the plan of the account does not include this method",
        427 => "the account may not use this line",
        428 => "it cannot be read out in a call",
        429 => "the address of this server is limited",
        430 => "the owner of the account has not proven their identity",
        431 => "the template does not take a code of this form",
        432 => "the template has no place for the code",
        451 => "too many calls in a short time",
        501 => "a trial account sends to its owner's number only",
        500 | 502..=599 => "the gateway is in trouble",
        _ => "a code without a known meaning",
    }
}

/// A state of a message at the gateway (its manual, `entries[].status`).
pub(crate) fn delivery(code: i64) -> &'static str {
    let code = i32::try_from(code).unwrap_or(i32::MAX);
    match DeliveryStatus::from_code(code) {
        DeliveryStatus::Queued => "it waits at the gateway",
        DeliveryStatus::Scheduled => "it waits for its date",
        DeliveryStatus::HandedOver(_) => "it was handed to the operator",
        DeliveryStatus::Failed => "the line or the operator failed",
        DeliveryStatus::Delivered => "it was delivered to the phone",
        DeliveryStatus::Undelivered => {
            "it did not reach the phone, which is switched off or out of reach"
        }
        DeliveryStatus::Cancelled => {
            "it was cancelled; the account's debug mode cancels every message"
        }
        DeliveryStatus::Blocked => "the owner of the number blocks messages of this kind",
        DeliveryStatus::NotKnown => "the gateway does not know the message any more",
        DeliveryStatus::Other(_) => "a state without a known meaning",
    }
}
