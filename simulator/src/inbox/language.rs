//! The words of the inbox page.

/// All texts of the page in one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) lang: &'static str,
    pub(super) dir: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) sign_in_page: &'static str,
    pub(super) other_lang: &'static str,
    pub(super) other_name: &'static str,
    pub(super) credit: &'static str,
    pub(super) rials: &'static str,
    pub(super) kept: &'static str,
    pub(super) debug_mode: &'static str,
    pub(super) faults: &'static str,
    pub(super) filter: &'static str,
    pub(super) filter_hint: &'static str,
    pub(super) show: &'static str,
    pub(super) show_all: &'static str,
    pub(super) copy: &'static str,
    pub(super) copied: &'static str,
    pub(super) voice: &'static str,
    pub(super) from: &'static str,
    pub(super) empty: &'static str,
    pub(super) empty_filtered: &'static str,
    pub(super) empty_hint: &'static str,
}

const PERSIAN: Words = Words {
    lang: "fa",
    dir: "rtl",
    title: "صندوق پیامک",
    about: "شبیه‌ساز کاوه‌نگار: هیچ پیامی واقعاً فرستاده نمی‌شود.",
    sign_in_page: "صفحهٔ ورود را باز کنید",
    other_lang: "en",
    other_name: "English",
    credit: "اعتبار",
    rials: "ریال",
    kept: "پیام",
    debug_mode: "حالت اشکال‌زدایی روشن است: پیام‌ها نمی‌رسند",
    faults: "خطاهای فعال",
    filter: "شمارهٔ گیرنده",
    filter_hint: "۰۹۱۲…",
    show: "نمایش",
    show_all: "نمایش همه",
    copy: "رونوشت",
    copied: "برداشته شد",
    voice: "تماس صوتی",
    from: "از",
    empty: "هنوز پیامی نرسیده است",
    empty_filtered: "برای این شماره پیامی نیست",
    empty_hint: "نشانی درگاه را در برنامهٔ خود همین سرور بگذارید و یک پیام بفرستید، یا این را در پایانه اجرا کنید:",
};

const ENGLISH: Words = Words {
    lang: "en",
    dir: "ltr",
    title: "SMS inbox",
    about: "Kavenegar simulator: no message really leaves this machine.",
    sign_in_page: "Open the sign-in page",
    other_lang: "fa",
    other_name: "فارسی",
    credit: "Credit",
    rials: "rials",
    kept: "messages",
    debug_mode: "Debug mode is on: nothing is delivered",
    faults: "Active faults",
    filter: "Receptor",
    filter_hint: "0912…",
    show: "Show",
    show_all: "Show all",
    copy: "Copy",
    copied: "Copied",
    voice: "Voice call",
    from: "from",
    empty: "No message yet",
    empty_filtered: "No message to this number",
    empty_hint: "Point your application's gateway URL at this server and send one, or run this in a terminal:",
};

/// The words of a language; Persian unless English is asked for.
pub(super) fn words(lang: &str) -> &'static Words {
    if lang == "en" { &ENGLISH } else { &PERSIAN }
}

impl Words {
    /// The name of a delivery state; in Persian the gateway's own.
    pub(super) fn status<'a>(&self, code: u16, gateway_text: &'a str) -> &'a str {
        if self.lang == "fa" {
            return gateway_text;
        }
        match code {
            1 => "queued",
            2 => "scheduled",
            4 | 5 => "handed to the operator",
            6 => "failed",
            10 => "delivered",
            11 => "not delivered",
            13 => "cancelled",
            14 => "blocked",
            _ => "unknown",
        }
    }

    /// A number in the digits of the language, in groups of three.
    pub(super) fn number(&self, number: i64) -> String {
        let digits = number.unsigned_abs().to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(if self.lang == "fa" { '٬' } else { ',' });
            }
            text.push(digit);
        }
        if number < 0 {
            text.insert(0, '-');
        }
        self.digits(&text)
    }

    /// The text with its digits in those of the language.
    pub(super) fn digits(&self, text: &str) -> String {
        if self.lang != "fa" {
            return text.to_owned();
        }
        text.chars()
            .map(|character| match character.to_digit(10) {
                Some(digit) => char::from_u32('۰' as u32 + digit).unwrap_or(character),
                None => character,
            })
            .collect()
    }
}

/// A number as typed on a Persian or Arabic keyboard, in ASCII digits.
pub(super) fn ascii_digits(text: &str) -> String {
    let ascii = |character: char| {
        let zero = match character {
            '۰'..='۹' => '۰',
            '٠'..='٩' => '٠',
            _ => return character,
        };
        char::from_digit(character as u32 - zero as u32, 10).unwrap_or(character)
    };
    text.chars().map(ascii).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_persian_and_arabic_keyboards() {
        assert_eq!(ascii_digits("۰۹۱۲٣٤٥6789"), "09123456789");
    }

    #[test]
    fn numbers_are_written_in_the_language_of_the_page() {
        assert_eq!(words("en").number(1_234_567), "1,234,567");
        assert_eq!(words("").number(1_234), "۱٬۲۳۴");
        assert_eq!(words("en").number(-50), "-50");
        assert_eq!(words("fa").number(999), "۹۹۹");
    }

    #[test]
    fn persian_is_the_first_language() {
        assert_eq!(words("").lang, "fa");
        assert_eq!(words("de").lang, "fa");
        assert_eq!(words("en").lang, "en");
    }
}
