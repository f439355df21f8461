//! What people tell of themselves: the rules for names and e-mail addresses, wherever they come in.

use domain::typed::{breaks_line, composed, is_invisible, visible_line};
use email_address::{EmailAddress, Options};

const MAX_NAME_CHARS: usize = 150;
/// What a mail server takes in a forward path (RFC 5321, with the erratum of RFC 3696).
const MAX_EMAIL_BYTES: usize = 254;

/// A first or last name in its composed form, without what nobody sees: spaces around it, marks of
/// direction. It may be empty. `None` where it cannot be taken: too long as it was sent, which is what the
/// schema says, or of several lines.
pub fn parse_name(text: &str) -> Option<String> {
    let name = visible_line(text);
    let taken = text.chars().count() <= MAX_NAME_CHARS && !name.chars().any(breaks_line);
    taken.then(|| composed(&name).into_owned())
}

/// An e-mail address that a mail server could take. Whether it exists, and whose it is, is unknown.
/// `None` where none could.
pub fn parse_email(text: &str) -> Option<String> {
    let plain = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    let unseen = |c: &char| is_invisible(*c) && !c.is_whitespace();
    let seen: String = text.chars().filter(|c| !unseen(c)).collect();
    let address = EmailAddress::parse_with_options(&composed(seen.trim()), plain).ok()?;
    (address.as_str().len() <= MAX_EMAIL_BYTES).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_taken_and_what_would_deface_a_page_is_not() {
        for (text, name) in [
            ("  مریم ", Some("مریم")),
            ("علی\u{200c}رضا", Some("علی\u{200c}رضا")),
            ("O'Neill-Đặng", Some("O'Neill-Đặng")),
            ("", Some("")),
            (" \t", Some("")),
            ("a\nb", None),
            ("a\u{2028}b", None),
            ("a\0b", None),
            ("a\u{1b}[31mb", None),
            ("\u{202e}evil", Some("evil")),
            ("\u{2066}evil\u{2069}", Some("evil")),
            ("\u{feff}مریم\u{200f}\n", Some("مریم")),
            ("Zoe\u{308}", Some("Zoë")),
            ("Zoe\u{200b}\u{308}", Some("Zoë")),
            ("آرش", Some("آرش")),
            ("ا\u{653}رش", Some("آرش")),
        ] {
            assert_eq!(parse_name(text).as_deref(), name, "{text:?}");
        }
        assert!(parse_name(&"آ".repeat(150)).is_some());
        assert!(parse_name(&"آ".repeat(151)).is_none());
        assert!(parse_name(&format!("{}\u{200f}", "آ".repeat(150))).is_none());
    }

    #[test]
    fn addresses_that_no_mail_server_takes_are_refused() {
        for (text, taken) in [
            ("maryam@example.com", true),
            (" maryam+ramz@mail.example.co.uk ", true),
            ("\u{200e}maryam@example.com\u{200f}\n", true),
            ("mary\u{ad}am@exam\u{200b}ple.com", true),
            ("", false),
            ("maryam", false),
            ("maryam@localhost", false),
            ("maryam@[192.0.2.1]", false),
            ("Maryam <maryam@example.com>", false),
            ("a@b@example.com", false),
            ("maryam@example..com", false),
            ("a b@example.com", false),
            ("maryam@example.com\r\nBcc: x@example.com", false),
        ] {
            assert_eq!(parse_email(text).is_some(), taken, "{text:?}");
        }
        let long = format!("a@{}.com", ["b".repeat(60).as_str(); 5].join("."));
        assert!(parse_email(&long).is_none());
    }
}
