//! Settings that contradict are refused at the start, by name.

use std::time::Duration;

use gateway::{Gateway, GatewaySettings, GatewaySetupError};
use secrecy::SecretString;

use super::{CANARY_KEY, settings};

fn error(settings: GatewaySettings) -> GatewaySetupError {
    Gateway::new(settings).expect_err("refused")
}

#[test]
fn the_real_gateway_with_a_key_is_enough() {
    let gateway = Gateway::new(GatewaySettings::new(SecretString::from(CANARY_KEY)));
    assert!(gateway.is_ok(), "{gateway:?}");
}

#[test]
fn a_26_http_is_for_this_machine_unless_it_is_allowed() {
    for url in [
        "http://api.kavenegar.com",
        "http://10.0.0.7:8025",
        "http://localhost.example.ir",
        "http://127.0.0.1.example.ir",
        "http://[2001:db8::1]",
        "http://0.0.0.0:8025",
    ] {
        let refused = error(settings(url));
        assert!(
            matches!(refused, GatewaySetupError::PlainHttp(_)),
            "{url}: {refused}"
        );
        let allowed = GatewaySettings {
            allow_http: true,
            ..settings(url)
        };
        assert!(Gateway::new(allowed).is_ok(), "{url}");
    }
    for url in [
        "http://127.0.0.1:8025",
        "http://127.8.8.8",
        "http://localhost:8025",
        "http://[::1]:8025",
    ] {
        assert!(Gateway::new(settings(url)).is_ok(), "{url}");
    }
}

#[test]
fn a_40_other_schemes_and_addresses_that_carry_more_are_refused() {
    assert!(matches!(
        error(settings("ftp://api.kavenegar.com")),
        GatewaySetupError::Scheme(scheme) if scheme == "ftp"
    ));
    for url in [
        "https://user@api.kavenegar.com",
        "https://:hunter2@api.kavenegar.com",
        "https://api.kavenegar.com/?key=hunter2",
        "https://api.kavenegar.com/#hunter2",
    ] {
        let refused = error(settings(url));
        assert!(matches!(refused, GatewaySetupError::BaseUrl), "{url}");
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }
}

#[test]
fn an_empty_or_malformed_key_is_refused_without_being_shown() {
    let with_key = |key: &str| error(GatewaySettings::new(SecretString::from(key.to_owned())));
    assert!(matches!(with_key(""), GatewaySetupError::EmptyKey));
    for key in [
        "CANARY\n",
        " CANARY",
        "\"CANARY\"",
        "CANARY/../x",
        "CANARYکلید",
    ] {
        let refused = with_key(key);
        assert!(matches!(refused, GatewaySetupError::MalformedKey), "{key}");
        assert!(!format!("{refused} {refused:?}").contains("CANARY"));
    }
}

#[test]
fn a_sender_that_is_no_line_is_refused() {
    for sender in ["", "+", "Ramz", "3000 9911", "۳۰۰۰", "30009911,30009912"] {
        let refused = error(GatewaySettings {
            sender: Some(sender.to_owned()),
            ..settings("http://127.0.0.1:1")
        });
        assert!(
            matches!(refused, GatewaySetupError::Sender(_)),
            "{sender}: {refused}"
        );
    }
}

#[test]
fn a_webotp_domain_is_a_host_name() {
    for domain in [
        "",
        "https://example.ir",
        "example.ir:443",
        "example.ir/login",
        "127.0.0.1",
        "Example.ir",
        "رمز.ir",
        "a b",
        "a\nb",
    ] {
        let refused = error(GatewaySettings {
            webotp_domain: Some(domain.to_owned()),
            ..settings("http://127.0.0.1:1")
        });
        assert!(
            matches!(refused, GatewaySetupError::WebOtpDomain(_)),
            "{domain}: {refused}"
        );
    }
}

#[test]
fn the_time_to_connect_is_part_of_the_whole_time() {
    let second = Duration::from_secs(1);
    for (connect, total) in [
        (second, second),
        (2 * second, second),
        (Duration::ZERO, second),
    ] {
        let refused = error(GatewaySettings {
            connect_timeout: connect,
            total_timeout: total,
            ..settings("http://127.0.0.1:1")
        });
        assert!(matches!(refused, GatewaySetupError::Timeouts));
    }
}

#[test]
fn extra_roots_must_be_certificates() {
    for pem in ["", "not a certificate"] {
        let refused = error(GatewaySettings {
            extra_root_pem: Some(pem.as_bytes().to_vec()),
            ..settings("https://localhost:1")
        });
        assert!(matches!(refused, GatewaySetupError::ExtraRoots), "{pem}");
    }
}
