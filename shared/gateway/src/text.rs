//! The words of a message that is sent without a template.
//!
//! Each is one SMS segment, whatever the purpose, the language and the length of the code:
//! a second segment doubles the price and may arrive late or not at all.

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::otp::{OtpCode, Purpose};

/// Characters of one segment when one of them is not Latin (UCS-2).
const UCS2_SEGMENT: usize = 70;
/// Characters of one segment of plain Latin text. The GSM alphabet has room for 160; the
/// gateway's manual counts 140, so the smaller number is kept.
const LATIN_SEGMENT: usize = 140;
/// Keeps the digits together and in order inside a right-to-left line.
const LEFT_TO_RIGHT_MARK: char = '\u{200e}';

/// The text of a message.
///
/// With a `webotp_domain` a last line `@domain #code` is added, which lets a browser on that
/// domain fill in the code (WebOTP; "Origin-bound one-time codes delivered via SMS"). When the
/// domain is so long that the line would begin a second segment (above 24 characters for the
/// longest Persian text with 8 digits) the line is left out: the code can still be typed.
pub fn sms_text(
    purpose: Purpose,
    locale: Locale,
    code: &OtpCode,
    webotp_domain: Option<&str>,
) -> String {
    let words = words(purpose, locale);
    let code = code.expose();
    let text = match locale {
        Locale::Fa => format!("{words}: {LEFT_TO_RIGHT_MARK}{code}"),
        Locale::En => format!("{words}: {code}"),
    };
    match webotp_domain.map(|domain| format!("{text}\n@{domain} #{code}")) {
        Some(with_line) if is_one_segment(&with_line) => with_line,
        _ => text,
    }
}

/// The text of a notice: what changed, and no link, since people are told not to follow links in
/// such messages.
///
/// With a `webotp_domain` a last line `@domain` names the service, as in messages with a code; it
/// is left out where it would begin a second segment. Behind the `@` no phone makes a link of it.
pub fn notice_text(kind: NoticeKind, locale: Locale, webotp_domain: Option<&str>) -> String {
    let words = match (locale, kind) {
        (Locale::Fa, NoticeKind::PhoneChanged) => {
            "شماره موبایل حساب شما عوض شد. شما نبودید؟ خبر دهید"
        }
        (Locale::Fa, NoticeKind::PasswordChanged) => {
            "گذرواژه حساب شما عوض شد. شما نبودید؟ خبر دهید"
        }
        (Locale::Fa, NoticeKind::PhoneMoveAsked) => {
            "تعویض شماره حساب شما خواسته شد. شما نبودید؟ خبر دهید"
        }
        (Locale::En, NoticeKind::PhoneMoveAsked) => {
            "Support was asked to change the phone number of your account. Not you? Tell them."
        }
        (Locale::En, NoticeKind::PhoneChanged) => {
            "The phone number of your account was changed. Not you? Contact support."
        }
        (Locale::En, NoticeKind::PasswordChanged) => {
            "The password of your account was changed. Not you? Contact support."
        }
    };
    match webotp_domain.map(|domain| format!("{words}\n@{domain}")) {
        Some(with_line) if is_one_segment(&with_line) => with_line,
        _ => words.to_owned(),
    }
}

/// Whether a message of this kind has room for the WebOTP line.
pub(super) fn has_room_for_webotp(
    purpose: Purpose,
    locale: Locale,
    digits: usize,
    domain: &str,
) -> bool {
    let mark = usize::from(locale == Locale::Fa);
    // ": " behind the words; "\n@", " #" around the domain; the code twice.
    let fixed = words(purpose, locale).chars().count() + 2 + mark + 4 + 2 * digits;
    let limit = match locale {
        Locale::Fa => UCS2_SEGMENT,
        Locale::En => LATIN_SEGMENT,
    };
    fixed + domain.len() <= limit
}

fn words(purpose: Purpose, locale: Locale) -> &'static str {
    match (locale, purpose) {
        (Locale::Fa, Purpose::SignIn) => "کد ورود شما",
        (Locale::Fa, Purpose::Register) => "کد ثبت‌نام شما",
        (Locale::Fa, Purpose::ResetPassword) => "کد بازیابی گذرواژه شما",
        (Locale::Fa, Purpose::ChangePhone) => "کد تغییر شماره شما",
        (Locale::Fa, Purpose::Admin) => "کد ورود مدیر",
        (Locale::En, Purpose::SignIn) => "Your sign-in code",
        (Locale::En, Purpose::Register) => "Your registration code",
        (Locale::En, Purpose::ResetPassword) => "Your password reset code",
        (Locale::En, Purpose::ChangePhone) => "Your number change code",
        (Locale::En, Purpose::Admin) => "Your admin sign-in code",
    }
}

/// All that these texts consist of in English is in the GSM alphabet, so "not ASCII" decides.
fn is_one_segment(text: &str) -> bool {
    let limit = if text.is_ascii() {
        LATIN_SEGMENT
    } else {
        UCS2_SEGMENT
    };
    text.encode_utf16().count() <= limit
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    const LOCALES: [Locale; 2] = [Locale::Fa, Locale::En];

    fn code(digits: &str) -> OtpCode {
        let length = u8::try_from(digits.len()).expect("short");
        OtpCode::parse(digits, length).expect("digits")
    }

    /// Counted as an operator does, apart from the code under test.
    fn segments(text: &str) -> usize {
        let gsm =
            |character: char| character.is_ascii_alphanumeric() || " -:.?@#\n".contains(character);
        let limit = if text.chars().all(gsm) { 160 } else { 70 };
        text.encode_utf16().count().div_ceil(limit)
    }

    #[test]
    fn the_words_of_a_sign_in() {
        let text = |locale, domain| sms_text(Purpose::SignIn, locale, &code("123456"), domain);
        assert_eq!(text(Locale::Fa, None), "کد ورود شما: \u{200e}123456");
        assert_eq!(text(Locale::En, None), "Your sign-in code: 123456");
        assert_eq!(
            text(Locale::Fa, Some("example.ir")),
            "کد ورود شما: \u{200e}123456\n@example.ir #123456"
        );
    }

    #[test]
    fn every_message_is_one_segment_with_and_without_the_webotp_line() {
        let domains = (1..=255).map(|length| Some("d".repeat(length)));
        for domain in domains.chain([None]) {
            for &purpose in Purpose::VARIANTS {
                for locale in LOCALES {
                    let text = sms_text(purpose, locale, &code("12345678"), domain.as_deref());
                    assert_eq!(segments(&text), 1, "{purpose:?} {locale:?} {text}");
                    assert!(text.contains("12345678"));
                }
            }
        }
    }

    #[test]
    fn the_webotp_line_is_there_exactly_when_it_fits() {
        let longest = "d".repeat(24);
        for &purpose in Purpose::VARIANTS {
            for locale in LOCALES {
                for length in 1..=120 {
                    let domain = "d".repeat(length);
                    let text = sms_text(purpose, locale, &code("12345678"), Some(&domain));
                    assert_eq!(
                        text.ends_with(&format!("\n@{domain} #12345678")),
                        has_room_for_webotp(purpose, locale, 8, &domain),
                        "{purpose:?} {locale:?} {length}"
                    );
                }
                let text = sms_text(purpose, locale, &code("12345678"), Some(&longest));
                assert!(text.contains('@'), "{purpose:?} {locale:?}");
            }
        }
    }

    #[test]
    fn every_notice_is_one_segment_names_no_number_and_links_nowhere() {
        let domains = (1..=255).map(|length| Some("d".repeat(length)));
        for domain in domains.chain([None]) {
            for &kind in NoticeKind::VARIANTS {
                for locale in LOCALES {
                    let text = notice_text(kind, locale, domain.as_deref());
                    assert_eq!(segments(&text), 1, "{kind:?} {locale:?} {text}");
                    assert!(!text.contains("://") && !text.contains("www."), "{text}");
                    assert!(!text.contains(char::is_numeric), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_notice_names_the_service_where_there_is_room() {
        for &kind in NoticeKind::VARIANTS {
            for locale in LOCALES {
                let named = notice_text(kind, locale, Some("login.example.ir"));
                assert!(
                    named.ends_with("\n@login.example.ir"),
                    "{kind:?} {locale:?}"
                );
                let longest = "d".repeat(255);
                let unnamed = notice_text(kind, locale, Some(&longest));
                assert_eq!(unnamed, notice_text(kind, locale, None));
            }
        }
    }

    #[test]
    fn each_purpose_has_its_own_words() {
        for locale in LOCALES {
            let codes = Purpose::VARIANTS
                .iter()
                .map(|&purpose| words(purpose, locale).to_owned());
            let notices = NoticeKind::VARIANTS
                .iter()
                .map(|&kind| notice_text(kind, locale, None));
            let texts: Vec<String> = codes.chain(notices).collect();
            for (index, text) in texts.iter().enumerate() {
                assert!(!texts[..index].contains(text), "{text}");
            }
        }
    }
}
