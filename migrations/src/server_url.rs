//! What is wrong with the URL of a server, told without showing it: it may hold a password.

use url::Url;

/// Said wherever a user name or a password may be what spoils a URL.
const ENCODE: &str = "percent-encode the user name and the password (`/` as `%2F`, `?` as `%3F`, \
     `#` as `%23`, `@` as `%40`, `%` as `%25`)";

/// What is wrong with a `scheme://user:password@host:port/path?query`, if anything is.
///
/// `/`, `?` and `#` end the part of a URL that names user, password and host (RFC 3986, section 3.2).
/// In a password that is not encoded they make its beginning the host or the port, and the rest is
/// taken for a path: the error would be about a port, or a look-up of a host that nobody has named.
/// An `@` behind that end shows it.
pub fn server_url_problem(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if rest[end..].contains('@') && !only_in_values(&rest[..end], &rest[end..]) {
        return Some(format!(
            "has a character in its user name or password that ends them there: {ENCODE}"
        ));
    }
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(error) if url.contains('@') => {
            return Some(format!("cannot be read ({error}): {ENCODE}"));
        }
        Err(error) => return Some(format!("cannot be read ({error})")),
    };
    let broken = |text: &str| decoded_is_not_text(text);
    if broken(parsed.username()) || parsed.password().is_some_and(broken) {
        return Some(format!(
            "has a user name or password that is no text: {ENCODE}"
        ));
    }
    None
}

/// Whether every `@` behind the host stands in the value of a query, as in `/name?user=me@example`.
fn only_in_values(host: &str, behind: &str) -> bool {
    let (before, fragment) = behind.split_once('#').unwrap_or((behind, ""));
    let (path, query) = before.split_once('?').unwrap_or((before, ""));
    let is_name = |name: &str| {
        let known = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-');
        !name.is_empty() && name.bytes().all(known)
    };
    let fits = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => !value.contains('@') || is_name(name),
        None => !pair.contains('@'),
    };
    is_host(host) && !path.contains('@') && !fragment.contains('@') && query.split('&').all(fits)
}

/// Whether this can be a host with or without a port, and not the beginning of user and password.
fn is_host(text: &str) -> bool {
    let (_, host) = text.rsplit_once('@').unwrap_or(("", text));
    match host.rsplit_once(':') {
        None => true,
        Some(_) if host.ends_with(']') => true,
        Some((_, port)) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Whether the bytes behind `%41` and the like are not UTF-8.
fn decoded_is_not_text(text: &str) -> bool {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = behind
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_not_encoded_is_told_and_not_shown() {
        for password in [
            "sec#ret",
            "sec/ret",
            "sec?ret",
            "12#34",
            "12/34",
            "12?34",
            "?x=1",
            "a=1?b=2#c/d",
            "sec@re/t",
            "#",
            "/",
            "?",
            "sec[ret]/x",
            "رمز#عبور",
        ] {
            for scheme in ["postgres", "postgresql", "redis", "rediss"] {
                for user in ["ramz", ""] {
                    let url = format!("{scheme}://{user}:{password}@db.example:5432/ramz");
                    let problem =
                        server_url_problem(&url).unwrap_or_else(|| panic!("{url} was taken"));
                    assert!(problem.contains("percent-encode"), "{problem}");
                    assert!(
                        !problem.contains("sec") && !problem.contains("34"),
                        "{problem}"
                    );
                    assert!(!problem.contains("db.example"), "{problem}");
                }
            }
        }
    }

    #[test]
    fn urls_that_name_what_they_mean_are_taken() {
        for url in [
            "postgres://ramz@127.0.0.1:5432/ramz",
            "postgres://ramz:s%23e%2Fc%3Fr%40et@db.example/ramz?sslmode=require",
            "postgres://ramz:s@cret@db.example/ramz",
            "postgres://db.example/ramz?user=me@example&password=p@ss",
            "postgres:///ramz?host=/run/postgresql",
            "postgres://ramz:%d8%b1%d9%85%d8%b2@[::1]:5432/ramz",
            "postgres://ramz:50%25@db.example/ramz",
            "postgres://ramz:50%@db.example/ramz",
            "redis://127.0.0.1:6379/0",
            "redis://:secret@cache.example",
            "rediss://default:se:cret@cache.example:6380/1",
            "rediss://cache.example:6380#insecure",
        ] {
            assert_eq!(server_url_problem(url), None, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_told_with_its_reason() {
        let told = |url: &str| server_url_problem(url).expect("a problem");
        assert!(told("postgres://db.example:port/ramz").contains("invalid port number"));
        assert!(told("postgres://ramz:x@db.example:port/ramz").contains("percent-encode"));
        assert!(told("redis://ramz:%ff%fe@cache.example").contains("no text"));
    }
}
