//! What messages cost.

/// Its texts.
pub(crate) struct SpendingWords {
    pub(crate) lead: &'static str,
    pub(crate) today: &'static str,
    pub(crate) days: &'static str,
    pub(crate) rial: &'static str,
    pub(crate) spent: &'static str,
    pub(crate) messages: &'static str,
    pub(crate) average: &'static str,
    pub(crate) unpriced: &'static str,
    pub(crate) refused: &'static str,
    /// With `{rials}`.
    pub(crate) not_spent: &'static str,
    pub(crate) refused_hint: &'static str,
    pub(crate) by_purpose: &'static str,
    pub(crate) by_operator: &'static str,
    pub(crate) by_prefix: &'static str,
    pub(crate) by_route: &'static str,
    pub(crate) what: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) deleted: &'static str,
    pub(crate) sms: &'static str,
    pub(crate) call: &'static str,
    pub(crate) purpose: fn(&str) -> Option<&'static str>,
    pub(crate) operator: fn(&str) -> Option<&'static str>,
}

pub(super) static FA: SpendingWords = SpendingWords {
    lead: "هزینهٔ پیام‌هایی که درگاه پذیرفته است، به ریال، در یک روز به وقت تهران.",
    today: "امروز",
    days: "روزها",
    rial: "ریال",
    spent: "هزینهٔ روز",
    messages: "پیام‌ها",
    average: "میانگین هر پیام",
    unpriced: "پیام بی‌قیمت",
    refused: "درخواست‌های ردشده",
    not_spent: "نزدیک {rials} ریال هزینه نشد",
    refused_hint: "در یک روز گذشته، با میانگین قیمت امروز.",
    by_purpose: "برای چه",
    by_operator: "اپراتور پیش‌شماره",
    by_prefix: "پیش‌شماره‌ها",
    by_route: "درگاه و راه",
    what: "شرح",
    nothing: "در این روز هزینه‌ای نبوده است.",
    deleted: "حساب‌های پاک‌شده",
    sms: "پیامک",
    call: "تماس",
    purpose: purpose_fa,
    operator: operator_fa,
};

fn purpose_fa(name: &str) -> Option<&'static str> {
    Some(match name {
        "sign_in" => "ورود",
        "register" => "ثبت‌نام",
        "reset_password" => "بازنشانی گذرواژه",
        "change_phone" => "تغییر شماره",
        "admin" => "ورود به کنسول",
        "phone_changed" => "خبر تغییر شماره",
        "password_changed" => "خبر تغییر گذرواژه",
        "phone_move_asked" => "خبر درخواست جابه‌جایی شماره",
        _ => return None,
    })
}

fn operator_fa(name: &str) -> Option<&'static str> {
    Some(match name {
        "mci" => "همراه اول",
        "irancell" => "ایرانسل",
        "rightel" => "رایتل",
        "shatel" => "شاتل موبایل",
        "aptel" => "آپتل",
        "samantel" => "سامان‌تل",
        "other" => "دیگر",
        _ => return None,
    })
}

pub(super) static EN: SpendingWords = SpendingWords {
    lead: "What the messages cost that the gateway took, in rials, in one day of Tehran.",
    today: "Today",
    days: "Days",
    rial: "rials",
    spent: "Spent on the day",
    messages: "Messages",
    average: "An average message",
    unpriced: "messages without a price",
    refused: "Refused requests",
    not_spent: "about {rials} rials not spent",
    refused_hint: "In the last day, at the average price of today.",
    by_purpose: "What for",
    by_operator: "Operator of the prefix",
    by_prefix: "Prefixes",
    by_route: "Gateway and way",
    what: "What",
    nothing: "Nothing was spent on this day.",
    deleted: "deleted accounts",
    sms: "SMS",
    call: "call",
    purpose: purpose_en,
    operator: operator_en,
};

fn purpose_en(name: &str) -> Option<&'static str> {
    Some(match name {
        "sign_in" => "sign in",
        "register" => "register",
        "reset_password" => "reset the password",
        "change_phone" => "change the number",
        "admin" => "console",
        "phone_changed" => "news of a new number",
        "password_changed" => "news of a new password",
        "phone_move_asked" => "news of a move to another number",
        _ => return None,
    })
}

fn operator_en(name: &str) -> Option<&'static str> {
    Some(match name {
        "mci" => "MCI (Hamrah-e Aval)",
        "irancell" => "MTN Irancell",
        "rightel" => "RighTel",
        "shatel" => "Shatel Mobile",
        "aptel" => "ApTel",
        "samantel" => "SamanTel",
        "other" => "other",
        _ => return None,
    })
}
