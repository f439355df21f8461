//! Message texts: parts and price, links, unsuitable characters, templates and their tokens.

use super::status::ReturnStatus;

/// The basic GSM 03.38 alphabet beyond ASCII that still fits in a Latin message.
const GSM_BEYOND_ASCII: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉÄÖÑÜ§¿äöñüà¡¤";
/// Characters that take two places in a Latin message.
const GSM_EXTENDED: &str = "^{}\\[~]|€";

/// The number of parts that a text is charged for: Latin 160 or 153 per part, any other script
/// 70 or 67 UTF-16 units per part.
pub(crate) fn parts(text: &str) -> u32 {
    let (length, single, multi) = match gsm_length(text) {
        Some(length) => (length, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if length <= single {
        return 1;
    }
    u32::try_from(length.div_ceil(multi)).unwrap_or(u32::MAX)
}

fn gsm_length(text: &str) -> Option<usize> {
    text.chars()
        .map(|character| {
            if GSM_EXTENDED.contains(character) {
                Some(2)
            } else if (character.is_ascii() && character != '`')
                || GSM_BEYOND_ASCII.contains(character)
            {
                Some(1)
            } else {
                None
            }
        })
        .sum()
}

/// Checks a message text: length (413), links (420), characters (422).
pub(crate) fn check(text: &str, max: usize, links_allowed: bool) -> Result<(), ReturnStatus> {
    if text.trim().is_empty() || text.chars().count() > max {
        return Err(ReturnStatus::INVALID_TEXT);
    }
    if !links_allowed && has_link(text) {
        return Err(ReturnStatus::LINK_IN_TEXT);
    }
    if has_unsuitable_character(text) {
        return Err(ReturnStatus::UNSUITABLE_CHARACTER);
    }
    Ok(())
}

fn has_link(text: &str) -> bool {
    let text = text.to_lowercase();
    ["http://", "https://", "www."]
        .iter()
        .any(|mark| text.contains(mark))
}

/// Control characters, and the sign that stands for bytes that were not UTF-8.
pub(crate) fn has_unsuitable_character(text: &str) -> bool {
    text.chars().any(|character| {
        character == '\u{fffd}'
            || (character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
    })
}

/// The names of the tokens, the longest first, so that `%token20` is not read as `%token2` and `0`;
/// with the number of spaces that each may hold.
pub(crate) const TOKENS: [(&str, usize); 5] = [
    ("token20", 8),
    ("token10", 5),
    ("token3", 0),
    ("token2", 0),
    ("token", 0),
];

/// Checks the structure of one token (431): at most 100 characters, no line break, no underscore,
/// no whitespace other than the spaces that its name allows.
pub(crate) fn check_token(value: &str, spaces_allowed: usize) -> Result<(), ReturnStatus> {
    let spaces = value.chars().filter(|character| *character == ' ').count();
    let separators = value
        .chars()
        .any(|character| character == '_' || (character.is_whitespace() && character != ' '));
    if value.chars().count() > 100 || spaces > spaces_allowed || separators {
        return Err(ReturnStatus::INVALID_TOKEN);
    }
    Ok(())
}

/// Whether the template holds the mandatory `%token` itself, not only a longer name.
pub(crate) fn has_token(template: &str) -> bool {
    let mut rest = template.to_owned();
    for (name, _) in TOKENS.iter().take(TOKENS.len() - 1) {
        rest = rest.replace(&format!("%{name}"), "");
    }
    rest.contains("%token")
}

/// Fills a template in one pass: each `%name` becomes its value (nothing when it was not sent),
/// and a value that looks like a name is not filled again.
pub(crate) fn render(template: &str, value_of: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let name = TOKENS.iter().find(|(name, _)| from[1..].starts_with(name));
        if let Some((name, _)) = name {
            text.push_str(&value_of(name).unwrap_or_default());
            rest = &from[1 + name.len()..];
        } else {
            text.push('%');
            rest = &from[1..];
        }
    }
    text.push_str(rest);
    text
}

/// The code in a text: its first run of four to eight digits, ASCII or Persian.
pub(crate) fn find_code(text: &str) -> Option<String> {
    let is_digit = |character: char| character.is_ascii_digit() || ('۰'..='۹').contains(&character);
    text.split(|character| !is_digit(character))
        .find(|run| (4..=8).contains(&run.chars().count()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persian_and_latin_texts_are_charged_by_their_own_part_lengths() {
        assert_eq!(parts(&"س".repeat(70)), 1);
        assert_eq!(parts(&"س".repeat(71)), 2);
        assert_eq!(parts(&"س".repeat(134)), 2);
        assert_eq!(parts(&"س".repeat(135)), 3);
        assert_eq!(parts(&"a".repeat(160)), 1);
        assert_eq!(parts(&"a".repeat(161)), 2);
        assert_eq!(parts(&"[".repeat(81)), 2);
        assert_eq!(parts(&"a".repeat(306)), 2);
        assert_eq!(parts(&"a".repeat(307)), 3);
    }

    #[test]
    fn texts_are_refused_for_length_links_and_control_characters() {
        assert_eq!(check("سلام\nدوست", 900, false), Ok(()));
        assert_eq!(check("  ", 900, true), Err(ReturnStatus::INVALID_TEXT));
        assert_eq!(
            check(&"س".repeat(901), 900, true),
            Err(ReturnStatus::INVALID_TEXT)
        );
        assert_eq!(
            check("see HTTPS://x.ir", 900, false),
            Err(ReturnStatus::LINK_IN_TEXT)
        );
        assert_eq!(check("see https://x.ir", 900, true), Ok(()));
        assert_eq!(
            check("a\u{7}b", 900, true),
            Err(ReturnStatus::UNSUITABLE_CHARACTER)
        );
    }

    #[test]
    fn the_longest_token_names_are_filled_first() {
        let value = |name: &str| Some(format!("<{name}>"));
        let template = "%token20 %token2 %token %token10 %token3 100% %x";
        assert_eq!(
            render(template, value),
            "<token20> <token2> <token> <token10> <token3> 100% %x"
        );
    }

    #[test]
    fn a_value_that_looks_like_a_token_is_not_filled_again() {
        let value = |name: &str| (name == "token").then(|| "%token2".to_owned());
        assert_eq!(render("a %token b%token2", value), "a %token2 b");
    }

    #[test]
    fn a_template_needs_the_plain_token() {
        assert!(has_token("کد: %token"));
        assert!(has_token("%token2 %token"));
        assert!(!has_token("%token2 %token10 %token20"));
    }

    #[test]
    fn a_token_keeps_to_its_spaces_and_its_length() {
        assert_eq!(check_token("123,4/5(6)", 0), Ok(()));
        assert_eq!(check_token("12 34", 0), Err(ReturnStatus::INVALID_TOKEN));
        assert_eq!(check_token("a b c d e f", 5), Ok(()));
        assert_eq!(
            check_token("a b c d e f g", 5),
            Err(ReturnStatus::INVALID_TOKEN)
        );
        assert_eq!(check_token("a_b", 8), Err(ReturnStatus::INVALID_TOKEN));
        assert_eq!(check_token("a\nb", 8), Err(ReturnStatus::INVALID_TOKEN));
        assert_eq!(
            check_token(&"1".repeat(101), 0),
            Err(ReturnStatus::INVALID_TOKEN)
        );
    }

    #[test]
    fn the_code_is_the_first_run_of_four_to_eight_digits() {
        assert_eq!(
            find_code("کد ورود شما: \u{200e}123456"),
            Some("123456".to_owned())
        );
        assert_eq!(find_code("در 24 ساعت ۴۸۲۱"), Some("۴۸۲۱".to_owned()));
        assert_eq!(find_code("شماره 123456789"), None);
    }
}
