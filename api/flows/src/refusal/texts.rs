//! What people read about a refusal.

use std::borrow::Cow;

use domain::challenge::Locale;

/// The texts of a code in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts {
    /// What happened.
    pub title: &'static str,
    /// What to do, with places for what [`Case`] tells.
    pub detail: &'static str,
    /// In which language.
    pub locale: Locale,
}

/// What a text may say of the case at hand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case<'a> {
    /// Seconds until the same may succeed.
    pub wait: Option<u64>,
    /// How many digits the code has.
    pub digits: Option<u8>,
    /// What is meant, by the name that it has for anyone who reads.
    pub field: Option<&'a str>,
    /// Names the request in our logs.
    pub request: &'a str,
}

impl Texts {
    /// What to do in this case.
    pub fn detail(&self, case: &Case<'_>) -> Cow<'static, str> {
        if !self.detail.contains('{') {
            return Cow::Borrowed(self.detail);
        }
        let locale = self.locale;
        let wait = match case.wait {
            Some(seconds) => span(seconds, locale),
            None => by_locale(locale, "چند لحظه", "a moment").to_owned(),
        };
        let digits = case.digits.map(|digits| number(digits.into(), locale));
        let detail = self
            .detail
            .replace("{wait}", &wait)
            .replace("{digits}", &digits.unwrap_or_default())
            .replace("{request}", case.request)
            .replace("{field}", case.field.unwrap_or_default());
        Cow::Owned(detail)
    }
}

/// A span in the unit that people would say it in, never less than it is.
fn span(seconds: u64, locale: Locale) -> String {
    let (count, fa, en) = match seconds {
        0..120 => (seconds, "ثانیه", "second"),
        120..7_200 => (seconds.div_ceil(60), "دقیقه", "minute"),
        _ => (seconds.div_ceil(3_600), "ساعت", "hour"),
    };
    match (locale, count) {
        (Locale::Fa, _) => format!("{} {fa}", number(count, locale)),
        (Locale::En, 1) => format!("{count} {en}"),
        (Locale::En, _) => format!("{count} {en}s"),
    }
}

/// A number in the digits of the language.
fn number(value: u64, locale: Locale) -> String {
    let text = value.to_string();
    match locale {
        Locale::En => text,
        Locale::Fa => text
            .chars()
            .filter_map(|digit| char::from_u32('۰' as u32 + digit.to_digit(10)?))
            .collect(),
    }
}

fn by_locale(locale: Locale, fa: &'static str, en: &'static str) -> &'static str {
    match locale {
        Locale::Fa => fa,
        Locale::En => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::RefusalCode;

    fn detail(code: RefusalCode, locale: Locale, case: Case<'_>) -> String {
        code.texts(locale).detail(&case).into_owned()
    }

    #[test]
    fn texts_say_the_thing_itself_in_the_language_of_the_reader() {
        let wait = |seconds| Case {
            wait: Some(seconds),
            ..Case::default()
        };
        let code = RefusalCode::TooManyRequestsPhone;
        for (seconds, fa, en) in [
            (1, "۱ ثانیه", "1 second"),
            (47, "۴۷ ثانیه", "47 seconds"),
            (121, "۳ دقیقه", "3 minutes"),
            (3_600, "۶۰ دقیقه", "60 minutes"),
            (86_400, "۲۴ ساعت", "24 hours"),
        ] {
            let said = detail(code, Locale::Fa, wait(seconds));
            assert_eq!(said, format!("پس از {fa} دوباره بخواهید."));
            let said = detail(code, Locale::En, wait(seconds));
            assert_eq!(said, format!("Ask again after {en}."));
        }
        let digits = Case {
            digits: Some(6),
            ..Case::default()
        };
        let said = detail(RefusalCode::CodeMalformed, Locale::Fa, digits);
        assert_eq!(said, "کد ۶ رقم دارد؛ همهٔ رقم‌ها را بنویسید.");
    }

    #[test]
    fn no_place_is_left_open_and_no_text_names_a_member_of_an_answer() {
        let case = Case {
            wait: Some(9),
            digits: Some(6),
            field: Some("phone_number"),
            request: "6e1f0a52",
        };
        for &code in RefusalCode::ALL {
            for locale in [Locale::Fa, Locale::En] {
                let said = detail(code, locale, case);
                assert!(!said.contains(['{', '}', '`']), "{said}");
                for member in ["retry_after", "code_length", "request_id", "attempts_left"] {
                    assert!(!said.contains(member), "{said}");
                }
            }
        }
    }
}
