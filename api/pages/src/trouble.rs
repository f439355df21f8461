//! A refusal as people read it on a page.

use flows::refusal::{Case, RefusalKind, Texts};
use flows::{Refusal, RefusalCode};
use http::StatusCode;
use uuid::Uuid;

use crate::form::Standing;
use crate::words::Words;

/// What went wrong and what to do, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Whether it is with what stands in the field.
    pub(crate) of_field: bool,
}

impl Trouble {
    /// Two ready texts.
    pub(crate) fn of((title, detail): (&str, &str)) -> Self {
        Self {
            title: title.to_owned(),
            detail: detail.to_owned(),
            of_field: false,
        }
    }

    /// The title as a sentence of its own: who hears the page hears a pause before what follows.
    pub(crate) fn sentence(&self) -> String {
        let mut sentence = self.title.clone();
        if !sentence.ends_with(['.', '!', '?', '؟', '…']) {
            sentence.push('.');
        }
        sentence
    }

    /// The same about what stands in the field of the page.
    pub(crate) fn with_field(self) -> Self {
        Self {
            of_field: true,
            ..self
        }
    }

    /// A form that came without its cookie.
    pub(crate) fn of_standing(standing: Standing, words: &Words) -> Self {
        Self::of(match standing {
            Standing::CookiesOff => words.faults.cookies_off,
            Standing::Good | Standing::TooOld => words.faults.too_old,
        })
    }

    /// The texts of a refusal; `wait` in seconds.
    pub(crate) fn of_refusal(
        code: RefusalCode,
        wait: Option<u64>,
        digits: Option<u8>,
        words: &'static Words,
        request: Uuid,
    ) -> Self {
        let mut texts: Texts = code.texts(words.locale);
        if let Some((title, detail)) = (words.refusal)(code) {
            texts.title = title;
            texts.detail = detail;
        }
        let request = request.to_string();
        let case = Case {
            wait,
            digits,
            field: None,
            request: &request,
        };
        Self {
            title: texts.title.to_owned(),
            detail: texts.detail(&case).into_owned(),
            of_field: false,
        }
    }
}

/// The status that a page tells a refusal with.
pub(crate) fn status(refusal: &Refusal) -> StatusCode {
    match refusal.code.kind() {
        RefusalKind::Unusable => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::Unknown => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::Gone => StatusCode::GONE,
        RefusalKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        RefusalKind::Limited => StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
