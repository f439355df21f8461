//! Forms as they come back: small, urlencoded, and from the browser that they were shown to.
//!
//! Browsers say where a form was sent from (`Sec-Fetch-Site`, older ones `Origin`), and what another
//! site sent is refused. A browser that says neither, such as one for text, must show the token that
//! stands in the form and in its cookie. The cookie also tells whether a browser takes any.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use flows::CountedUseCase;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Limited};
use web::{MadeBy, PageCookie, Site, made_by};

use crate::fault::Fault;
use crate::pages::{
    CONFIRM, LOG_IN, LOG_IN_BY_PASSWORD, PHONE, PHONE_VERIFY, RESEND, RESET, RESET_VERIFY, SIGN_UP,
    VERIFY,
};
use crate::state::PagesState;

/// The largest form that is read.
const MAX_BYTES: usize = 4 * 1024;
/// How long it may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The name of the field with the token.
const TOKEN: &str = "token";
/// The field that says that the form was sent back once already for the lack of a cookie.
const AGAIN: &str = "again";

/// The fields of a form.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    /// Whether it comes from the browser that it was shown to.
    pub(crate) standing: Standing,
}

/// Whether a form comes from the browser that it was shown to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// Its token is not that of the browser, which may have been closed since.
    TooOld,
    /// The browser keeps no cookies.
    CookiesOff,
}

impl Standing {
    /// For the log line of the request.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::CookiesOff => "cookies_off",
            Self::Good | Self::TooOld => "form_too_old",
        }
    }
}

impl Form {
    /// The first field of a name; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Refuses a form whose fields are not worth showing again.
    pub(crate) fn require_good(&self) -> Result<(), Fault> {
        match self.standing {
            Standing::Good => Ok(()),
            Standing::TooOld => Err(Fault::TooOld),
            Standing::CookiesOff => Err(Fault::CookiesOff),
        }
    }
}

impl FromRequest<PagesState> for Form {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &PagesState) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let made_by = made_by(&state.site, &parts.headers);
        if made_by == MadeBy::Another {
            return Err(Fault::CrossSite);
        }
        let unreadable = || {
            if let Some(what) = counted(parts.uri.path()) {
                state.flows.metrics.unreadable(what);
            }
            Fault::Unreadable
        };
        if !is_form(&parts.headers) {
            return Err(unreadable());
        }
        let collected = tokio::time::timeout(TIME_LIMIT, Limited::new(body, MAX_BYTES).collect());
        let bytes: Bytes = match collected.await {
            Ok(Ok(collected)) => collected.to_bytes(),
            _ => return Err(unreadable()),
        };
        let fields = url::form_urlencoded::parse(&bytes).into_owned().collect();
        let mut form = Self {
            fields,
            standing: Standing::Good,
        };
        form.standing = form.judged(made_by, &state.site, &parts.headers);
        Ok(form)
    }
}

impl Form {
    fn judged(&self, made_by: MadeBy, site: &Site, headers: &HeaderMap) -> Standing {
        match site.cookies.kept(headers, PageCookie::Form) {
            None if self.text(AGAIN).is_empty() => Standing::TooOld,
            None => Standing::CookiesOff,
            Some(kept) if made_by == MadeBy::Unsaid && kept != self.text(TOKEN) => Standing::TooOld,
            Some(_) => Standing::Good,
        }
    }
}

/// What the form of a path is for, where that is counted.
fn counted(path: &str) -> Option<CountedUseCase> {
    let path = format!("{}/", path.trim_end_matches('/'));
    Some(match path.as_str() {
        LOG_IN | SIGN_UP | RESEND | RESET | PHONE | CONFIRM => CountedUseCase::Asking,
        VERIFY | RESET_VERIFY | PHONE_VERIFY => CountedUseCase::Verifying,
        LOG_IN_BY_PASSWORD => CountedUseCase::LoggingIn,
        _ => return None,
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}
