//! Certificates are checked, always (the gateway's own PHP client does not).

use std::sync::Arc;

use gateway::{Gateway, GatewaySettings, NotSentReason, SendOutcome};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::server::{Server, closed_port, http_answer, silent_listener};
use super::{accepted, outcome, plain, settings};

const TLS: SendOutcome = SendOutcome::NotSent {
    reason: NotSentReason::Tls,
};

/// A server that shows a certificate of its own making for `host`, and that certificate.
async fn server_for(host: &str) -> (Server, Vec<u8>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([host.to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .expect("a key that fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::with_tls(acceptor, 200, accepted(1, "09123004501")).await;
    (server, cert.pem().into_bytes())
}

fn trusting(url: &str, pem: Vec<u8>) -> Gateway {
    Gateway::new(GatewaySettings {
        extra_root_pem: Some(pem),
        ..settings(url)
    })
    .expect("good settings")
}

#[tokio::test]
async fn net_03_a_trusted_certificate_is_accepted() {
    let (server, pem) = server_for("localhost").await;
    let seen = outcome(&trusting(&server.url, pem)).await;
    assert!(matches!(seen, SendOutcome::Accepted { .. }), "{seen:?}");
    server.only_request();
}

#[tokio::test]
async fn net_03_an_unknown_certificate_stops_the_message_before_it_leaves() {
    let (server, _) = server_for("localhost").await;
    assert_eq!(outcome(&plain(&server.url)).await, TLS);
    assert_eq!(server.connections(), 1);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn net_03_a_certificate_for_another_host_stops_the_message_before_it_leaves() {
    let (server, pem) = server_for("gateway.example").await;
    assert_eq!(outcome(&trusting(&server.url, pem)).await, TLS);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart_from_one_that_is_away() {
    let (listener, port) = silent_listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let answer = http_answer(400, "", "speak plainly");
        stream.write_all(&answer).await.expect("the client waits");
        std::future::pending::<()>().await;
    });
    let gateway = plain(&format!("https://localhost:{port}"));
    assert_eq!(outcome(&gateway).await, TLS);
    server.abort();
    let url = closed_port()
        .await
        .replace("http://127.0.0.1", "https://localhost");
    let reason = NotSentReason::Connect;
    assert_eq!(outcome(&plain(&url)).await, SendOutcome::NotSent { reason });
}
