//! What a spreadsheet makes of a phone number: of its digits it makes a number, and of a text that it
//! should leave alone a formula or a text behind an apostrophe.
//!
//! A number that stands there as a decimal or with an exponent is taken only if each of its digits
//! stands there. The reader of phone numbers takes a point for what people put between digits; read by
//! it, `913111000.0` would be the number of somebody else.

use std::borrow::Cow;

use domain::typed::ascii_digit;

/// Why a cell has no number to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellError {
    /// An exponent larger than the digits that stand before it.
    DigitsLost,
    /// A decimal that is not whole, or is negative.
    NotWhole,
}

impl CellError {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::DigitsLost => {
                "has lost digits in a spreadsheet; make the column a text there and export it again"
            }
            Self::NotWhole => "is not a whole number",
        }
    }
}

/// The phone number in a cell, as a person would have written it. What has none of the shapes of a
/// spreadsheet is given back as it is, and what is left of one is for the reader of phone numbers to
/// take or to refuse.
pub(super) fn phone_text(cell: &str) -> Result<Cow<'_, str>, CellError> {
    let text = unwrapped(cell);
    if let Some(number) = scientific(text) {
        return number.map(Cow::Owned);
    }
    Ok(ungrouped(without_fraction(text)?))
}

/// Without `="…"` and `=…`, which keep Excel from changing a text, and without the apostrophe that
/// marks a text; they may be one in the other.
fn unwrapped(cell: &str) -> &str {
    let mut text = cell.trim_matches(is_unseen);
    loop {
        let without = text.strip_prefix('=').unwrap_or(text);
        let without = without.trim_matches(|c| is_unseen(c) || is_quote(c));
        if without == text {
            return text;
        }
        text = without;
    }
}

/// White space, and marks that come along out of right-to-left text.
fn is_unseen(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\'' | '\u{2018}'..='\u{201f}')
}

/// What separates a fraction: in English, in German and Persian, and in Persian digits.
fn is_point(character: char) -> bool {
    matches!(character, '.' | ',' | '\u{66b}')
}

fn ascii_digits(text: &str) -> Option<String> {
    text.chars().map(ascii_digit).collect()
}

/// `9.131110006E+09`, all digits of which stand there; `9.13111E+09` has lost some, and they need not
/// have been zeros.
fn scientific(text: &str) -> Option<Result<String, CellError>> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let (whole, fraction) = mantissa.split_once(is_point).unwrap_or((mantissa, ""));
    let sign = if whole.starts_with('+') { "+" } else { "" };
    let whole = ascii_digits(whole.strip_prefix('+').unwrap_or(whole))?;
    let fraction = ascii_digits(fraction)?;
    let exponent = ascii_digits(exponent.strip_prefix('+').unwrap_or(exponent))?;
    let exponent: usize = exponent.parse().ok()?;
    Some(match fraction.split_at_checked(exponent) {
        None => Err(CellError::DigitsLost),
        Some((_, rest)) if rest.contains(|digit| digit != '0') => Err(CellError::NotWhole),
        Some((shifted, _)) => Ok(format!("{sign}{whole}{shifted}")),
    })
}

/// `9131110006.0` and `9131110006,00` without what stands behind the point.
///
/// Two points separate groups. So does one with other digits than zero behind it
/// where people have written the number: a spreadsheet's begins neither with 0 nor with `+`.
fn without_fraction(text: &str) -> Result<&str, CellError> {
    let Some((at, point)) = text.char_indices().rfind(|(_, c)| is_point(*c)) else {
        return Ok(text);
    };
    let (whole, fraction) = (&text[..at], &text[at + point.len_utf8()..]);
    let digits: String = fraction.chars().filter_map(ascii_digit).collect();
    let all_digits = fraction.chars().filter(|c| c.is_alphanumeric()).count() == digits.len();
    if whole.contains(point) || !all_digits {
        return Ok(text);
    }
    let negative = whole.starts_with(['-', '\u{2212}']);
    if !negative && digits.bytes().all(|digit| digit == b'0') {
        return Ok(whole);
    }
    match whole
        .chars()
        .find(|c| *c == '+' || ascii_digit(*c).is_some())
    {
        Some(first) if first == '+' || ascii_digit(first) == Some('0') => Ok(text),
        _ => Err(CellError::NotWhole),
    }
}

/// `9,131,110,006` without its commas, if they stand where thousands end. Elsewhere they are those of
/// a list, which is no number.
fn ungrouped(text: &str) -> Cow<'_, str> {
    for separator in [',', '\'', '\u{2019}', '\u{66c}'] {
        let mut groups = text.split(separator);
        let first = groups.next().unwrap_or_default();
        let digits = ascii_digits(first.strip_prefix('+').unwrap_or(first));
        let begins = digits.is_some_and(|digits| (1..=3).contains(&digits.len()));
        let thousand = |group: &str| ascii_digits(group).is_some_and(|digits| digits.len() == 3);
        if text.contains(separator) && begins && groups.all(thousand) {
            return Cow::Owned(text.replace(separator, ""));
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use domain::phone::{AllowedCountries, PhoneNumber};

    use super::*;

    /// The number, or the error of the cell, or nothing where the reader of numbers refuses.
    fn read(cell: &str) -> Result<Option<String>, CellError> {
        let text = phone_text(cell)?;
        let phone = PhoneNumber::parse(&text, &AllowedCountries::default());
        Ok(phone.ok().map(|phone| phone.as_e164().to_owned()))
    }

    #[test]
    fn what_a_spreadsheet_makes_of_a_number_is_read_if_its_digits_are_there() {
        for cell in [
            "9131110006",
            "9131110006.0",
            "9131110006.00",
            "9131110006.",
            "9131110006,0",
            "۹۱۳۱۱۱۰۰۰۶٫۰",
            "\u{200e}9131110006.0\u{200f}",
            "09131110006.0",
            "+989131110006.0",
            "989131110006.0",
            "9.131110006E9",
            "9.131110006e+09",
            "9,131110006E+09",
            "9.13111000600E+9",
            "+9.89131110006E+11",
            "9.89131110006E+11",
            "9131110006E+00",
            "۹٫۱۳۱۱۱۰۰۰۶E+۹",
            "'09131110006",
            "\u{2019}09131110006",
            "'+989131110006",
            "'09131110006'",
            "\"09131110006\"",
            "=\"09131110006\"",
            "=\"9131110006.0\"",
            "= \"09131110006\"",
            "=9131110006",
            "=+989131110006",
            "'=\"09131110006\"",
            "9,131,110,006",
            "9,131,110,006.00",
            "9.131.110.006",
            "9.131.110.006,00",
            "9'131'110'006",
            "9\u{2019}131\u{2019}110\u{2019}006.0",
            "۹٬۱۳۱٬۱۱۰٬۰۰۶",
            "9\u{a0}131\u{a0}110\u{a0}006",
            "9\u{202f}131\u{202f}110\u{202f}006,0",
            "\u{a0}09131110006\u{a0}",
            "0913.111.0006",
            "0913.1110006",
            "0913 111.0006",
            "+98 913.1110006",
        ] {
            assert_eq!(read(cell), Ok(Some("+989131110006".to_owned())), "{cell:?}");
        }
    }

    #[test]
    fn a_number_that_lost_digits_is_nobodys() {
        for cell in [
            "9.13111E+09",
            "9.13111E9",
            "9.1E9",
            "9E+09",
            "9.13111000E+09",
            "9.8913111E+11",
            "='9.13111E+09'",
            "۹٫۱۳۱۱۱E+۰۹",
        ] {
            assert_eq!(read(cell), Err(CellError::DigitsLost), "{cell:?}");
        }
    }

    /// Each would be a whole number of ten digits if its point were passed over.
    #[test]
    fn a_fraction_never_becomes_a_part_of_the_number() {
        for cell in [
            "913111000.0",
            "91311100.00",
            "913111000,0",
            "\u{200e}913111000.0",
            "913 111 000.0",
            "913,111,000.0",
            "913\u{a0}111\u{a0}000,0",
            "0912345678.0",
            "0912345.0000",
            "(0912) 345.0000",
            "=\"913111000.0\"",
        ] {
            assert_eq!(read(cell), Ok(None), "{cell:?}");
        }
        for cell in [
            "913111000.6",
            "9.131110006",
            "913 111 000.6",
            "913111000,6",
            "913111000٫۶",
            "-913111000.0",
            "-9131110006.0",
            "9.1311100065E+09",
            "9121110006,9131110006",
        ] {
            assert_eq!(read(cell), Err(CellError::NotWhole), "{cell:?}");
        }
    }

    #[test]
    fn lists_errors_and_words_stay_what_they_are() {
        for cell in [
            "09121110006,09131110006",
            "091,211,100",
            "9131,110,006",
            "#NUM!",
            "#######",
            "=A1",
            "9131110006.0x",
            "9.131110006E-1",
            "9.131110006E99999999999999999999",
            "E",
            "=",
            "'",
            "",
        ] {
            assert_eq!(read(cell).unwrap_or_default(), None, "{cell:?}");
        }
    }
}
