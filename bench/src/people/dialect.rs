//! How each service is asked for a code and given it back.

use std::net::{Ipv4Addr, SocketAddr};

use super::gateway::last_ten_digits;
use crate::load::{OTP_PATH, VERIFY_PATH, next_number, phone_of};

/// The people come over so many operators, each with as many groups of addresses (/24), and as many
/// addresses in each: enough that a group asks as often as one of an operator does in a busy hour, and no
/// oftener than its limit.
const OPERATORS: u64 = 16;
const GROUPS: u64 = 64;
const ADDRESSES: u64 = 250;

/// Whose words are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Ramz and its floors.
    Ramz,
    /// The plugin phoneNumber of better-auth.
    BetterAuth,
    /// The step flow of a Django service.
    Django,
}

/// Somebody who signs in for the first time, at a place of their own.
pub(super) struct Person {
    phone: String,
    address: Ipv4Addr,
}

impl Person {
    /// Somebody new.
    pub(super) fn next() -> Self {
        Self::of(next_number())
    }

    fn of(number: u64) -> Self {
        let [operator, group, host] = [
            number % OPERATORS,
            number / OPERATORS % GROUPS,
            number / (OPERATORS * GROUPS) % ADDRESSES + 1,
        ]
        .map(|part| u8::try_from(part).unwrap_or_default());
        Self {
            phone: phone_of(number),
            address: Ipv4Addr::new(10, operator, group, host),
        }
    }

    /// What the gateway knows them by.
    pub(super) fn key(&self) -> u64 {
        last_ten_digits(&self.phone).unwrap_or_default()
    }
}

impl Dialect {
    /// The request for a code.
    pub(super) fn ask(self, server: SocketAddr, person: &Person) -> Vec<u8> {
        let phone = &person.phone;
        let (path, body) = match self {
            Self::Ramz => (OTP_PATH, format!(r#"{{"phone_number":"{phone}"}}"#)),
            Self::BetterAuth => (
                "/api/auth/phone-number/send-otp",
                format!(r#"{{"phoneNumber":"{phone}"}}"#),
            ),
            Self::Django => ("/api/register/", format!(r#"{{"phone_number":"{phone}"}}"#)),
        };
        post(server, person, path, &body)
    }

    /// Whether the request was accepted.
    pub(super) fn accepted(self) -> u16 {
        match self {
            Self::Ramz => 202,
            Self::BetterAuth | Self::Django => 200,
        }
    }

    /// What of the answer goes with the code.
    pub(super) fn session(self, answer: &[u8]) -> Option<String> {
        match self {
            Self::Ramz => text_field(answer, "session_id"),
            Self::BetterAuth | Self::Django => Some(String::new()),
        }
    }

    /// The code, given back.
    pub(super) fn verify(
        self,
        server: SocketAddr,
        person: &Person,
        session: &str,
        code: &str,
    ) -> Vec<u8> {
        let phone = &person.phone;
        let (path, body) = match self {
            Self::Ramz => (
                VERIFY_PATH,
                format!(r#"{{"session_id":"{session}","code":"{code}"}}"#),
            ),
            Self::BetterAuth => (
                "/api/auth/phone-number/verify",
                format!(r#"{{"phoneNumber":"{phone}","code":"{code}"}}"#),
            ),
            Self::Django => (
                "/api/verify-otp/",
                format!(r#"{{"phone_number":"{phone}","otp":"{code}"}}"#),
            ),
        };
        post(server, person, path, &body)
    }

    /// Whether the answer has what signs somebody in.
    pub(super) fn has_tokens(self, answer: &[u8]) -> bool {
        let name = match self {
            Self::Ramz => "access_token",
            Self::BetterAuth => "token",
            Self::Django => "access",
        };
        text_field(answer, name).is_some_and(|token| !token.is_empty())
    }
}

fn post(server: SocketAddr, person: &Person, path: &str, body: &str) -> Vec<u8> {
    let (address, length) = (person.address, body.len());
    format!(
        "POST {path} HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\n\
         accept: application/json\r\nx-forwarded-for: {address}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The first text of this name, which has no escapes. Reading all of it would cost more than the rest.
fn text_field(json: &[u8], name: &str) -> Option<String> {
    let json = std::str::from_utf8(json).ok()?;
    let (_, rest) = json.split_once(&format!(r#""{name}":"#))?;
    let rest = rest.trim_start().strip_prefix('"')?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn tokens_are_known_in_each_dialect() {
        for (dialect, answer) in [
            (
                Dialect::Ramz,
                r#"{"access_token":"ey.J","refresh_token":"r"}"#,
            ),
            (
                Dialect::BetterAuth,
                r#"{"status":true,"token":"t","user":{}}"#,
            ),
            (Dialect::Django, r#"{"refresh": "r", "access": "a"}"#),
        ] {
            assert!(dialect.has_tokens(answer.as_bytes()), "{dialect:?}");
            assert!(
                !dialect.has_tokens(br#"{"status":true,"token":null,"access":"","error":"no"}"#)
            );
        }
        let session =
            Dialect::Ramz.session(br#"{"expires_in":120,"session_id":"abc","sent":true}"#);
        assert_eq!(session.as_deref(), Some("abc"));
        assert_eq!(Dialect::Ramz.session(br#"{"code":"busy"}"#), None);
    }

    #[test]
    fn people_come_evenly_over_operators_groups_and_addresses() {
        let mut groups: HashMap<[u8; 3], u32> = HashMap::new();
        let all = OPERATORS * GROUPS * 3;
        for number in 0..all {
            let [a, operator, group, _] = Person::of(number).address.octets();
            *groups.entry([a, operator, group]).or_default() += 1;
        }
        assert_eq!(groups.len() as u64, OPERATORS * GROUPS);
        assert!(groups.values().all(|count| *count == 3));
        let (first, second) = (Person::of(0), Person::of(OPERATORS * GROUPS));
        assert_eq!(first.address.octets()[..3], second.address.octets()[..3]);
        assert_ne!(first.address, second.address);
    }

    #[test]
    fn what_is_sent_has_its_length() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let person = Person::of(7);
        for dialect in [Dialect::Ramz, Dialect::BetterAuth, Dialect::Django] {
            for request in [
                dialect.ask(server, &person),
                dialect.verify(server, &person, "s", "123456"),
            ] {
                let text = String::from_utf8(request).expect("a text");
                let (head, body) = text.split_once("\r\n\r\n").expect("a head");
                assert!(head.ends_with(&format!("content-length: {}", body.len())));
                assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
            }
        }
    }
}
