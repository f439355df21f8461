//! The language of answers, by `Accept-Language` (RFC 9110, section 12.5.4).

use domain::challenge::Locale;
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// More parts than this are not a preference of people.
const MAX_PARTS: usize = 16;

/// The language that the client prefers of those we speak: the one of the highest weight, the
/// first of equals. Persian when neither is asked for.
pub(crate) fn preferred(headers: &HeaderMap) -> Locale {
    let mut best = (Locale::Fa, 0);
    let text = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    for part in text.split(',').take(MAX_PARTS) {
        let (range, parameters) = part.split_once(';').unwrap_or((part, ""));
        let primary = range.trim().split('-').next().unwrap_or_default();
        let locale = match primary {
            _ if primary.eq_ignore_ascii_case("fa") => Locale::Fa,
            _ if primary.eq_ignore_ascii_case("en") => Locale::En,
            _ => continue,
        };
        let weight = weight(parameters);
        if weight > best.1 {
            best = (locale, weight);
        }
    }
    best.0
}

/// The weight in thousandths; 1000 where there is none, 0 where it cannot be read.
fn weight(parameters: &str) -> u16 {
    let Some(text) = parameters.trim().strip_prefix("q=") else {
        return 1000;
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let thousandths = format!("{fraction:0<3}");
    match (whole, thousandths.parse::<u16>()) {
        ("0", Ok(thousandths)) if fraction.len() <= 3 => thousandths,
        ("1", Ok(0)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(text: &'static str) -> Locale {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(text));
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
            ("en-US,en;q=0.9,fa;q=0.8", Locale::En),
            ("fa-IR,en;q=0.9", Locale::Fa),
            ("en;q=0.5, fa;q=0.7", Locale::Fa),
            ("fa;q=0.25, en;q=0.3", Locale::En),
            ("en;q=0", Locale::Fa),
            ("en;q=9, fa;q=0.1", Locale::Fa),
            ("en;q=0.1234", Locale::Fa),
            ("english", Locale::Fa),
        ] {
            assert_eq!(of(text), locale, "{text}");
        }
    }
}
