//! Which addresses a client may register, and when one that it sends is the one that it registered.

use domain::loopback::is_loopback;
use url::{Host, Origin, Url};

use super::ClientType;

/// What is wrong with an address, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressProblem(pub(super) String);

fn problem<T>(text: impl Into<String>) -> Result<T, AddressProblem> {
    Err(AddressProblem(text.into()))
}

/// Whether an address may be registered as a way back to a client of this type (RFC 8252, section 7;
/// RFC 9700, section 2.1).
pub fn check_redirect(kind: ClientType, address: &str) -> Result<(), AddressProblem> {
    if address.contains('*') {
        return problem("is a pattern; name each address as it is");
    }
    if !address.bytes().all(|byte| byte.is_ascii_graphic()) || address.contains(['\\', '"', '<']) {
        return problem("holds a space or another character that no address has; encode it");
    }
    let Ok(url) = Url::parse(address) else {
        return problem("is not an address such as https://shop.example.ir/callback");
    };
    if url.fragment().is_some() {
        return problem("has a fragment (`#…`), which browsers keep to themselves; leave it out");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return problem("holds a user or a password; leave it out");
    }
    match url.scheme() {
        "https" => {}
        "http" if kind == ClientType::Native => {
            let by_number = matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
            if !by_number || !is_loopback(&url) {
                return problem(
                    "is http; an app listens at http://127.0.0.1/… or http://[::1]/…, or has https or a scheme of its own",
                );
            }
        }
        "http" if is_loopback(&url) => {}
        "http" => {
            return problem(
                "is http: codes would travel in the clear; use https, or http on 127.0.0.1 for development",
            );
        }
        "javascript" | "data" | "vbscript" | "blob" | "file" | "about" => {
            return problem("is no place that a browser may be sent to; use https");
        }
        _ if kind != ClientType::Native => {
            return problem(
                "has a scheme of its own, which only `type = \"native\"` may; use https",
            );
        }
        scheme if !scheme.contains('.') => {
            return problem(
                "has a scheme without a dot; take a domain of yours backwards, such as ir.example.shop:/callback",
            );
        }
        _ if url.host().is_some() || url.cannot_be_a_base() => {
            return problem(
                "must have one slash after its scheme, such as ir.example.shop:/callback",
            );
        }
        _ => {}
    }
    // Compared byte by byte later: a spelling that a library would change never matches.
    if url.as_str() != address && url.as_str().strip_suffix('/') != Some(address) {
        return problem(format!("is not spelled as browsers do; write `{url}`"));
    }
    Ok(())
}

/// Whether a text is an origin that may be registered, as browsers write it in `Origin`.
pub fn check_origin(origin: &str) -> Result<(), AddressProblem> {
    let wrong = "is not an origin such as https://app.example.ir: scheme, host and port, no slash at the end";
    let Ok(url) = Url::parse(origin) else {
        return problem(wrong);
    };
    match (url.scheme(), url.origin()) {
        ("https", Origin::Tuple(..)) => {}
        ("http", Origin::Tuple(..)) if is_loopback(&url) => {}
        ("http", _) => return problem("is http; use https, or http on localhost for development"),
        _ => return problem(wrong),
    }
    if url.origin().ascii_serialization() == origin {
        Ok(())
    } else {
        problem(wrong)
    }
}

/// Whether an address that was sent is the registered one: byte by byte, but for the port of an app that
/// listens on loopback (RFC 8252, section 7.3).
pub(super) fn is_the_registered(kind: ClientType, registered: &str, sent: &str) -> bool {
    if registered == sent {
        return true;
    }
    if kind != ClientType::Native {
        return false;
    }
    match (loopback_parts(registered), loopback_parts(sent)) {
        (Some(registered), Some(sent)) => registered == sent,
        _ => false,
    }
}

/// Host and what follows the port, of an address of loopback by number.
fn loopback_parts(address: &str) -> Option<(&str, &str)> {
    let (host, rest) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|host| Some((host, address.strip_prefix(host)?)))?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest[..digits]
                .parse::<u16>()
                .ok()
                .filter(|port| *port != 0)?;
            &rest[digits..]
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}
