//! Phone numbers: one canonical form before anything else sees them.
//!
//! Every limit, key, code and row is made from [`PhoneNumber`], never from what a client typed, so
//! that all spellings of a number share one bucket and a list of numbers can never reach the
//! gateway.

mod operator;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use operator::Operator;

use crate::typed::{ascii_digit, is_bracket, is_dash, is_invisible, reverses};

/// The longest text that is looked at: 15 digits of E.164 with room for separators and marks.
const MAX_INPUT_CHARS: usize = 80;
/// How a number begins as a link (RFC 3966).
const LINK: &str = "tel:";
const IRAN_CODE: &str = "98";
/// Digits of an Iranian mobile number behind the country code, the first of them a 9.
const IRAN_MOBILE_DIGITS: usize = 10;

/// A phone number in E.164 form, such as `+989123456789`.
///
/// Its [`fmt::Display`] and [`fmt::Debug`] are masked; the whole number is had by
/// [`PhoneNumber::as_e164`] only, where it is really needed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(String);

/// Why a text is not a phone number that Ramz serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Nothing was given.
    #[error("the phone number is empty")]
    Empty,
    /// Not the form of a phone number: letters, a list, too short, too long.
    #[error("this is not a phone number")]
    Malformed,
    /// A number that receives no SMS, such as a landline.
    #[error("this is not a mobile number")]
    NotMobile,
    /// A number of a country that this service does not send to.
    #[error("numbers of this country are not served")]
    CountryNotAllowed,
}

/// The countries whose mobile numbers are served; Iran unless the operator says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedCountries(Vec<phonenumber::country::Id>);

impl Default for AllowedCountries {
    fn default() -> Self {
        Self(vec![phonenumber::country::Id::IR])
    }
}

impl AllowedCountries {
    /// Reads a comma-separated list of ISO 3166 codes, such as `IR,TR`.
    ///
    /// # Errors
    /// The part of the list that is not a country code.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut countries = Vec::new();
        for part in list
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let country = part
                .to_ascii_uppercase()
                .parse()
                .map_err(|_| part.to_owned())?;
            if !countries.contains(&country) {
                countries.push(country);
            }
        }
        if countries.is_empty() {
            Err(list.to_owned())
        } else {
            Ok(Self(countries))
        }
    }
}

impl PhoneNumber {
    /// Reads what a person typed or pasted: `+98`, `0098`, `98`, `0` or nothing before an Iranian
    /// mobile number, and the `0` behind the country code that many write (`+98 (0)912…`); digits of
    /// any script; white space, dashes, dots, slashes, brackets and marks that nobody sees between
    /// them; `tel:` before it. Other countries need `+` or `00`.
    pub fn parse(input: &str, allowed: &AllowedCountries) -> Result<Self, PhoneError> {
        let typed = Typed::read(input)?;
        if let Some(national) = typed.iranian() {
            if !allowed.0.contains(&phonenumber::country::Id::IR) {
                return Err(PhoneError::CountryNotAllowed);
            }
            return if national.len() == IRAN_MOBILE_DIGITS && national.starts_with('9') {
                Ok(Self(format!("+{IRAN_CODE}{national}")))
            } else if (4..=10).contains(&national.len()) && !national.starts_with(['0', '9']) {
                Err(PhoneError::NotMobile)
            } else {
                Err(PhoneError::Malformed)
            };
        }
        typed.foreign(allowed)
    }

    /// Takes a number that is already canonical, such as one read back from a store.
    pub fn from_e164(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let canonical = (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        canonical.then(|| Self(text.to_owned()))
    }

    /// The whole number, `+` and digits.
    pub fn as_e164(&self) -> &str {
        &self.0
    }

    /// The digits without `+`: the key of the number's buckets and the user's first name in the
    /// system.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The form that the gateway wants: `09…` for Iran, `00…` for others (gateway manual, receptor
    /// forms).
    pub fn gateway_receptor(&self) -> String {
        match self.iranian_national() {
            Some(national) => format!("0{national}"),
            None => format!("00{}", self.digits()),
        }
    }

    /// Its last four digits, by which people know which of their numbers is meant.
    pub fn last_digits(&self) -> &str {
        let digits = self.digits();
        &digits[digits.len().saturating_sub(4)..]
    }

    /// Enough to recognise one's own number, not enough to call it: `+98912•••6789`.
    pub fn masked(&self) -> String {
        let digits = self.digits();
        let (head, tail) = (digits.len().min(5), digits.len().saturating_sub(4));
        format!("+{}•••{}", &digits[..head], &digits[tail.max(head)..])
    }

    fn iranian_national(&self) -> Option<&str> {
        self.digits()
            .strip_prefix(IRAN_CODE)
            .filter(|rest| rest.len() == IRAN_MOBILE_DIGITS)
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_e164(&text).ok_or_else(|| serde::de::Error::custom("not an E.164 number"))
    }
}

/// ASCII digits of an input, and whether it had an international prefix.
struct Typed {
    digits: String,
    international: bool,
}

impl Typed {
    fn read(input: &str) -> Result<Self, PhoneError> {
        if input.chars().nth(MAX_INPUT_CHARS).is_some() {
            return Err(PhoneError::Malformed);
        }
        let input = without_link(input);
        let mut digits = String::with_capacity(16);
        let mut plus = false;
        for character in input.chars() {
            match character {
                _ if ascii_digit(character).is_some() => digits.extend(ascii_digit(character)),
                '+' | '＋' if digits.is_empty() && !plus => plus = true,
                _ if is_separator(character) => {}
                _ => return Err(PhoneError::Malformed),
            }
        }
        if digits.is_empty() {
            return Err(if plus {
                PhoneError::Malformed
            } else {
                PhoneError::Empty
            });
        }
        let zeros = !plus && digits.starts_with("00");
        if zeros {
            digits.drain(..2);
        }
        Ok(Self {
            digits,
            international: plus || zeros,
        })
    }

    /// The digits behind Iran's country code or trunk prefix, where this is an Iranian form.
    fn iranian(&self) -> Option<&str> {
        let digits = self.digits.as_str();
        let behind_code = digits.strip_prefix(IRAN_CODE).map(without_trunk_prefix);
        if self.international {
            return behind_code;
        }
        if let Some(national) = digits.strip_prefix('0') {
            return Some(national);
        }
        // "98912…" is the country code only when a whole mobile number follows; ten digits that
        // begin with 98 are a bare number.
        match behind_code {
            Some(rest) if digits.len() > IRAN_MOBILE_DIGITS && rest.len() == IRAN_MOBILE_DIGITS => {
                Some(rest)
            }
            _ => Some(digits),
        }
    }

    fn foreign(&self, allowed: &AllowedCountries) -> Result<PhoneNumber, PhoneError> {
        use phonenumber::Type;
        if !(7..=15).contains(&self.digits.len()) {
            return Err(PhoneError::Malformed);
        }
        let Ok(number) = phonenumber::parse(None, format!("+{}", self.digits)) else {
            return Err(PhoneError::Malformed);
        };
        match number.country().id() {
            Some(country) if allowed.0.contains(&country) => {}
            _ => return Err(PhoneError::CountryNotAllowed),
        }
        if !phonenumber::is_valid(&number) {
            return Err(PhoneError::Malformed);
        }
        match number.number_type(&phonenumber::metadata::DATABASE) {
            Type::Mobile | Type::FixedLineOrMobile => {
                PhoneNumber::from_e164(&number.format().mode(phonenumber::Mode::E164).to_string())
                    .ok_or(PhoneError::Malformed)
            }
            _ => Err(PhoneError::NotMobile),
        }
    }
}

/// Without the scheme of a link, before which there may be what nobody sees.
fn without_link(input: &str) -> &str {
    let input = input.trim_start_matches(|c| is_invisible(c) && !reverses(c));
    match input.split_at_checked(LINK.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(LINK) => rest,
        _ => input,
    }
}

/// Iranians write a `0` before a national number, and many leave it there behind the country code. No
/// national number begins with one.
fn without_trunk_prefix(national: &str) -> &str {
    national.strip_prefix('0').unwrap_or(national)
}

/// What people and phone books put between digits, and the marks that come along when a number is
/// copied. Commas and semicolons are not among them: they part one number from another.
fn is_separator(character: char) -> bool {
    (is_invisible(character) && !reverses(character))
        || is_dash(character)
        || is_bracket(character)
        || matches!(character, '.' | '/' | '．' | '／')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(input: &str) -> Result<String, PhoneError> {
        PhoneNumber::parse(input, &AllowedCountries::default()).map(|phone| phone.0)
    }

    #[test]
    fn a_22_every_spelling_of_a_number_gives_one_canonical_form() {
        for spelling in [
            "+989123456789",
            "00989123456789",
            "989123456789",
            "09123456789",
            "9123456789",
            "۰۹۱۲۳۴۵۶۷۸۹",
            "٠٩١٢٣٤٥٦٧٨٩",
            "０９１２３４５６７８９",
            "+۹۸۹۱۲۳۴۵۶۷۸۹",
            "0912 345 6789",
            "0912-345-67-89",
            "(0912) 345.6789",
            "\u{200f}09123456789\u{200e}",
            " 09123456789 ",
            "\u{2066}+98 912 345 6789\u{2069}",
            "＋989123456789",
            "+98 0912 345 6789",
            "+98 (0)912 345 6789",
            "+98 [0] 912–345–6789",
            "00980912 3456789",
            "9809123456789",
            "980 912 345 6789",
            "tel:+98-912-345-6789",
            "TEL:09123456789",
            "\u{200e}tel:+989123456789\u{200e}",
            "09123456789\n",
            "\r\n0912\u{2009}345\u{2028}6789\u{85}",
            "०९१२३४५६७८९",
            "0912\u{2212}345\u{2e3a}6789",
            "0912\u{ad}345\u{2060}6789\u{fe0f}",
            "（0912）345．6789",
            "\u{61c}+98\u{3000}912 345/6789",
        ] {
            assert_eq!(
                parse(spelling).as_deref(),
                Ok("+989123456789"),
                "{spelling:?}"
            );
        }
    }

    #[test]
    fn a_bare_number_that_begins_with_98_is_not_mistaken_for_a_country_code() {
        assert_eq!(parse("9812345678").as_deref(), Ok("+989812345678"));
        assert_eq!(parse("989812345678").as_deref(), Ok("+989812345678"));
    }

    #[test]
    fn a_24_lists_letters_and_control_characters_are_refused() {
        for input in [
            "09123456789,09123456780",
            "0912345678a",
            "09123456789&sender=1",
            "09123456789\n09123456780",
            "09123456789%0a",
            "+",
            "++989123456789",
            "09+123456789",
            "sms:09123456789",
            "tel:tel:09123456789",
            "\u{202e}09765432190",
            "tel:09123456789;ext=1",
            "+98 00 912 345 6789",
            "98 00912 3456789",
            "0912345678",
            "091234567890",
            "9",
            "0",
            "\u{1b}[31m09123456789",
            "09123456789;",
        ] {
            assert_eq!(parse(input), Err(PhoneError::Malformed), "{input:?}");
        }
    }

    #[test]
    fn empty_input_is_told_apart() {
        assert_eq!(parse(""), Err(PhoneError::Empty));
        assert_eq!(parse("  \u{200f}"), Err(PhoneError::Empty));
    }

    #[test]
    fn a_13_landlines_are_refused_because_the_gateway_would_call_them() {
        for landline in [
            "02188776655",
            "+982188776655",
            "00982188776655",
            "2188776655",
        ] {
            assert_eq!(parse(landline), Err(PhoneError::NotMobile), "{landline}");
        }
    }

    #[test]
    fn a_13_foreign_numbers_are_refused_unless_their_country_is_allowed() {
        let turkish = "+905321234567";
        assert_eq!(parse(turkish), Err(PhoneError::CountryNotAllowed));
        assert_eq!(parse("0097433123456"), Err(PhoneError::CountryNotAllowed));
        let allowed = AllowedCountries::parse("ir, TR").expect("a list of countries");
        let phone = PhoneNumber::parse(turkish, &allowed).expect("allowed");
        assert_eq!(phone.as_e164(), turkish);
        assert_eq!(phone.gateway_receptor(), "00905321234567");
        let landline = PhoneNumber::parse("+902121234567", &allowed);
        assert_eq!(landline, Err(PhoneError::NotMobile));
        let only_turkey = AllowedCountries::parse("TR").expect("a list of countries");
        let iranian = PhoneNumber::parse("09123456789", &only_turkey);
        assert_eq!(iranian, Err(PhoneError::CountryNotAllowed));
    }

    #[test]
    fn a_list_of_countries_names_its_wrong_part() {
        assert_eq!(AllowedCountries::parse("IR,XX"), Err("XX".to_owned()));
        assert_eq!(AllowedCountries::parse(" ,"), Err(" ,".to_owned()));
    }

    #[test]
    fn i_05_text_forms_for_people_and_logs_are_masked() {
        let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
        assert_eq!(phone.to_string(), "+98912•••6789");
        assert_eq!(format!("{phone:?}"), "PhoneNumber(+98912•••6789)");
        assert_eq!(phone.gateway_receptor(), "09123456789");
        assert_eq!(phone.last_digits(), "6789");
    }

    #[test]
    fn only_canonical_text_is_taken_back_from_a_store() {
        for text in [
            "989123456789",
            "+9891234567a9",
            "+0912345678",
            "+98",
            "+98912345678901234",
        ] {
            assert_eq!(PhoneNumber::from_e164(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn r_26_no_text_makes_the_parser_panic_and_what_it_accepts_is_canonical(input in any::<String>()) {
            let world = AllowedCountries::parse("IR,TR,DE,US,IQ,AF").expect("a list of countries");
            if let Ok(phone) = PhoneNumber::parse(&input, &world) {
                prop_assert!(phone.as_e164().bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
                prop_assert_eq!(PhoneNumber::from_e164(phone.as_e164()), Some(phone));
            }
        }

        #[test]
        fn a_23_two_numbers_never_share_a_canonical_form(first in 0u64..1_000_000_000, second in 0u64..1_000_000_000) {
            let canonical = |number| parse(&format!("09{number:09}"));
            prop_assert_eq!(canonical(first) == canonical(second), first == second);
        }
    }
}
