//! The network and what stands in it: what surely did not leave, and what nobody can tell.

use std::time::Duration;

use gateway::{
    Gateway, GatewaySettings, NotSentReason, RefusalClass, RefusedBy, SendOutcome, UnknownReason,
};

use super::server::{Act, Server, closed_port, http_answer, read_request, silent_listener};
use super::{accepted, outcome, plain, settings, unresolvable, with_template};

fn unknown(reason: UnknownReason) -> SendOutcome {
    SendOutcome::Unknown { reason }
}

fn not_sent(reason: NotSentReason) -> SendOutcome {
    SendOutcome::NotSent { reason }
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let seen = outcome(&plain(&closed_port().await)).await;
    assert_eq!(seen, not_sent(NotSentReason::Connect));
    assert_eq!(seen.error_class(), Some("connect"));
    assert_eq!(seen.gateway_status(), None);
}

#[tokio::test]
async fn an_unresolvable_host_was_not_sent() {
    assert_eq!(outcome(&unresolvable()).await, not_sent(NotSentReason::Dns));
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_was_not_sent() {
    // TCP connects, TLS never begins: still part of connecting.
    let (_listener, port) = silent_listener().await;
    let gateway = Gateway::new(GatewaySettings {
        connect_timeout: Duration::from_millis(200),
        ..settings(&format!("https://localhost:{port}"))
    })
    .expect("good settings");
    assert_eq!(
        outcome(&gateway).await,
        not_sent(NotSentReason::ConnectTimeout)
    );
}

#[tokio::test]
async fn f_08_a_gateway_that_never_answers_is_unknown_after_the_total_time() {
    let server = Server::scripted(|_| Act::WriteAndHang(Vec::new())).await;
    let gateway = Gateway::new(GatewaySettings {
        connect_timeout: Duration::from_millis(999),
        total_timeout: Duration::from_secs(1),
        ..settings(&server.url)
    })
    .expect("good settings");
    assert_eq!(outcome(&gateway).await, unknown(UnknownReason::Timeout));
    server.only_request();
}

#[tokio::test]
async fn f_08_an_answer_that_drips_is_unknown_after_the_total_time() {
    // The head promises more than ever comes, and the connection stays open.
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"return\":";
    let server = Server::scripted(|_| Act::WriteAndHang(head.to_vec())).await;
    let gateway = Gateway::new(GatewaySettings {
        connect_timeout: Duration::from_millis(999),
        total_timeout: Duration::from_secs(1),
        ..settings(&server.url)
    })
    .expect("good settings");
    assert_eq!(outcome(&gateway).await, unknown(UnknownReason::Timeout));
    server.only_request();
}

#[tokio::test]
async fn a_connection_that_breaks_before_or_in_the_answer_is_unknown() {
    let whole = http_answer(200, "", &accepted(5, "09123004501"));
    for kept in [0, 9, 40, whole.len() - 1] {
        for reset in [false, true] {
            let part = whole[..kept].to_vec();
            let server = Server::scripted(move |_| {
                if reset {
                    Act::WriteAndReset(part.clone())
                } else {
                    Act::WriteAndClose(part.clone())
                }
            })
            .await;
            let seen = outcome(&with_template(&server.url)).await;
            assert_eq!(
                seen,
                unknown(UnknownReason::Reset),
                "{kept} bytes, reset: {reset}"
            );
            server.only_request();
        }
    }
}

#[tokio::test]
async fn something_else_than_http_is_unknown() {
    let server = Server::scripted(|_| Act::WriteAndClose(b"220 smtp ready\r\n".to_vec())).await;
    let seen = outcome(&plain(&server.url)).await;
    assert_eq!(seen, unknown(UnknownReason::Reset));
}

#[tokio::test]
async fn f_09_pages_of_a_failing_front_end_are_unknown() {
    let page = "<html><body><h1>Bad Gateway</h1></body></html>";
    for http in [500, 502, 503, 504, 599] {
        let server = Server::answering(http, page).await;
        let seen = outcome(&with_template(&server.url)).await;
        assert_eq!(seen, unknown(UnknownReason::ServerError(http)));
        assert_eq!(seen.error_class(), Some("server_error"));
    }
}

#[tokio::test]
async fn f_09_useless_bodies_under_http_200_are_unknown() {
    let whole = accepted(5, "09123004501");
    let cases = [
        ("<html>login to the wifi</html>", UnknownReason::NotJson),
        ("", UnknownReason::Empty),
        (&whole[..whole.len() - 20], UnknownReason::CutJson),
        ("{}", UnknownReason::NotJson),
        ("[]", UnknownReason::NotJson),
    ];
    for (body, reason) in cases {
        let server = Server::answering(200, body).await;
        let seen = outcome(&with_template(&server.url)).await;
        assert_eq!(seen, unknown(reason), "{body}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_4xx_that_is_not_the_gateways_is_a_configuration_fault() {
    for http in [400, 403, 404, 407, 429, 451] {
        let server = Server::answering(http, "<html>Forbidden</html>").await;
        let seen = outcome(&with_template(&server.url)).await;
        assert_eq!(
            seen,
            SendOutcome::Refused {
                refusal: RefusedBy::Http(http),
                class: RefusalClass::Config,
            }
        );
        assert_eq!(seen.error_class(), Some("misdirected"));
    }
}

#[tokio::test]
async fn a_28_redirects_are_not_followed() {
    for http in [301, 302, 303, 307, 308] {
        let elsewhere = Server::answering(200, accepted(5, "09123004501")).await;
        let location = format!("location: {}/v1/x/verify/lookup.json\r\n", elsewhere.url);
        let server =
            Server::scripted(move |_| Act::WriteAndClose(http_answer(http, &location, "moved")))
                .await;
        let seen = outcome(&with_template(&server.url)).await;
        assert_eq!(
            seen,
            SendOutcome::Refused {
                refusal: RefusedBy::Http(http),
                class: RefusalClass::Config,
            }
        );
        server.only_request();
        assert_eq!(elsewhere.connections(), 0, "HTTP {http}");
    }
}

#[tokio::test]
async fn r_25_an_endless_answer_is_cut_off() {
    // Far more than the buffers of the operating system hold, so that the server notices when the
    // client hangs up.
    const WHOLE: usize = 100 * 1024 * 1024;
    let (listener, port) = silent_listener().await;
    let server = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.expect("a client");
        read_request(&mut stream).await.expect("a request");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {WHOLE}\r\n\r\n");
        stream
            .write_all(head.as_bytes())
            .await
            .expect("the client waits");
        let mut written = 0;
        let block = [b' '; 16 * 1024];
        while written < WHOLE && stream.write_all(&block).await.is_ok() {
            written += block.len();
        }
        written
    });
    let gateway = with_template(&format!("http://127.0.0.1:{port}"));
    assert_eq!(outcome(&gateway).await, unknown(UnknownReason::TooLarge));
    let written = server.await.expect("no panic");
    assert!(written < WHOLE, "the whole answer was taken");
}
