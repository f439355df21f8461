//! `ALLOWED_ORIGINS`: whose pages may call the API beside our own.

use domain::loopback::is_loopback;
use url::{Origin, Url};

use super::reader::shown;

/// Origins as browsers write them in `Origin`: scheme, host, and the port where it is not the
/// scheme's own. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// Each of them once, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Reads a comma-separated list.
    pub(super) fn parse(list: &str) -> Result<Self, String> {
        let mut origins = Vec::new();
        for part in list.split(',').map(str::trim) {
            if part.is_empty() {
                continue;
            }
            let origin = parse_origin(part).map_err(|what| format!("{} {what}", named(part)))?;
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        Ok(Self(origins))
    }
}

/// What stands in the list, unless it could hold a password.
fn named(part: &str) -> String {
    if part.contains('@') {
        "an entry with `@`".to_owned()
    } else {
        shown(part)
    }
}

fn parse_origin(part: &str) -> Result<String, &'static str> {
    if part.contains('*') {
        return Err("is a pattern; name each origin as it is, such as https://app.example.ir");
    }
    if part == "null" {
        return Err("is the origin of anybody's sandboxed frames and files; it can't be trusted");
    }
    let url = Url::parse(part).map_err(
        |_| "is not an origin such as https://app.example.ir; several are separated by commas",
    )?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(
                "is http: anyone who is on the way could put their own script into its pages; use https, or http on localhost for development",
            );
        }
        _ => return Err("must begin with https://, or with http:// on localhost"),
    }
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !super::http::has_credentials(&url);
    match url.origin() {
        origin @ Origin::Tuple(..) if bare => Ok(origin.ascii_serialization()),
        _ => Err("is more than scheme, host and port, such as https://app.example.ir"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &str) -> Result<Vec<String>, String> {
        AllowedOrigins::parse(list).map(|origins| origins.0)
    }

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        for (list, kept) in [
            ("", &[][..]),
            (" , ", &[]),
            ("https://app.example.ir", &["https://app.example.ir"]),
            ("https://app.example.ir/", &["https://app.example.ir"]),
            ("HTTPS://App.Example.ir:443", &["https://app.example.ir"]),
            (
                "https://app.example.ir:8443, http://localhost:5173,",
                &["https://app.example.ir:8443", "http://localhost:5173"],
            ),
            ("http://127.0.0.1:80", &["http://127.0.0.1"]),
            ("http://[::1]:3000", &["http://[::1]:3000"]),
            ("https://مثال.ir", &["https://xn--mgbh0fb.ir"]),
            (
                "https://a.ir,https://a.ir/,https://b.ir",
                &["https://a.ir", "https://b.ir"],
            ),
        ] {
            let kept: Vec<String> = kept.iter().map(|&origin| origin.to_owned()).collect();
            assert_eq!(origins(list), Ok(kept), "{list}");
        }
    }

    #[test]
    fn what_is_no_exact_origin_is_named() {
        for (list, words) in [
            ("*", "`*` is a pattern"),
            ("https://*.example.ir", "is a pattern"),
            ("null", "`null` is the origin of anybody"),
            ("app.example.ir", "`app.example.ir` is not an origin"),
            ("https://a.ir https://b.ir", "separated by commas"),
            ("https://", "is not an origin"),
            ("localhost:5173", "must begin with https://"),
            ("file:///srv/app", "must begin with https://"),
            ("capacitor://localhost", "must begin with https://"),
            ("http://app.example.ir", "is http"),
            ("http://localhost.example.ir", "is http"),
            ("https://app.example.ir/login", "is more than scheme, host"),
            ("https://app.example.ir?a=b", "is more than scheme, host"),
            ("https://app.example.ir/#", "is more than scheme, host"),
            (
                "https://good.example.ir, bad.example.ir",
                "`bad.example.ir` is not",
            ),
        ] {
            let error = origins(list).expect_err(list);
            assert!(error.contains(words), "{list}: {error}");
        }
        let error = origins("https://user:canary@app.example.ir").expect_err("a password");
        assert!(
            error.contains("is more than") && !error.contains("canary"),
            "{error}"
        );
    }
}
