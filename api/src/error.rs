//! An error as this face answers it: a refusal of a use case, or a request that cannot be read.
//!
//! The codes are stable and part of the interface; `docs/errors.md` tells clients what to do about
//! each, and a test holds the two together. Titles and details are constant texts: an error never
//! shows what went wrong inside.

mod api_error;

use domain::challenge::Locale;
use flows::RefusalCode;
use flows::refusal::{RefusalKind, Texts};
use http::StatusCode;

pub(crate) use api_error::{ApiError, ProblemMembers, TEXT};

/// The stable code of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request cannot be read or does not lead anywhere.
    Request(RequestFault),
    /// A use case refused.
    Refusal(RefusalCode),
}

impl ErrorCode {
    /// Every code there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let faults = RequestFault::ALL.iter().copied().map(Self::Request);
        faults.chain(RefusalCode::ALL.iter().copied().map(Self::Refusal))
    }

    /// The text of the member `code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request(fault) => fault.as_str(),
            Self::Refusal(code) => code.as_str(),
        }
    }

    /// The status that it is answered with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Request(fault) => fault.status(),
            Self::Refusal(code) => match code.kind() {
                RefusalKind::Unusable => StatusCode::UNPROCESSABLE_ENTITY,
                RefusalKind::Unknown => StatusCode::NOT_FOUND,
                RefusalKind::Conflict => StatusCode::CONFLICT,
                RefusalKind::Forbidden => StatusCode::FORBIDDEN,
                RefusalKind::Gone => StatusCode::GONE,
                RefusalKind::Unauthenticated => StatusCode::UNAUTHORIZED,
                RefusalKind::Limited => StatusCode::TOO_MANY_REQUESTS,
                RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    pub(crate) fn texts(self, locale: Locale) -> Texts {
        match self {
            Self::Request(fault) => fault.texts(locale),
            Self::Refusal(code) => code.texts(locale),
        }
    }
}

impl From<RequestFault> for ErrorCode {
    fn from(fault: RequestFault) -> Self {
        Self::Request(fault)
    }
}

impl From<RefusalCode> for ErrorCode {
    fn from(code: RefusalCode) -> Self {
        Self::Refusal(code)
    }
}

flows::coded_texts! {
    /// What is wrong with a request before any use case has seen it.
    pub enum RequestFault {
        status: StatusCode,
        JsonMalformed = "json_malformed", StatusCode::BAD_REQUEST,
            fa: "متن درخواست JSON نیست", "بدنهٔ درخواست را به شکل JSON درست بفرستید.",
            en: "The body is not JSON", "Send a well-formed JSON body.";
        BodyIncomplete = "body_incomplete", StatusCode::BAD_REQUEST,
            fa: "درخواست ناقص رسید", "بدنهٔ درخواست کامل نرسید؛ دوباره بفرستید.",
            en: "The request arrived incomplete", "The body broke off; send the request again.";
        NotFound = "not_found", StatusCode::NOT_FOUND,
            fa: "چنین نشانی‌ای نیست", "نشانی را با مستندات در ‎/api/docs/ مقایسه کنید.",
            en: "There is no such path", "Compare the path with the documentation at /api/docs/.";
        MethodNotAllowed = "method_not_allowed", StatusCode::METHOD_NOT_ALLOWED,
            fa: "این متد پذیرفته نیست", "یکی از متدهای سرآیند Allow را به کار ببرید.",
            en: "This method is not allowed", "Use one of the methods in the Allow header.";
        RequestTimeout = "request_timeout", StatusCode::REQUEST_TIMEOUT,
            fa: "درخواست دیر رسید", "بدنهٔ درخواست به‌موقع نرسید؛ دوباره بفرستید.",
            en: "The request took too long", "The body did not arrive in time; send the request again.";
        BodyTooLarge = "body_too_large", StatusCode::PAYLOAD_TOO_LARGE,
            fa: "درخواست بزرگ است", "بدنهٔ درخواست نباید از ۴ کیبی‌بایت بزرگ‌تر باشد.",
            en: "The body is too large", "The body may have at most 4 KiB.";
        ContentTypeUnsupported = "content_type_unsupported", StatusCode::UNSUPPORTED_MEDIA_TYPE,
            fa: "نوع محتوا پذیرفته نیست", "سرآیند Content-Type را application/json بگذارید.",
            en: "The content type is not supported", "Set the Content-Type header to application/json.";
        ContentEncodingUnsupported = "content_encoding_unsupported", StatusCode::UNSUPPORTED_MEDIA_TYPE,
            fa: "فشرده‌سازی بدنه پذیرفته نیست", "بدنه را بدون فشرده‌سازی و بدون سرآیند Content-Encoding بفرستید.",
            en: "The encoding of the body is not supported", "Send the body as it is, without compression and without the Content-Encoding header.";
        BodyNotObject = "body_not_object", StatusCode::UNPROCESSABLE_ENTITY,
            fa: "بدنه یک شیء JSON نیست", "فیلدها را در یک شیء JSON بفرستید.",
            en: "The body is not a JSON object", "Send the fields as one JSON object.";
        FieldInvalid = "field_invalid", StatusCode::UNPROCESSABLE_ENTITY,
            fa: "مقدار یک فیلد نادرست است", "نوع و مقدار فیلد {field} را درست کنید.",
            en: "A field has a wrong value", "Correct the type and the value of the field {field}.";
        FieldUnknown = "field_unknown", StatusCode::UNPROCESSABLE_ENTITY,
            fa: "یک فیلد ناشناخته است", "فیلد {field} را بردارید.",
            en: "A field is unknown", "Remove the field {field}.";
        FieldRepeated = "field_repeated", StatusCode::UNPROCESSABLE_ENTITY,
            fa: "یک فیلد تکراری است", "فیلد {field} را فقط یک بار بفرستید.",
            en: "A field is there twice", "Send the field {field} once.";
        CrossSiteRequest = "cross_site_request", StatusCode::FORBIDDEN,
            fa: "درخواست از سایت دیگری آمده است", "این کار را در خود سایت انجام دهید؛ برنامه‌ها به‌جای کوکی سرآیند Authorization بفرستند.",
            en: "The request comes from another site", "Do this on the site itself; programs send the Authorization header instead of cookies.";
    }
}
