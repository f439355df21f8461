//! The gateway's own refusals: every code, under its own HTTP status and under 200.

use gateway::{RefusalClass, RefusedBy, SendOutcome, UnknownReason};

use super::server::Server;
use super::{accepted, error_body, outcome, plain, with_template};

/// What a code comes to on the two sending methods: with a template, without.
fn expected(code: i32) -> (SendOutcome, SendOutcome) {
    let message = SendOutcome::Refused {
        refusal: RefusedBy::Code(code),
        class: RefusalClass::Message,
    };
    let config = SendOutcome::Refused {
        refusal: RefusedBy::Code(code),
        class: RefusalClass::Config,
    };
    let account = SendOutcome::AccountWide { code };
    let later = |slow_down| SendOutcome::Later { code, slow_down };
    let unknown = SendOutcome::Unknown {
        reason: UnknownReason::Status(code),
    };
    match code {
        409 => (later(false), later(false)),
        451 => (later(true), later(true)),
        401 | 403 | 407 | 416 | 418 | 426 | 429 | 430 | 501 => (account, account),
        412 | 427 => (config, account),
        411 | 413 | 422 | 428 | 431 => (message, message),
        420 => (config, message),
        402 | 408 | 449 | 502 | 503 => (unknown, unknown),
        _ => (config, config),
    }
}

const CODES: [i32; 45] = [
    400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 411, 412, 413, 414, 415, 416, 417, 418, 419,
    420, 422, 424, 426, 427, 428, 429, 430, 431, 432, 449, 451, 499, 501, 502, 503, 604, 607, 800,
    801, 804, 807, 810, 811, 812, 813,
];

#[tokio::test]
async fn every_code_has_its_outcome_under_its_own_http_status_and_under_200() {
    for code in CODES {
        let (by_template, by_text) = expected(code);
        for http in [u16::try_from(code).expect("positive"), 200] {
            let server = Server::answering(http, error_body(code)).await;
            let outcomes = [
                outcome(&with_template(&server.url)).await,
                outcome(&plain(&server.url)).await,
            ];
            assert_eq!(outcomes, [by_template, by_text], "{code} under HTTP {http}");
            for outcome in outcomes {
                assert_eq!(outcome.gateway_status(), Some(code));
                assert!(outcome.error_class().is_some());
            }
            assert_eq!(server.requests().len(), 2, "one request for each");
        }
    }
}

#[tokio::test]
async fn a_code_of_the_gateways_own_beats_the_http_status_of_a_server_fault() {
    let server = Server::answering(503, error_body(409)).await;
    let outcome = outcome(&with_template(&server.url)).await;
    assert_eq!(
        outcome,
        SendOutcome::Later {
            code: 409,
            slow_down: false
        }
    );
}

#[tokio::test]
async fn acceptance_under_another_http_status_is_not_believed() {
    let misdirected = SendOutcome::Refused {
        refusal: RefusedBy::Http(404),
        class: RefusalClass::Config,
    };
    let unknown = |reason| SendOutcome::Unknown { reason };
    let cases = [
        (404, misdirected),
        (500, unknown(UnknownReason::ServerError(500))),
        (504, unknown(UnknownReason::ServerError(504))),
        (202, unknown(UnknownReason::UnexpectedHttp(202))),
    ];
    for (http, expected) in cases {
        let server = Server::answering(http, accepted(5, "09123004501")).await;
        let seen = outcome(&with_template(&server.url)).await;
        assert_eq!(seen, expected, "HTTP {http}");
        assert_eq!(seen.gateway_status(), None);
    }
}

#[test]
fn names_for_metrics_come_from_a_fixed_list() {
    let mut names: Vec<_> = CODES
        .iter()
        .flat_map(|&code| [expected(code).0, expected(code).1])
        .filter_map(|outcome| outcome.error_class())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names,
        [
            "account",
            "busy",
            "refused_config",
            "refused_message",
            "slow_down",
            "unclear_status"
        ]
    );
}
