//! Whom a request must be for.
//!
//! A page of a stranger can give its own name the address of this machine (DNS rebinding): then the browser
//! lets it read the inbox, because to it both are one site. What gives it away is the name that the browser
//! says. So a request is answered only if it is for an address or a name that no stranger can have.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{StatusCode, Version, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::simulator::Simulator;

/// Answers what is for us, and tells the others how to be.
pub(crate) async fn only_for_us(
    State(simulator): State<Simulator>,
    request: Request,
    next: Next,
) -> Response {
    match named(&request) {
        Named::Nothing => next.run(request).await,
        Named::Unclear => (
            StatusCode::BAD_REQUEST,
            "A request names its host once (RFC 9112, section 3.2).\n",
        )
            .into_response(),
        Named::Host(host) if is_ours(&host, simulator.hosts()) => next.run(request).await,
        Named::Host(_) => (
            StatusCode::MISDIRECTED_REQUEST,
            "The simulator is not known by this name. Use localhost or an IP address, or start it with \
             --host NAME (SIMULATOR_HOSTS).\n",
        )
            .into_response(),
    }
}

/// Whom a request says that it is for.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// Without the port.
    Host(String),
    /// As HTTP/1.0 may; no browser does.
    Nothing,
    Unclear,
}

fn named(request: &Request) -> Named {
    // Of HTTP/2 the authority; of HTTP/1.1 the absolute form, which wins over the field.
    if let Some(authority) = request.uri().authority() {
        return Named::Host(authority.host().to_owned());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => Named::Nothing,
        (Some(host), None) => Authority::try_from(host.as_bytes())
            .map_or(Named::Unclear, |authority| {
                Named::Host(authority.host().to_owned())
            }),
        _ => Named::Unclear,
    }
}

/// What the gateway itself is called, for clients whose machine takes the simulator for it.
const GATEWAY: &str = "api.kavenegar.com";

/// An address is no name, browsers keep `localhost` for this machine, and the gateway's name is the gateway's.
fn is_ours(host: &str, known: &[String]) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    address.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || name == GATEWAY
        || known.iter().any(|known| known.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_stranger_can_have_is_ours() {
        let known = ["simulator".to_owned(), "Inbox.Example".to_owned()];
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "inbox.localhost",
            "127.0.0.1",
            "127.8.9.1",
            "[::1]",
            "api.kavenegar.com",
            "192.168.1.7",
            "simulator",
            "inbox.example",
        ] {
            assert!(is_ours(host, &known), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "kavenegar.com.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1.nip.io",
            "notlocalhost",
            "simulator.evil.example",
            "2130706433",
            "0x7f000001",
            "127.1",
        ] {
            assert!(!is_ours(host, &known), "{host}");
        }
    }
}
