//! The cookies that carry tokens for browsers, and those by which the pages remember a visitor.
//!
//! Behind https the names have the prefix `__Host-`: browsers then take them only over https, for
//! this host alone and for all its paths, so no sub-domain can plant one (RFC 6265bis, section
//! 4.1.3.2). On a developer's http loopback they have neither the prefix nor `Secure`.

use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use domain::tokens::{AccessToken, DEVICE_TOKEN_LIFE, DeviceToken, RefreshToken, SessionTokens};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCookie {
    /// Carries the access token.
    Access,
    /// Carries the refresh token.
    Refresh,
}

/// What the pages let a browser keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageCookie {
    /// The sign-in that is under way, sealed.
    SignIn,
    /// Says that a form was sent by the browser that it was shown to.
    Form,
    /// What the next page has to tell, once.
    Notice,
    /// The language that the person chose.
    Language,
    /// By which the device is known again.
    Device,
    /// Says that what an application asked for was asked by this browser.
    Application,
    /// The session of somebody of the staff in the console.
    StaffSession,
    /// Their sign-in that is under way, sealed.
    StaffSignIn,
    /// Says that a form of the console was sent by the browser that it was shown to.
    StaffForm,
    /// What the next page of the console has to tell, once.
    StaffNotice,
}

/// Names, writes and reads the cookies of one public address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookies {
    secure: bool,
}

/// More cookies of one name than this are nobody's sessions.
const MAX_SAME_COOKIES: usize = 4;

/// One of our cookies is no text, or is there twice. It is an unauthenticated request, never an
/// anonymous one that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cookies of the request are malformed")]
pub(crate) struct MalformedCookies;

impl Cookies {
    /// For a site that people reach over https (`secure`) or over http on loopback.
    pub fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// The name of a cookie.
    pub fn name(self, cookie: TokenCookie) -> &'static str {
        match (cookie, self.secure) {
            (TokenCookie::Access, true) => "__Host-ramz_access",
            (TokenCookie::Access, false) => "ramz_access",
            (TokenCookie::Refresh, true) => "__Host-ramz_refresh",
            (TokenCookie::Refresh, false) => "ramz_refresh",
        }
    }

    /// The name of a cookie of the pages.
    pub fn page_name(self, cookie: PageCookie) -> &'static str {
        match (cookie, self.secure) {
            (PageCookie::SignIn, true) => "__Host-ramz_sign_in",
            (PageCookie::SignIn, false) => "ramz_sign_in",
            (PageCookie::Form, true) => "__Host-ramz_form",
            (PageCookie::Form, false) => "ramz_form",
            (PageCookie::Notice, true) => "__Host-ramz_notice",
            (PageCookie::Notice, false) => "ramz_notice",
            (PageCookie::Language, true) => "__Host-ramz_language",
            (PageCookie::Language, false) => "ramz_language",
            (PageCookie::Device, true) => "__Host-ramz_device",
            (PageCookie::Device, false) => "ramz_device",
            (PageCookie::Application, true) => "__Host-ramz_application",
            (PageCookie::Application, false) => "ramz_application",
            (PageCookie::StaffSession, true) => "__Host-ramz_staff",
            (PageCookie::StaffSession, false) => "ramz_staff",
            (PageCookie::StaffSignIn, true) => "__Host-ramz_staff_sign_in",
            (PageCookie::StaffSignIn, false) => "ramz_staff_sign_in",
            (PageCookie::StaffForm, true) => "__Host-ramz_staff_form",
            (PageCookie::StaffForm, false) => "ramz_staff_form",
            (PageCookie::StaffNotice, true) => "__Host-ramz_staff_notice",
            (PageCookie::StaffNotice, false) => "ramz_staff_notice",
        }
    }

    /// Lets the browser keep something for the pages; until it is closed, where no time is given.
    /// `value` is base64url and dots only.
    pub fn keep(
        self,
        headers: &mut HeaderMap,
        cookie: PageCookie,
        value: &str,
        max_age: Option<Duration>,
    ) {
        headers.append(SET_COOKIE, self.set(self.page_name(cookie), value, max_age));
    }

    /// Makes the browser forget what it kept for the pages.
    pub fn forget(self, headers: &mut HeaderMap, cookie: PageCookie) {
        self.keep(headers, cookie, "", Some(Duration::ZERO));
    }

    /// What a browser kept for the pages. Of two cookies of one name none counts.
    pub fn kept(self, headers: &HeaderMap, cookie: PageCookie) -> Option<&str> {
        let mut values = values(headers, self.page_name(cookie));
        let (Some(Ok(value)), None) = (values.next(), values.next()) else {
            return None;
        };
        (!value.is_empty()).then_some(value)
    }

    /// Hands both tokens of a session to the browser.
    pub fn hand_over(self, headers: &mut HeaderMap, tokens: &SessionTokens) {
        let access = self.set_access(&tokens.access, tokens.access_lifetime);
        let refresh = self.set_refresh(&tokens.refresh, tokens.refresh_idle_lifetime);
        headers.append(SET_COOKIE, access);
        headers.append(SET_COOKIE, refresh);
    }

    /// Lets the browser keep by what the device is known; it stays where somebody logs out, who may come back.
    pub fn keep_device(self, headers: &mut HeaderMap, token: &DeviceToken) {
        let life = Some(DEVICE_TOKEN_LIFE);
        self.keep(headers, PageCookie::Device, &token.expose(), life);
    }

    /// Makes the browser forget both tokens.
    pub fn take_back(self, headers: &mut HeaderMap) {
        headers.append(SET_COOKIE, self.clear(TokenCookie::Access));
        headers.append(SET_COOKIE, self.clear(TokenCookie::Refresh));
    }

    /// The `Set-Cookie` value that hands an access token to the browser.
    fn set_access(self, token: &AccessToken, max_age: Duration) -> HeaderValue {
        self.set(
            self.name(TokenCookie::Access),
            token.expose(),
            Some(max_age),
        )
    }

    /// The `Set-Cookie` value that hands a refresh token to the browser.
    fn set_refresh(self, token: &RefreshToken, max_age: Duration) -> HeaderValue {
        self.set(
            self.name(TokenCookie::Refresh),
            &token.expose(),
            Some(max_age),
        )
    }

    /// The `Set-Cookie` value that makes the browser forget a cookie.
    fn clear(self, cookie: TokenCookie) -> HeaderValue {
        self.set(self.name(cookie), "", Some(Duration::ZERO))
    }

    /// `value` is base64url and dots only.
    fn set(self, name: &str, value: &str, max_age: Option<Duration>) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let max_age = max_age.map(|max_age| format!("; Max-Age={}", max_age.as_secs()));
        let max_age = max_age.unwrap_or_default();
        let text = format!("{name}={value}; Path=/{max_age}; HttpOnly{secure}; SameSite=Lax");
        let mut header =
            HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }

    /// The value of a cookie in a request, if it is there. Cookies of others are passed over, whatever
    /// bytes they have.
    ///
    /// # Errors
    /// When one of ours is no text, or there are two of it: it cannot be said which is meant.
    pub(crate) fn read(
        self,
        headers: &HeaderMap,
        cookie: TokenCookie,
    ) -> Result<Option<&str>, MalformedCookies> {
        let mut values = values(headers, self.name(cookie));
        let found = values.next().transpose()?;
        if values.next().is_some() {
            return Err(MalformedCookies);
        }
        Ok(found.filter(|value| !value.is_empty()))
    }

    /// Every value of a cookie that is a text, for what may be done with each of them.
    pub(crate) fn read_all(
        self,
        headers: &HeaderMap,
        cookie: TokenCookie,
    ) -> impl Iterator<Item = &str> {
        let texts = values(headers, self.name(cookie)).filter_map(Result::ok);
        texts
            .filter(|value| !value.is_empty())
            .take(MAX_SAME_COOKIES)
    }
}

/// The values of a cookie, byte by byte (RFC 6265, section 5.4): what stands beside it may be
/// anything.
fn values<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = Result<&'a str, MalformedCookies>> {
    let headers = headers.get_all(COOKIE).iter();
    let pairs = headers.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    pairs
        .filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
        })
        .filter(move |(key, _)| *key == name.as_bytes())
        .map(|(_, value)| std::str::from_utf8(value).map_err(|_| MalformedCookies))
}

#[cfg(test)]
mod tests {
    use domain::random::Random;

    use super::*;

    fn shown(value: &HeaderValue) -> &str {
        value.to_str().expect("text")
    }

    #[test]
    fn cok_01_behind_https_cookies_are_bound_to_the_host() {
        let cookies = Cookies::new(true);
        let token = RefreshToken::new(&Random::seeded(1));
        let value = cookies.set_refresh(&token, Duration::from_hours(24));
        assert_eq!(
            shown(&value),
            format!(
                "__Host-ramz_refresh={}; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax",
                token.expose()
            )
        );
        assert!(value.is_sensitive());
        assert_eq!(
            shown(&cookies.clear(TokenCookie::Access)),
            "__Host-ramz_access=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
        );
    }

    #[test]
    fn cok_01_on_http_loopback_cookies_work_without_tls() {
        let cookies = Cookies::new(false);
        assert_eq!(
            shown(&cookies.clear(TokenCookie::Access)),
            "ramz_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        assert_eq!(cookies.name(TokenCookie::Refresh), "ramz_refresh");
    }

    fn read(headers: &[&[u8]]) -> Result<Option<String>, MalformedCookies> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(COOKIE, HeaderValue::from_bytes(header).expect("a value"));
        }
        let found = Cookies::new(true).read(&map, TokenCookie::Access)?;
        Ok(found.map(str::to_owned))
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(
            read(&[b"ramz_access=no; __host-ramz_access=no; lang=fa"]),
            Ok(None)
        );
        let found = read(&[b"lang=fa;__Host-ramz_access=abc.def", b"theme=dark"]);
        assert_eq!(found, Ok(Some("abc.def".to_owned())));
        assert_eq!(read(&[b"__Host-ramz_access="]), Ok(None));
    }

    #[test]
    fn cookies_of_others_hide_nothing_whatever_bytes_they_have() {
        let ours = b"__Host-ramz_access=abc.def".as_slice();
        for others in [
            "city=تهران".as_bytes(),
            b"city=\xff\xfe",
            b"\xd8\xaa=1",
            b"=",
            b"lonely",
            b"a=b=c; a=b=c",
            b"json={\"a\": \"b\"}",
            b"quoted=\"a, b\"",
            b";;; ;",
            b"tab=\t",
            b"__Host-ramz_access2=x",
            b"X__Host-ramz_access=x",
            b"ramz_access=of-another-port",
        ] {
            let before = [others, b"; ", ours].concat();
            let after = [ours, b";", others].concat();
            let beside = [others, ours];
            for headers in [&[before.as_slice()][..], &[&after], &beside] {
                let found = read(headers);
                assert_eq!(found, Ok(Some("abc.def".to_owned())), "{headers:?}");
            }
            assert_eq!(read(&[others]), Ok(None), "{others:?}");
        }
    }

    #[test]
    fn every_text_of_a_doubled_cookie_can_be_had() {
        let mut map = HeaderMap::new();
        let header = b"__Host-ramz_access=a; x=\xff; __Host-ramz_access=\xff; __Host-ramz_access=b";
        map.append(COOKIE, HeaderValue::from_bytes(header).expect("a value"));
        let cookies = Cookies::new(true);
        let all: Vec<&str> = cookies.read_all(&map, TokenCookie::Access).collect();
        assert_eq!(all, ["a", "b"]);
    }

    #[test]
    fn r_24_malformed_and_doubled_cookies_are_an_error_and_not_an_absence() {
        for headers in [
            &[b"__Host-ramz_access=\xff".as_slice()][..],
            &[b"__Host-ramz_access=a; __Host-ramz_access=b"],
            &[b"__Host-ramz_access=a", b"__Host-ramz_access=b"],
        ] {
            assert_eq!(read(headers), Err(MalformedCookies), "{headers:?}");
        }
    }

    #[test]
    fn the_pages_keep_cookies_of_the_same_kind() {
        let cookies = Cookies::new(true);
        let mut headers = HeaderMap::new();
        let hour = Some(Duration::from_hours(1));
        cookies.keep(&mut headers, PageCookie::SignIn, "abc", hour);
        cookies.keep(&mut headers, PageCookie::Form, "def", None);
        cookies.keep(&mut headers, PageCookie::Device, "v1.k1.ghi", hour);
        let set: Vec<&str> = headers.get_all(SET_COOKIE).iter().map(shown).collect();
        assert_eq!(
            set,
            [
                "__Host-ramz_sign_in=abc; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
                "__Host-ramz_form=def; Path=/; HttpOnly; Secure; SameSite=Lax",
                "__Host-ramz_device=v1.k1.ghi; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
            ]
        );
        let kept = |text: &'static str| {
            let mut map = HeaderMap::new();
            map.insert(COOKIE, HeaderValue::from_static(text));
            cookies.kept(&map, PageCookie::Form).map(str::to_owned)
        };
        assert_eq!(kept("a=b; __Host-ramz_form=x"), Some("x".to_owned()));
        for none in [
            "ramz_form=x",
            "__Host-ramz_form=",
            "__Host-ramz_form=x; __Host-ramz_form=y",
        ] {
            assert_eq!(kept(none), None, "{none}");
        }
    }

    proptest::proptest! {
        /// Our cookie is found beside whatever others put into the header; doubled or without text it is an
        /// error and never an absence.
        #[test]
        fn fuzz_r_24_our_cookie_is_found_beside_any_bytes(
            before in proptest::collection::vec(proptest::prop_oneof![0x20_u8..=0x7e, 0x80_u8..=0xff], 0..60),
            after in proptest::collection::vec(proptest::prop_oneof![0x20_u8..=0x7e, 0x80_u8..=0xff], 0..60),
            value in "[A-Za-z0-9_.-]{1,40}",
        ) {
            let names_ours = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("__Host-ramz_access");
            proptest::prop_assume!(!names_ours(&before) && !names_ours(&after));
            let ours = format!("__Host-ramz_access={value}").into_bytes();
            let whole = [before.as_slice(), b";", &ours, b";", &after].concat();
            proptest::prop_assert_eq!(read(&[&whole]), Ok(Some(value)));
            let twice = [whole.as_slice(), b"; ", &ours].concat();
            proptest::prop_assert_eq!(read(&[&twice]), Err(MalformedCookies));
            let alone = read(&[&before, &after]);
            proptest::prop_assert_eq!(alone, Ok(None));
        }
    }
}
