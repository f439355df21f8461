//! Where to go afterwards: a path of our own, and nowhere else.

use url::Url;

const MAX_BYTES: usize = 512;
/// Any origin would do to see that a path stays in it.
const HERE: &str = "https://here.invalid";

/// A path of our own origin, with its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPath(String);

impl OwnPath {
    /// Takes what browsers read as a path of our own (WHATWG URL), whatever it looks like: `//host`,
    /// `/\host` and `https:host` are addresses of others, and so is what becomes one without its tabs.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('/') || text.len() > MAX_BYTES {
            return None;
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        if !text.bytes().all(plain) {
            return None;
        }
        let here = Url::parse(HERE).ok()?;
        let there = here.join(text).ok()?;
        if there.origin() != here.origin()
            || !there.path().starts_with('/')
            || there.path().starts_with("//")
        {
            return None;
        }
        let query = there.query().map(|query| format!("?{query}"));
        Some(Self(format!(
            "{}{}",
            there.path(),
            query.unwrap_or_default()
        )))
    }

    /// The path, and its query where it has one.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_taken() {
        for (text, path) in [
            ("/", "/"),
            ("/users/profile/update/", "/users/profile/update/"),
            (
                "/oauth/authorize?client=a&state=b%2Fc",
                "/oauth/authorize?client=a&state=b%2Fc",
            ),
            ("/a/../b", "/b"),
            ("/a#part", "/a"),
        ] {
            assert_eq!(OwnPath::parse(text).expect(text).as_str(), path);
        }
        for text in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " /a",
            "a/b",
            "/a b",
            "/..//evil.example",
            "/.//evil.example",
            "/%0d\r\nSet-Cookie: a=b",
            "/\u{202e}",
            "data:text/html,x",
            "/\u{ff0f}evil.example",
        ] {
            assert_eq!(OwnPath::parse(text), None, "{text:?}");
        }
        assert_eq!(OwnPath::parse(&format!("/{}", "a".repeat(600))), None);
    }
}
