//! Which new passwords are taken.
//!
//! No rules about kinds of characters and no forced changes (NIST SP 800-63B, 3.1.1.2): a password
//! is as good as the number of guesses it takes. `zxcvbn` estimates that, knowing common passwords,
//! keyboard runs, dates, and what belongs to the person.
//!
//! 10^8 guesses are asked for. Its authors call less too weak where hashes may leak (their score
//! begins to be 3 there), and at some 20 ms a guess that many are weeks of a core for one password.
//! Asking for the score itself would refuse eight random characters, which it takes for 10^8
//! exactly. Guessing over the network is limited far below that.

use zxcvbn::zxcvbn;

use super::Password;
use crate::phone::PhoneNumber;
use crate::typed::ascii_digit;

/// The shortest new password, in characters (NIST SP 800-63B, ASVS 5.0 6.2.1).
pub const MIN_CHARS: usize = 8;
/// How many guesses a password must withstand, by estimate.
const MIN_GUESSES: u64 = 100_000_000;
/// How much of a password is judged: the time grows with a power of the length, and what is longer
/// than this is only stronger.
const JUDGED_CHARS: usize = 48;
/// Shorter words of a person's own say nothing about a password.
const MIN_OWN_WORD_CHARS: usize = 3;
/// Our own name, which people put into passwords for us.
const SERVICE_WORDS: [&str; 3] = ["ramz", "رمز", "kavenegar"];

/// Why a new password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer than [`MIN_CHARS`] characters.
    #[error("the password has fewer than {MIN_CHARS} characters")]
    TooShort,
    /// Among the first that somebody would try.
    #[error("the password is too easy to guess")]
    Guessable,
}

/// What belongs to a person and makes a poor password: their number, names and addresses. Has no
/// Debug output.
#[derive(Clone, Default)]
pub struct OwnWords(Vec<String>);

impl OwnWords {
    /// The number of the person in the ways they would type it, and these other words of theirs.
    pub fn new<'a>(phone: Option<&PhoneNumber>, others: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words: Vec<String> = SERVICE_WORDS.map(str::to_owned).into();
        if let Some(phone) = phone {
            let national = phone.digits().trim_start_matches("98");
            words.extend([
                phone.digits().to_owned(),
                national.to_owned(),
                format!("0{national}"),
            ]);
        }
        for other in others {
            words.push(latin_digits(other));
            let parts = other.split(|character: char| !character.is_alphanumeric());
            words.extend(parts.map(latin_digits));
        }
        words.retain(|word| word.chars().count() >= MIN_OWN_WORD_CHARS);
        Self(words)
    }
}

/// Judges a new password. Takes milliseconds: [`super::Passwords`] calls it off the async threads.
pub(super) fn judge(password: &Password, own: &OwnWords) -> Result<(), Weakness> {
    let prepared = password.prepared();
    let typed = prepared.as_str();
    if typed.chars().count() < MIN_CHARS {
        return Err(Weakness::TooShort);
    }
    // To the estimator digits of another script would be random characters.
    let judged: String = latin_digits(typed).chars().take(JUDGED_CHARS).collect();
    let own: Vec<&str> = own.0.iter().map(String::as_str).collect();
    if zxcvbn(&judged, &own).guesses() < MIN_GUESSES {
        return Err(Weakness::Guessable);
    }
    Ok(())
}

fn latin_digits(text: &str) -> String {
    text.chars()
        .map(|character| ascii_digit(character).unwrap_or(character))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(typed: &str) -> Result<(), Weakness> {
        let phone = PhoneNumber::from_e164("+989123456789");
        let own = OwnWords::new(
            phone.as_ref(),
            ["Shahrzad", "Golestaneh", "sh.golestaneh@example.ir", "li"],
        );
        judge(&Password::parse(typed).expect("a password"), &own)
    }

    #[test]
    fn the_length_counts_characters_not_bytes() {
        assert_eq!(judged("Xq7vT2#"), Err(Weakness::TooShort));
        assert_eq!(judged("قژچگپثآ"), Err(Weakness::TooShort));
        assert_eq!(judged("Xq7vT2#k"), Ok(()));
    }

    #[test]
    fn what_everybody_would_try_is_refused() {
        for typed in [
            "12345678",
            "۱۲۳۴۵۶۷۸",
            "password1",
            "P@ssw0rd",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "11111111",
            "1370/01/01",
            "iloveyou123",
        ] {
            assert_eq!(judged(typed), Err(Weakness::Guessable), "{typed}");
        }
    }

    #[test]
    fn what_is_known_of_the_person_is_refused() {
        for typed in [
            "09123456789",
            "+989123456789",
            "9123456789",
            "۰۹۱۲۳۴۵۶۷۸۹",
            "golestaneh1",
            "Shahrzad1370",
            "sh.golestaneh@example.ir",
            "ramzramz",
        ] {
            assert_eq!(judged(typed), Err(Weakness::Guessable), "{typed}");
        }
        assert_eq!(judged("09357418206 arghavan"), Ok(()));
    }

    #[test]
    fn long_and_odd_passwords_are_taken() {
        for typed in [
            "correct horse battery staple",
            "بلبلی برگ گلی خوش رنگ",
            "tahdig-va-ghormeh",
            "Xq7vT2#kLm",
            "🐎🔋📎🐎🎈🚲🌙🗝",
        ] {
            assert_eq!(judged(typed), Ok(()), "{typed}");
        }
    }

    #[test]
    fn what_is_behind_the_judged_part_costs_nothing_and_counts_for_nothing() {
        let strong = "Xq7vT2#kLm-arghavan-BzR9";
        for weak in ["a", "12345678", "qwerty"] {
            let weak: String = weak.chars().cycle().take(JUDGED_CHARS).collect();
            let with_more = format!("{weak}{strong}");
            assert_eq!(judged(&weak), Err(Weakness::Guessable), "{weak}");
            assert_eq!(judged(&with_more), Err(Weakness::Guessable), "{with_more}");
            let begins_strong = format!("{strong}{weak}");
            assert_eq!(judged(&begins_strong), Ok(()), "{begins_strong}");
        }
        // Neither do the passwords that give the estimator the most to try.
        for typed in [
            "4@8({[<369&#!1/|0$5+7%2".repeat(5),
            "11/11/2011".repeat(12),
            "рас".repeat(40),
        ] {
            let cut: String = typed.chars().take(JUDGED_CHARS).collect();
            assert_eq!(judged(&typed), judged(&cut), "{typed}");
        }
    }
}
