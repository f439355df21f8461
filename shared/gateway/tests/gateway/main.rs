//! The gateway's client against real sockets: servers written here that answer, refuse, lie,
//! hang and break as gateways and the networks in front of them do.

mod codes;
mod faults;
mod leaks;
mod reading;
mod repeats;
mod sending;
mod server;
mod setup;
mod tls;

use std::time::Duration;

use domain::challenge::{Channel, Locale};
use domain::otp::{OtpCode, Purpose};
use domain::phone::PhoneNumber;
use domain::templates::Templates;
use gateway::{Gateway, GatewaySettings, Message, SendCall, SendOutcome};
use secrecy::SecretString;

/// Stands out in any text that it leaks into.
const CANARY_KEY: &str = "CANARY7KEY7CANARY7KEY";
const CANARY_CODE: &str = "83197254";
const LOCAL_ID: i64 = 900_000_000_017;
const MESSAGE_ID: i64 = 2_890_114_507;

/// A client of a host that no resolver even asks about: a label has 63 characters at most (RFC 1035).
fn unresolvable() -> Gateway {
    let url = format!("http://{}.example", "x".repeat(64));
    Gateway::new(GatewaySettings {
        allow_http: true,
        ..settings(&url)
    })
    .expect("good settings")
}

fn phone() -> PhoneNumber {
    PhoneNumber::from_e164("+989123004501").expect("canonical")
}

/// A client of the server at `url`, without templates. A call may take as long as a slow test
/// machine needs.
fn settings(url: &str) -> GatewaySettings {
    GatewaySettings {
        base_url: url.parse().expect("a URL"),
        connect_timeout: Duration::from_secs(30),
        total_timeout: Duration::from_mins(1),
        ..GatewaySettings::new(SecretString::from(CANARY_KEY))
    }
}

fn plain(url: &str) -> Gateway {
    Gateway::new(settings(url)).expect("good settings")
}

fn with_template(url: &str) -> Gateway {
    let templates = Templates::for_everything("login");
    Gateway::new(GatewaySettings {
        templates,
        ..settings(url)
    })
    .expect("good settings")
}

/// A Persian sign-in by text message.
async fn deliver(gateway: &Gateway) -> SendCall {
    deliver_by(gateway, Channel::Sms).await
}

async fn deliver_by(gateway: &Gateway, channel: Channel) -> SendCall {
    let code = OtpCode::parse(CANARY_CODE, 8).expect("digits");
    gateway
        .deliver(&Message {
            phone: &phone(),
            code: &code,
            purpose: Purpose::SignIn,
            locale: Locale::Fa,
            channel,
            localid: LOCAL_ID,
        })
        .await
}

async fn outcome(gateway: &Gateway) -> SendOutcome {
    deliver(gateway).await.outcome
}

/// An answer as the gateway gives it, with the code in the message text.
fn accepted(status: i32, receptor: &str) -> String {
    format!(
        r#"{{"return":{{"status":200,"message":"تایید شد"}},"entries":[{{"messageid":{MESSAGE_ID},"message":"کد ورود: {CANARY_CODE}","status":{status},"statustext":"در صف ارسال","sender":"30009911","receptor":"{receptor}","date":1795167012,"cost":2280}}]}}"#
    )
}

fn error_body(code: i32) -> String {
    format!(r#"{{"return":{{"status":{code},"message":"خطا {CANARY_CODE} "}},"entries":null}}"#)
}
