//! The language of answers, by `Accept-Language` (RFC 9110, section 12.5.4).

use domain::challenge::Locale;
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// More parts than this are not a preference of people.
const MAX_PARTS: usize = 16;

/// The language that the client prefers of those we speak: the one of the highest weight, the
/// first of equals. Persian when neither is asked for. What cannot be read is passed over, part by
/// part.
pub(crate) fn preferred(headers: &HeaderMap) -> Locale {
    let mut best = (Locale::Fa, 0);
    // Several headers are one list (RFC 9110, section 5.3).
    let values = headers.get_all(ACCEPT_LANGUAGE).iter();
    let parts = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    for part in parts.take(MAX_PARTS) {
        let Ok(part) = std::str::from_utf8(part) else {
            continue;
        };
        let (range, parameters) = part.split_once(';').unwrap_or((part, ""));
        let Some(locale) = Locale::from_tag(range) else {
            continue;
        };
        let weight = weight(parameters);
        if weight > best.1 {
            best = (locale, weight);
        }
    }
    best.0
}

/// The weight in thousandths; 1000 if there is none, 0 where it cannot be read.
fn weight(parameters: &str) -> u16 {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return 1000;
    }
    let Some((name, text)) = parameters.split_once('=') else {
        return 0;
    };
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let thousandths = format!("{fraction:0<3}");
    match (whole, thousandths.parse::<u16>()) {
        _ if !name.trim().eq_ignore_ascii_case("q") => 0,
        ("0", Ok(thousandths)) if fraction.len() <= 3 => thousandths,
        ("1", Ok(0)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&[u8]]) -> Locale {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                ACCEPT_LANGUAGE,
                HeaderValue::from_bytes(value).expect("a value"),
            );
        }
        preferred(&headers)
    }

    #[test]
    fn persian_is_the_default_and_weights_decide() {
        assert_eq!(preferred(&HeaderMap::new()), Locale::Fa);
        for (text, locale) in [
            ("", Locale::Fa),
            ("de, fr", Locale::Fa),
            ("*", Locale::Fa),
            ("en", Locale::En),
            ("EN-us", Locale::En),
            ("en_US", Locale::En),
            ("en_US.UTF-8", Locale::En),
            ("en-Latn-GB-oxendict", Locale::En),
            ("en-US,en;q=0.9,fa;q=0.8", Locale::En),
            ("fa-IR,en;q=0.9", Locale::Fa),
            ("fa_IR,en;q=0.9", Locale::Fa),
            ("en;q=0.5, fa;q=0.7", Locale::Fa),
            ("fa;q=0.25, en;q=0.3", Locale::En),
            ("fa ; Q=0.25\t,\ten ;\tq=0.3", Locale::En),
            ("en;q=0", Locale::Fa),
            ("en;q=9, fa;q=0.1", Locale::Fa),
            ("en;q=0.1234", Locale::Fa),
            ("en;level=1, fa;q=0.1", Locale::Fa),
            ("english", Locale::Fa),
            (",, en ,", Locale::En),
        ] {
            assert_eq!(of(&[text.as_bytes()]), locale, "{text}");
        }
    }

    #[test]
    fn one_odd_byte_spoils_its_own_part_only_and_several_headers_are_one_list() {
        assert_eq!(of(&[b"\xd9\x81;q=0.9, en"]), Locale::En);
        assert_eq!(of(&[b"en, \xff"]), Locale::En);
        assert_eq!(of(&[b"de", b"en;q=0.5"]), Locale::En);
        assert_eq!(of(&[b"\xff\xfe", b"en"]), Locale::En);
    }
}
