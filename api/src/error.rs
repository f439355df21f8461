//! Everything that a call can be refused with.
//!
//! The codes are stable and part of the interface; `docs/errors.md` tells clients what to do about
//! each, and a test holds the two together. Titles and details are constant texts: an error never
//! shows what went wrong inside.

mod api_error;

use domain::challenge::Locale;
use http::StatusCode;

pub(crate) use api_error::{ApiError, seconds_up};

/// What clients read about a code.
pub(crate) struct Texts {
    pub(crate) title: &'static str,
    pub(crate) detail: &'static str,
}

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:ident,
        fa: $fa_title:literal, $fa_detail:literal,
        en: $en_title:literal, $en_detail:literal;)+) => {
        /// The stable code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $en_title] $variant,)+
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The text of the member `code`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The status that it is answered with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            pub(crate) fn texts(self, locale: Locale) -> Texts {
                let (title, detail) = match (self, locale) {
                    $((Self::$variant, Locale::Fa) => ($fa_title, $fa_detail),
                    (Self::$variant, Locale::En) => ($en_title, $en_detail),)+
                };
                Texts { title, detail }
            }
        }
    };
}

error_codes! {
    JsonMalformed = "json_malformed", BAD_REQUEST,
        fa: "متن درخواست JSON نیست", "بدنهٔ درخواست را به شکل JSON درست بفرستید.",
        en: "The body is not JSON", "Send a well-formed JSON body.";
    BodyIncomplete = "body_incomplete", BAD_REQUEST,
        fa: "درخواست ناقص رسید", "بدنهٔ درخواست کامل نرسید؛ دوباره بفرستید.",
        en: "The request arrived incomplete", "The body broke off; send the request again.";
    NotFound = "not_found", NOT_FOUND,
        fa: "چنین نشانی‌ای نیست", "نشانی را با مستندات در ‎/api/docs/ مقایسه کنید.",
        en: "There is no such path", "Compare the path with the documentation at /api/docs/.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED,
        fa: "این متد پذیرفته نیست", "یکی از متدهای سرآیند Allow را به کار ببرید.",
        en: "This method is not allowed", "Use one of the methods in the Allow header.";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT,
        fa: "درخواست دیر رسید", "بدنهٔ درخواست به‌موقع نرسید؛ دوباره بفرستید.",
        en: "The request took too long", "The body did not arrive in time; send the request again.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE,
        fa: "درخواست بزرگ است", "بدنهٔ درخواست نباید از ۴ کیبی‌بایت بزرگ‌تر باشد.",
        en: "The body is too large", "The body may have at most 4 KiB.";
    ContentTypeUnsupported = "content_type_unsupported", UNSUPPORTED_MEDIA_TYPE,
        fa: "نوع محتوا پذیرفته نیست", "سرآیند Content-Type را application/json بگذارید.",
        en: "The content type is not supported", "Set the Content-Type header to application/json.";
    BodyNotObject = "body_not_object", UNPROCESSABLE_ENTITY,
        fa: "بدنه یک شیء JSON نیست", "فیلدها را در یک شیء JSON بفرستید.",
        en: "The body is not a JSON object", "Send the fields as one JSON object.";
    FieldMissing = "field_missing", UNPROCESSABLE_ENTITY,
        fa: "یک فیلد کم است", "فیلدی که در field آمده لازم است.",
        en: "A field is missing", "The field named in `field` is required.";
    FieldInvalid = "field_invalid", UNPROCESSABLE_ENTITY,
        fa: "مقدار یک فیلد نادرست است", "نوع و مقدار فیلدی را که در field آمده درست کنید.",
        en: "A field has a wrong value", "Correct the type and the value of the field named in `field`.";
    FieldUnknown = "field_unknown", UNPROCESSABLE_ENTITY,
        fa: "یک فیلد ناشناخته است", "فیلدی را که در field آمده بردارید.",
        en: "A field is unknown", "Remove the field named in `field`.";
    FieldRepeated = "field_repeated", UNPROCESSABLE_ENTITY,
        fa: "یک فیلد تکراری است", "فیلدی را که در field آمده فقط یک بار بفرستید.",
        en: "A field stands there twice", "Send the field named in `field` once.";
    PhoneEmpty = "phone_empty", UNPROCESSABLE_ENTITY,
        fa: "شمارهٔ موبایل خالی است", "شمارهٔ موبایل خود را بنویسید.",
        en: "The phone number is empty", "Enter your mobile number.";
    PhoneMalformed = "phone_malformed", UNPROCESSABLE_ENTITY,
        fa: "شمارهٔ موبایل درست نیست", "شماره را مانند ۰۹۱۲۳۴۵۶۷۸۹ بنویسید.",
        en: "This is not a phone number", "Enter one number, such as 09123456789.";
    PhoneNotMobile = "phone_not_mobile", UNPROCESSABLE_ENTITY,
        fa: "این شماره موبایل نیست", "شمارهٔ موبایل بدهید؛ به تلفن ثابت کد فرستاده نمی‌شود.",
        en: "This is not a mobile number", "Enter a mobile number; codes are not sent to landlines.";
    PhoneCountryNotAllowed = "phone_country_not_allowed", UNPROCESSABLE_ENTITY,
        fa: "به این کشور کد نمی‌فرستیم", "شمارهٔ موبایل کشوری را بدهید که پشتیبانی می‌شود.",
        en: "Numbers of this country are not served", "Enter a mobile number of a supported country.";
    PhoneUnchanged = "phone_unchanged", UNPROCESSABLE_ENTITY,
        fa: "این شمارهٔ کنونی شماست", "شمارهٔ دیگری بدهید.",
        en: "This is your present number", "Enter another number.";
    ChannelUnavailable = "channel_unavailable", UNPROCESSABLE_ENTITY,
        fa: "تماس صوتی در دسترس نیست", "کد را با پیامک بخواهید.",
        en: "Voice calls are not available", "Ask for the code by SMS.";
    CodeMalformed = "code_malformed", UNPROCESSABLE_ENTITY,
        fa: "کد کامل نیست", "کد را با همان تعداد رقمی که در code_length آمده بنویسید.",
        en: "The code is incomplete", "Enter the code with as many digits as `code_length` says.";
    SessionUnknown = "session_unknown", NOT_FOUND,
        fa: "این درخواست کد پیدا نشد", "با شمارهٔ موبایل یک کد تازه بخواهید.",
        en: "This request for a code is unknown", "Ask for a new code with the phone number.";
    StepSessionUnknown = "step_session_unknown", NOT_FOUND,
        fa: "این مرحله پیدا نشد", "هر مرحله یک بار و تا پانزده دقیقه انجام می‌شود؛ از ابتدا شروع کنید.",
        en: "This step is unknown", "A step works once, for fifteen minutes; start again from the beginning.";
    PhoneMismatch = "phone_mismatch", CONFLICT,
        fa: "شماره با درخواست کد یکی نیست", "شمارهٔ همان درخواست را بدهید یا کد تازه بخواهید.",
        en: "The number is not that of the request", "Give the number of that request, or ask for a new code.";
    PhoneTaken = "phone_taken", CONFLICT,
        fa: "این شماره از آنِ حساب دیگری است", "با همین شماره وارد شوید، یا شمارهٔ دیگری بدهید.",
        en: "The number belongs to another account", "Sign in with that number, or enter another one.";
    CodeUsed = "code_used", CONFLICT,
        fa: "این کد استفاده شده است", "هر کد یک بار کار می‌کند؛ یک کد تازه بخواهید.",
        en: "The code was used", "A code works once; ask for a new one.";
    PasswordTooShort = "password_too_short", UNPROCESSABLE_ENTITY,
        fa: "گذرواژه کوتاه است", "گذرواژه دست‌کم ۸ نویسه می‌خواهد؛ چند واژهٔ بی‌ربط کنار هم خوب است.",
        en: "The password is too short", "It needs at least 8 characters; a few unrelated words do well.";
    PasswordTooLong = "password_too_long", UNPROCESSABLE_ENTITY,
        fa: "گذرواژه بلند است", "گذرواژه‌ای بنویسید که بیش از ۱۲۸ نویسه نباشد.",
        en: "The password is too long", "Choose one of at most 128 characters.";
    PasswordTooEasy = "password_too_easy", UNPROCESSABLE_ENTITY,
        fa: "این گذرواژه زود حدس زده می‌شود", "نام، شماره، تاریخ و واژه‌های رایج را کنار بگذارید؛ چند واژهٔ بی‌ربط کنار هم خوب است.",
        en: "The password is too easy to guess", "Avoid names, numbers, dates and common passwords; a few unrelated words do well.";
    CredentialsWrong = "credentials_wrong", FORBIDDEN,
        fa: "شماره یا گذرواژه نادرست است", "شماره و گذرواژه را دوباره ببینید، یا با کد پیامکی وارد شوید.",
        en: "The number or the password is wrong", "Check both, or sign in with a code by SMS.";
    PasswordWrong = "password_wrong", FORBIDDEN,
        fa: "گذرواژهٔ کنونی نادرست است", "گذرواژهٔ کنونی را دوباره بنویسید، یا با کد پیامکی تازه وارد شوید.",
        en: "The current password is wrong", "Enter the current password again, or sign in with a new code.";
    CodeWrong = "code_wrong", FORBIDDEN,
        fa: "کد نادرست است", "کد را دوباره ببینید و از نو بنویسید.",
        en: "The code is wrong", "Look at the code again and enter it anew.";
    AttemptsExhausted = "attempts_exhausted", FORBIDDEN,
        fa: "دفعات مجاز تمام شد", "این کد دیگر کار نمی‌کند؛ یک کد تازه بخواهید.",
        en: "No attempt is left", "This code no longer works; ask for a new one.";
    CodeExpired = "code_expired", GONE,
        fa: "زمان کد گذشته است", "یک کد تازه بخواهید.",
        en: "The code has expired", "Ask for a new code.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED,
        fa: "وارد نشده‌اید", "وارد شوید و دوباره امتحان کنید.",
        en: "You are not signed in", "Sign in and try again.";
    RefreshTokenInvalid = "refresh_token_invalid", UNAUTHORIZED,
        fa: "نشست شما تمام شده است", "دوباره وارد شوید.",
        en: "Your session is over", "Sign in again.";
    SessionNotFound = "session_not_found", NOT_FOUND,
        fa: "چنین نشستی نیست", "فهرست نشست‌ها را دوباره بگیرید؛ شاید این نشست تمام شده باشد.",
        en: "There is no such session", "Get the list of sessions again; this one may have ended.";
    CrossSiteRequest = "cross_site_request", FORBIDDEN,
        fa: "درخواست از سایت دیگری آمده است", "این کار را در خود سایت انجام دهید؛ برنامه‌ها به‌جای کوکی سرآیند Authorization بفرستند.",
        en: "The request comes from another site", "Do this on the site itself; programs send the Authorization header instead of cookies.";
    FreshSignInRequired = "fresh_sign_in_required", FORBIDDEN,
        fa: "ورود تازه لازم است", "برای این کار با کد دوباره وارد شوید؛ پس از آن ده دقیقه فرصت دارید.",
        en: "A fresh sign-in is required", "Sign in with a code once more; you then have ten minutes for this.";
    TooManyRequestsPhone = "too_many_requests_phone", TOO_MANY_REQUESTS,
        fa: "به این شماره زیاد کد فرستاده شده است", "پس از ثانیه‌هایی که در retry_after آمده دوباره بخواهید.",
        en: "Too many codes for this number", "Ask again after the seconds in `retry_after`.";
    TooManyRequestsAddress = "too_many_requests_address", TOO_MANY_REQUESTS,
        fa: "از این نشانی زیاد درخواست رسیده است", "پس از ثانیه‌هایی که در retry_after آمده دوباره بخواهید.",
        en: "Too many requests from this address", "Ask again after the seconds in `retry_after`.";
    TooManyFailuresPhone = "too_many_failures_phone", TOO_MANY_REQUESTS,
        fa: "برای این شماره بارها کد یا گذرواژهٔ نادرست آمده است", "یک کد تازه بخواهید و با آن وارد شوید، یا پس از ثانیه‌هایی که در retry_after آمده دوباره امتحان کنید.",
        en: "Too many wrong codes or passwords for this number", "Ask for a new code and sign in with it, or try again after the seconds in `retry_after`.";
    TooManyFailuresAddress = "too_many_failures_address", TOO_MANY_REQUESTS,
        fa: "از این نشانی بارها کد یا گذرواژهٔ نادرست آمده است", "پس از ثانیه‌هایی که در retry_after آمده دوباره امتحان کنید.",
        en: "Too many wrong codes or passwords from this address", "Try again after the seconds in `retry_after`.";
    TooManyPasswordChanges = "too_many_password_changes", TOO_MANY_REQUESTS,
        fa: "گذرواژه امروز چند بار عوض شده است", "پس از ثانیه‌هایی که در retry_after آمده دوباره عوض کنید.",
        en: "The password was changed several times today", "Change it again after the seconds in `retry_after`.";
    PasswordBusy = "password_busy", SERVICE_UNAVAILABLE,
        fa: "اکنون درخواست‌های ورود زیاد است", "همین درخواست را کمی دیگر دوباره بفرستید.",
        en: "Too many passwords are being checked", "Send the same request again a little later.";
    GatewayUnavailable = "gateway_unavailable", SERVICE_UNAVAILABLE,
        fa: "فرستادن پیامک ممکن نیست", "سرویس پیامک در دسترس نیست؛ کمی دیگر دوباره بخواهید.",
        en: "No SMS can be sent", "The SMS gateway is unavailable; ask again a little later.";
    QueueFull = "queue_full", SERVICE_UNAVAILABLE,
        fa: "صف پیامک‌ها پر است", "کمی دیگر دوباره بخواهید.",
        en: "Too many messages are waiting", "Ask again a little later.";
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE,
        fa: "سرویس موقتاً در دسترس نیست", "همین درخواست را کمی دیگر دوباره بفرستید.",
        en: "The service is unavailable for a moment", "Send the same request again a little later.";
    KeyUnavailable = "key_unavailable", SERVICE_UNAVAILABLE,
        fa: "این کد اکنون سنجیدنی نیست", "کمی دیگر دوباره امتحان کنید یا کد تازه بخواهید.",
        en: "This code cannot be checked now", "Try again a little later, or ask for a new code.";
    Internal = "internal", INTERNAL_SERVER_ERROR,
        fa: "خطایی رخ داد", "تقصیر از ماست؛ اگر تکرار شد request_id را به پشتیبانی بدهید.",
        en: "Something went wrong", "The fault is ours; if it happens again, give `request_id` to the support.";
}
