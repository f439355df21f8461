//! Result codes of a call (`return.status`) and their Persian texts.

use axum::http::StatusCode;

/// A result code of the gateway, as it stands in `return.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReturnStatus(u16);

impl ReturnStatus {
    pub(crate) const OK: Self = Self(200);
    pub(crate) const INCOMPLETE: Self = Self(400);
    pub(crate) const ACCOUNT_DISABLED: Self = Self(401);
    pub(crate) const INVALID_KEY: Self = Self(403);
    pub(crate) const UNKNOWN_METHOD: Self = Self(404);
    pub(crate) const WRONG_VERB: Self = Self(405);
    pub(crate) const EMPTY_PARAMETER: Self = Self(406);
    pub(crate) const ADDRESS_NOT_REGISTERED: Self = Self(407);
    pub(crate) const INVALID_RECEPTOR: Self = Self(411);
    pub(crate) const INVALID_SENDER: Self = Self(412);
    pub(crate) const INVALID_TEXT: Self = Self(413);
    pub(crate) const TOO_MANY: Self = Self(414);
    pub(crate) const WRONG_ADDRESS: Self = Self(416);
    pub(crate) const INVALID_DATE: Self = Self(417);
    pub(crate) const NO_CREDIT: Self = Self(418);
    pub(crate) const UNEQUAL_LENGTHS: Self = Self(419);
    pub(crate) const LINK_IN_TEXT: Self = Self(420);
    pub(crate) const UNSUITABLE_CHARACTER: Self = Self(422);
    pub(crate) const UNKNOWN_TEMPLATE: Self = Self(424);
    pub(crate) const PLAN_TOO_SMALL: Self = Self(426);
    pub(crate) const LINE_NOT_ALLOWED: Self = Self(427);
    pub(crate) const NO_VOICE: Self = Self(428);
    pub(crate) const ADDRESS_LIMITED: Self = Self(429);
    pub(crate) const NOT_IDENTIFIED: Self = Self(430);
    pub(crate) const INVALID_TOKEN: Self = Self(431);
    pub(crate) const TEMPLATE_WITHOUT_TOKEN: Self = Self(432);
    pub(crate) const NO_RECORD: Self = Self(449);
    pub(crate) const TOO_FAST: Self = Self(451);
    pub(crate) const TRIAL: Self = Self(501);
    pub(crate) const INVALID_TAG: Self = Self(607);

    /// Any code that an HTTP status line can carry; `None` outside 200 to 999.
    pub(crate) fn new(code: u16) -> Option<Self> {
        (200..=999).contains(&code).then_some(Self(code))
    }

    pub(crate) fn code(self) -> u16 {
        self.0
    }

    /// The HTTP status that mirrors this code.
    pub(crate) fn http(self) -> StatusCode {
        StatusCode::from_u16(self.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The text of `return.message`: where a real answer is known, its very words (403 ends in a
    /// space), else those of the documentation.
    pub(crate) fn message(self) -> &'static str {
        match self.0 {
            200 => "تایید شد",
            400 => "پارامترها ناقص هستند",
            401 => "حساب کاربری غیرفعال شده است",
            403 => "کد شناسائی معتبر نمی باشد ",
            404 => "متد نامشخص است",
            405 => "متد Get/Post اشتباه است",
            406 => "پارامترهای اجباری خالی ارسال شده اند",
            407 => "دسترسی به اطلاعات مورد نظر برای شما امکان پذیر نیست",
            409 => "سرور قادر به پاسخگوئی نیست بعدا تلاش کنید",
            411 => "دریافت کننده نامعتبر است",
            412 => "ارسال کننده نامعتبر است",
            413 => "پیام خالی است و یا طول پیام بیش از حد مجاز می‌باشد",
            414 => "حجم درخواست بیشتر از حد مجاز است",
            415 => "اندیس شروع بزرگ تر از کل تعداد شماره های مورد نظر است",
            416 => "IP سرویس مبدا با تنظیمات مطابقت ندارد",
            417 => "تاریخ ارسال اشتباه است و فرمت آن صحیح نمی باشد",
            418 => "اعتبار شما کافی نمی‌باشد",
            419 => "طول آرایه متن و گیرنده و فرستنده هم اندازه نیست",
            420 => "استفاده از لینک در متن پیام برای شما محدود شده است",
            422 => "داده ها به دلیل وجود کاراکتر نامناسب قابل پردازش نیست",
            424 => "الگوی مورد نظر پیدا نشد یا هنوز تائید نشده",
            426 => "استفاده از این متد نیازمند سرویس پیشرفته یا ایجاد دسترسی می باشد",
            427 => "استفاده از این خط نیازمند ایجاد سطح دسترسی می باشد",
            428 => "ارسال کد از طریق تماس تلفنی امکان پذیر نیست",
            429 => "IP محدود شده است",
            430 => "احراز هویت نشده",
            431 => "ساختار کد صحیح نمی‌باشد",
            432 => "پارامتر کد در متن پیام پیدا نشد",
            449 => "رکوردی با مشخصات مورد نظر پیدا نشد",
            451 => "فراخوانی بیش از حد در بازه زمانی مشخص IP محدود شده",
            501 => "امکان ارسال پیامک فقط به شماره صاحب حساب داده شده است",
            604 => "تعداد شماره‌های ارسالی بیش از حد مجاز است",
            607 => "نام تگ انتخابی اشتباه است",
            _ => "عملیات ناموفق بود",
        }
    }
}
