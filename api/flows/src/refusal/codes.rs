//! The codes of refusals with their texts. A text may have places for what the case at hand tells:
//! `{wait}`, `{digits}`, `{field}`, `{request}`.

/// What sort of refusal a code is; a face chooses its status by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// What was given cannot be used.
    Unusable,
    /// What was named is not there.
    Unknown,
    /// It contradicts what is there.
    Conflict,
    /// It is not allowed, or the secret was wrong.
    Forbidden,
    /// Its time is over.
    Gone,
    /// Nobody is signed in.
    Unauthenticated,
    /// A limit is reached.
    Limited,
    /// A part of the service is away or busy.
    Unavailable,
    /// A defect of ours.
    Failed,
}

/// Declares an enum of stable codes, each with what sort it is and its texts in both languages.
///
/// ```
/// flows::coded_texts! {
///     /// What can go wrong in the kitchen.
///     pub enum KitchenCode {
///         heat: u8,
///         Burnt = "burnt", 9,
///             fa: "سوخت", "از نو بپزید.",
///             en: "It is burnt", "Cook it again.";
///     }
/// }
/// assert_eq!(KitchenCode::Burnt.as_str(), "burnt");
/// assert_eq!(KitchenCode::ALL[0].heat(), 9);
/// ```
#[macro_export]
macro_rules! coded_texts {
    ($(#[$doc:meta])* pub enum $name:ident {
        $sort:ident: $Sort:ty,
        $($variant:ident = $code:literal, $of_sort:expr,
            fa: $fa_title:literal, $fa_detail:literal,
            en: $en_title:literal, $en_detail:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $en_title] $variant,)+
        }

        impl $name {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name, for programs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What sort of refusal it is.
            pub fn $sort(self) -> $Sort {
                match self { $(Self::$variant => $of_sort,)+ }
            }

            /// What people read about it.
            pub fn texts(self, locale: $crate::refusal::Locale) -> $crate::refusal::Texts {
                use $crate::refusal::Locale;
                let (title, detail) = match (self, locale) {
                    $((Self::$variant, Locale::Fa) => ($fa_title, $fa_detail),
                    (Self::$variant, Locale::En) => ($en_title, $en_detail),)+
                };
                $crate::refusal::Texts { title, detail, locale }
            }
        }
    };
}

use RefusalKind::{
    Conflict, Failed, Forbidden, Gone, Limited, Unauthenticated, Unavailable, Unknown, Unusable,
};

coded_texts! {
    /// The stable code of a refusal.
    pub enum RefusalCode {
        kind: RefusalKind,
        InputMissing = "field_missing", Unusable,
            fa: "یک فیلد کم است", "فیلد {field} لازم است.",
            en: "A field is missing", "The field {field} is required.";
        PhoneEmpty = "phone_empty", Unusable,
            fa: "شمارهٔ موبایل خالی است", "شمارهٔ موبایل خود را بنویسید.",
            en: "The phone number is empty", "Enter your mobile number.";
        PhoneMalformed = "phone_malformed", Unusable,
            fa: "شمارهٔ موبایل درست نیست", "شماره را مانند ۰۹۱۲۳۴۵۶۷۸۹ بنویسید.",
            en: "This is not a phone number", "Enter one number, such as 09123456789.";
        PhoneNotMobile = "phone_not_mobile", Unusable,
            fa: "این شماره موبایل نیست", "شمارهٔ موبایل بدهید؛ به تلفن ثابت کد فرستاده نمی‌شود.",
            en: "This is not a mobile number", "Enter a mobile number; codes are not sent to landlines.";
        PhoneCountryNotAllowed = "phone_country_not_allowed", Unusable,
            fa: "به این کشور کد نمی‌فرستیم", "شمارهٔ موبایل کشوری را بدهید که پشتیبانی می‌شود.",
            en: "Numbers of this country are not served", "Enter a mobile number of a supported country.";
        PhoneUnchanged = "phone_unchanged", Unusable,
            fa: "این شمارهٔ کنونی شماست", "شمارهٔ دیگری بدهید.",
            en: "This is your present number", "Enter another number.";
        ChannelUnavailable = "channel_unavailable", Unusable,
            fa: "تماس صوتی در دسترس نیست", "کد را با پیامک بخواهید.",
            en: "Voice calls are not available", "Ask for the code by SMS.";
        CodeMalformed = "code_malformed", Unusable,
            fa: "کد کامل نیست", "کد {digits} رقم دارد؛ همهٔ رقم‌ها را بنویسید.",
            en: "The code is incomplete", "The code has {digits} digits; enter all of them.";
        SessionUnknown = "session_unknown", Unknown,
            fa: "این درخواست کد پیدا نشد", "با شمارهٔ موبایل یک کد تازه بخواهید.",
            en: "This request for a code is unknown", "Ask for a new code with the phone number.";
        StepSessionUnknown = "step_session_unknown", Unknown,
            fa: "این مرحله پیدا نشد", "هر مرحله یک بار و تا پانزده دقیقه انجام می‌شود؛ از ابتدا شروع کنید.",
            en: "This step is unknown", "A step works once, for fifteen minutes; start again from the beginning.";
        PhoneMismatch = "phone_mismatch", Conflict,
            fa: "شماره با درخواست کد یکی نیست", "شمارهٔ همان درخواست را بدهید یا کد تازه بخواهید.",
            en: "The number is not that of the request", "Give the number of that request, or ask for a new code.";
        PhoneTaken = "phone_taken", Conflict,
            fa: "این شماره از آنِ حساب دیگری است", "با همین شماره وارد شوید، یا شمارهٔ دیگری بدهید.",
            en: "The number belongs to another account", "Sign in with that number, or enter another one.";
        CodeUsed = "code_used", Conflict,
            fa: "این کد استفاده شده است", "هر کد یک بار کار می‌کند؛ یک کد تازه بخواهید.",
            en: "The code was used", "A code works once; ask for a new one.";
        PasswordTooShort = "password_too_short", Unusable,
            fa: "گذرواژه کوتاه است", "گذرواژه دست‌کم ۸ نویسه می‌خواهد؛ چند واژهٔ بی‌ربط کنار هم خوب است.",
            en: "The password is too short", "It needs at least 8 characters; a few unrelated words do well.";
        PasswordTooLong = "password_too_long", Unusable,
            fa: "گذرواژه بلند است", "گذرواژه‌ای بنویسید که بیش از ۱۲۸ نویسه نباشد.",
            en: "The password is too long", "Choose one of at most 128 characters.";
        PasswordTooEasy = "password_too_easy", Unusable,
            fa: "این گذرواژه زود حدس زده می‌شود", "نام، شماره، تاریخ و واژه‌های رایج را کنار بگذارید؛ چند واژهٔ بی‌ربط کنار هم خوب است.",
            en: "The password is too easy to guess", "Avoid names, numbers, dates and common passwords; a few unrelated words do well.";
        CredentialsWrong = "credentials_wrong", Forbidden,
            fa: "شماره یا گذرواژه نادرست است", "شماره و گذرواژه را دوباره ببینید، یا با کد پیامکی وارد شوید.",
            en: "The number or the password is wrong", "Check both, or sign in with a code by SMS.";
        PasswordWrong = "password_wrong", Forbidden,
            fa: "گذرواژهٔ کنونی نادرست است", "گذرواژهٔ کنونی را دوباره بنویسید، یا با کد پیامکی تازه وارد شوید.",
            en: "The current password is wrong", "Enter the current password again, or sign in with a new code.";
        CodeWrong = "code_wrong", Forbidden,
            fa: "کد نادرست است", "کد را دوباره ببینید و از نو بنویسید.",
            en: "The code is wrong", "Check the code and enter it again.";
        AttemptsExhausted = "attempts_exhausted", Forbidden,
            fa: "دفعات مجاز تمام شد", "این کد دیگر کار نمی‌کند؛ یک کد تازه بخواهید.",
            en: "No attempt is left", "This code no longer works; ask for a new one.";
        CodeExpired = "code_expired", Gone,
            fa: "زمان کد گذشته است", "یک کد تازه بخواهید.",
            en: "The code has expired", "Ask for a new code.";
        Unauthenticated = "unauthenticated", Unauthenticated,
            fa: "وارد نشده‌اید", "وارد شوید و دوباره امتحان کنید.",
            en: "You are not signed in", "Sign in and try again.";
        RefreshTokenInvalid = "refresh_token_invalid", Unauthenticated,
            fa: "نشست شما تمام شده است", "دوباره وارد شوید.",
            en: "Your session is over", "Sign in again.";
        SessionNotFound = "session_not_found", Unknown,
            fa: "چنین نشستی نیست", "فهرست نشست‌ها را دوباره بگیرید؛ شاید این نشست تمام شده باشد.",
            en: "There is no such session", "Get the list of sessions again; this one may have ended.";
        PhoneMoveUnknown = "phone_move_unknown", Unknown,
            fa: "تعویض شماره‌ای در انتظار نیست", "چیزی برای لغو نیست؛ شاید پیش‌تر لغو یا انجام شده باشد.",
            en: "No change of the number waits", "There is nothing to stop; it may have been stopped or made before.";
        FreshSignInRequired = "fresh_sign_in_required", Forbidden,
            fa: "ورود تازه لازم است", "برای این کار با کد دوباره وارد شوید؛ پس از آن ده دقیقه فرصت دارید.",
            en: "A fresh sign-in is required", "Sign in with a code once more; you then have ten minutes for this.";
        TooManyRequestsPhone = "too_many_requests_phone", Limited,
            fa: "به این شماره زیاد کد فرستاده شده است", "پس از {wait} دوباره بخواهید.",
            en: "Too many codes for this number", "Ask again after {wait}.";
        TooManyRequestsAddress = "too_many_requests_address", Limited,
            fa: "از این نشانی زیاد درخواست رسیده است", "پس از {wait} دوباره بخواهید.",
            en: "Too many requests from this address", "Ask again after {wait}.";
        TooManyFailuresPhone = "too_many_failures_phone", Limited,
            fa: "برای این شماره بارها کد یا گذرواژهٔ نادرست آمده است", "یک کد تازه بخواهید و با آن وارد شوید، یا پس از {wait} دوباره امتحان کنید.",
            en: "Too many wrong codes or passwords for this number", "Ask for a new code and sign in with it, or try again after {wait}.";
        TooManyFailuresAddress = "too_many_failures_address", Limited,
            fa: "از این نشانی بارها کد یا گذرواژهٔ نادرست آمده است", "پس از {wait} دوباره امتحان کنید.",
            en: "Too many wrong codes or passwords from this address", "Try again after {wait}.";
        SessionRequired = "session_required", Limited,
            fa: "اکنون کد تنها در همان صفحه‌ای پذیرفته می‌شود که خواسته شده", "یک کد تازه بخواهید و همان‌جا بنویسید، یا پس از {wait} دوباره امتحان کنید.",
            en: "A code is taken only where it was asked for at the moment", "Ask for a new code and enter it there, or try again after {wait}.";
        TooManyPasswordChanges = "too_many_password_changes", Limited,
            fa: "گذرواژه امروز چند بار عوض شده است", "پس از {wait} دوباره عوض کنید.",
            en: "The password was changed several times today", "Change it again after {wait}.";
        TooManyRefreshes = "too_many_refreshes", Limited,
            fa: "این نشست زیاد تمدید شده است", "پس از {wait} دوباره تمدید کنید؛ تا آن زمان توکن دسترسی آخر کار می‌کند.",
            en: "This session was renewed too often", "Renew it again after {wait}; until it expires the last access token works.";
        PasswordBusy = "password_busy", Unavailable,
            fa: "اکنون درخواست‌های ورود زیاد است", "همین درخواست را کمی دیگر دوباره بفرستید.",
            en: "Too many passwords are being checked", "Send the same request again a little later.";
        GatewayUnavailable = "gateway_unavailable", Unavailable,
            fa: "فرستادن پیامک ممکن نیست", "سرویس پیامک در دسترس نیست؛ کمی دیگر دوباره بخواهید.",
            en: "No SMS can be sent", "The SMS gateway is unavailable; ask again a little later.";
        QueueFull = "queue_full", Unavailable,
            fa: "صف پیامک‌ها پر است", "کمی دیگر دوباره بخواهید.",
            en: "Too many messages are waiting", "Ask again a little later.";
        SendingPaused = "sending_paused", Unavailable,
            fa: "پیامک‌های امروز تمام شده است", "پس از {wait} دوباره بخواهید.",
            en: "No more messages are sent today", "Ask again after {wait}.";
        StoreUnavailable = "store_unavailable", Unavailable,
            fa: "سرویس موقتاً در دسترس نیست", "همین درخواست را کمی دیگر دوباره بفرستید.",
            en: "The service is unavailable for a moment", "Send the same request again a little later.";
        StoreFull = "store_full", Unavailable,
            fa: "سرویس اکنون درخواست تازه نمی‌پذیرد", "کدهایی که فرستاده شده‌اند کار می‌کنند؛ کمی دیگر دوباره بخواهید.",
            en: "The service takes no new requests at the moment", "Codes that were sent work; ask again a little later.";
        KeyUnavailable = "key_unavailable", Unavailable,
            fa: "این کد اکنون سنجیدنی نیست", "کمی دیگر دوباره امتحان کنید یا کد تازه بخواهید.",
            en: "This code cannot be checked now", "Try again a little later, or ask for a new code.";
        Internal = "internal", Failed,
            fa: "خطایی رخ داد", "تقصیر از ماست؛ اگر تکرار شد این شناسه را به پشتیبانی بدهید: ‎{request}",
            en: "Something went wrong", "The fault is ours; if it happens again, tell support this id: {request}";
    }
}
