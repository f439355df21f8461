//! The names under which the console answers. A page of another site can lead its own name to our address (DNS
//! rebinding) and would then be of our origin; by its name it is refused.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::HOST;
use http::uri::Authority;

use crate::console::Console;

/// The names of this machine, with any port: nobody else can have a page there.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Under which names it answers.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// That of `ADMIN_URL`, with its port where it has one.
    own: Option<String>,
}

impl Hosts {
    /// For a console that staff reach under this origin, or on its machine only.
    pub(crate) fn new(origin: &str) -> Self {
        let own = origin.split_once("://").map(|(_, host)| host);
        Self {
            own: own.map(str::to_ascii_lowercase),
        }
    }

    /// Whether a request for this host is for us.
    pub(crate) fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        // A name before an @ is no host.
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host().to_ascii_lowercase();
        LOOPBACK.contains(&name.as_str())
            || self.own.as_deref() == Some(host.to_ascii_lowercase().as_str())
    }
}

/// Refuses what was meant for another host.
pub(crate) async fn only_known_hosts(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let host = host_of(&request).unwrap_or_default();
    if console.hosts().knows(host) {
        return next.run(request).await;
    }
    let text =
        "This is the console of Ramz, and it does not answer under this name: see ADMIN_URL.\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

/// The host that a request names; of two none counts.
pub(crate) fn host_of(request: &Request) -> Option<&str> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_the_name_of_the_console_are_known() {
        let (here, proxied) = (Hosts::new(""), Hosts::new("https://console.example.ir"));
        for host in [
            "127.0.0.1:8001",
            "localhost:8001",
            "[::1]:8001",
            "LOCALHOST",
        ] {
            assert!(here.knows(host) && proxied.knows(host), "{host}");
        }
        assert!(proxied.knows("console.example.ir") && proxied.knows("Console.Example.IR"));
        for host in [
            "",
            "evil.example",
            "evil.example:8001",
            "127.0.0.1.evil.example:8001",
            "localhost.evil.example",
            "127.0.0.1:8001@evil.example",
            "console.example.ir:8443",
            "console.example.ir.evil.example",
            "192.168.1.2:8001",
            "console.example.ir, evil.example",
        ] {
            assert!(!here.knows(host) && !proxied.knows(host), "{host}");
        }
    }
}
