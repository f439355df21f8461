//! What people type and paste, read for what they mean.
//!
//! Marks that nobody sees come along when a text is copied (our own message puts U+200E before its
//! digits), and keyboards write digits of many scripts. What may be dropped is said by properties of
//! Unicode (UAX 44), never by a list of characters that somebody has met.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    BidiClass, BidiControl, BinaryProperty as _, Dash, DefaultIgnorableCodePoint, GeneralCategory,
    JoinControl, WhiteSpace,
};
use icu_properties::{CodePointMapData, props::EnumeratedProperty as _};

/// Scripts have ten digits each, in a row.
const RADIX: u32 = 10;

/// Whether nobody sees a character, or sees nothing but a gap: white space, what is ignored where it
/// has no effect, and what only turns the direction of a text.
pub fn is_invisible(character: char) -> bool {
    WhiteSpace::for_char(character)
        || DefaultIgnorableCodePoint::for_char(character)
        || BidiControl::for_char(character)
}

/// Whether a character shows what follows it in reverse: what is read is then not what is seen.
pub fn reverses(character: char) -> bool {
    BidiClass::for_char(character) == BidiClass::RightToLeftOverride
}

/// Whether a character is a dash of any kind.
pub fn is_dash(character: char) -> bool {
    Dash::for_char(character)
}

/// Whether a character is punctuation of any kind.
pub fn is_punctuation(character: char) -> bool {
    matches!(
        GeneralCategory::for_char(character),
        GeneralCategory::ConnectorPunctuation
            | GeneralCategory::DashPunctuation
            | GeneralCategory::OpenPunctuation
            | GeneralCategory::ClosePunctuation
            | GeneralCategory::InitialPunctuation
            | GeneralCategory::FinalPunctuation
            | GeneralCategory::OtherPunctuation
    )
}

/// Whether a character opens or closes a bracket.
pub fn is_bracket(character: char) -> bool {
    matches!(
        GeneralCategory::for_char(character),
        GeneralCategory::OpenPunctuation | GeneralCategory::ClosePunctuation
    )
}

/// The ASCII form of a decimal digit of any script.
///
/// The digits of a script stand in a row from zero to nine (Unicode, section 4.6), and rows that
/// touch are whole ones, so the first digit of the run tells the value.
pub fn ascii_digit(character: char) -> Option<char> {
    if character.is_ascii() {
        return character.is_ascii_digit().then_some(character);
    }
    let categories = CodePointMapData::<GeneralCategory>::new();
    let is_digit = |code| categories.get32(code) == GeneralCategory::DecimalNumber;
    let code = character as u32;
    if !is_digit(code) {
        return None;
    }
    let before = (1..=code).take_while(|back| is_digit(code - back)).count();
    let before = u32::try_from(before).ok()?;
    char::from_digit(before % RADIX, RADIX)
}

/// The text in its composed form (UAX 15, NFC): what another keyboard or system writes as letter and
/// mark is the same text.
pub fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Whether a character ends a line or a paragraph, or controls a terminal.
pub fn breaks_line(character: char) -> bool {
    matches!(
        GeneralCategory::for_char(character),
        GeneralCategory::Control
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// Whether a character is a space of any width.
pub fn is_space(character: char) -> bool {
    GeneralCategory::for_char(character) == GeneralCategory::SpaceSeparator
}

/// A line of text without what nobody sees: nothing invisible at its ends, no marks of direction and
/// nothing ignorable within but the joiners that Persian and other scripts write with.
pub fn visible_line(text: &str) -> String {
    let kept = |character: &char| {
        JoinControl::for_char(*character)
            || WhiteSpace::for_char(*character)
            || !is_invisible(*character)
    };
    let line: String = text.chars().filter(kept).collect();
    line.trim_matches(is_invisible).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_read() {
        let mut scripts = 0;
        let categories = CodePointMapData::<GeneralCategory>::new();
        for range in categories.iter_ranges_for_value(GeneralCategory::DecimalNumber) {
            for (place, code) in range.enumerate() {
                let character = char::from_u32(code).expect("a digit");
                let value = char::from_digit(u32::try_from(place % 10).expect("small"), 10);
                assert_eq!(ascii_digit(character), value, "U+{code:04X}");
                scripts += usize::from(place % 10 == 0);
            }
        }
        assert!(scripts > 60, "{scripts}");
        for (character, digit) in [('۵', '5'), ('٥', '5'), ('５', '5'), ('५', '5'), ('𝟝', '5')]
        {
            assert_eq!(ascii_digit(character), Some(digit), "{character}");
        }
        for other in ['a', '²', '½', 'Ⅴ', '五', '+'] {
            assert_eq!(ascii_digit(other), None, "{other}");
        }
    }

    #[test]
    fn what_nobody_sees_is_known_by_its_property() {
        for character in [
            ' ',
            '\t',
            '\n',
            '\r',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{180e}',
            '\u{2003}',
            '\u{200b}',
            '\u{200c}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{202f}',
            '\u{2060}',
            '\u{2066}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0001}',
            '\u{e0100}',
        ] {
            assert!(is_invisible(character), "{character:?}");
        }
        for character in ['a', '0', '-', '.', '\0', '\u{1b}', 'ـ', '\u{301}'] {
            assert!(!is_invisible(character), "{character:?}");
        }
        for dash in ['-', '\u{2010}', '–', '—', '−', '－', '\u{2e3a}', '\u{58a}'] {
            assert!(is_dash(dash), "{dash:?}");
        }
    }

    #[test]
    fn a_line_keeps_its_joiners_and_loses_its_marks() {
        for (text, line) in [
            ("  علی\u{200c}رضا \u{200f}", "علی\u{200c}رضا"),
            ("\u{202e}evil\u{202c}", "evil"),
            ("\u{feff}Maryam\u{ad} R.", "Maryam R."),
            ("\u{200c}\u{200e}", ""),
        ] {
            assert_eq!(visible_line(text), line, "{text:?}");
        }
    }
}
