//! Which template of the gateway serves which language and purpose.

use crate::challenge::Locale;
use crate::otp::Purpose;

const MAX_NAME_CHARS: usize = 100;

/// The names of the approved templates: one for everything, with exceptions. Without any, the
/// client sends plain texts and cannot call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    fallback: Option<String>,
    exceptions: Vec<Exception>,
}

/// A template for one language, one purpose, or one purpose in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    locale: Option<Locale>,
    purpose: Option<Purpose>,
    name: String,
}

/// What is wrong with a list of templates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplatesError {
    /// Neither a language nor a purpose, nor both with a dot between them.
    #[error(
        "`{0}` is not a language (fa, en), a purpose (sign_in, register, reset_password, \
         change_phone, admin) or both such as `en.register`"
    )]
    Key(String),
    /// Not a name that the gateway's panel would take.
    #[error("`{0}` is not a template name: English letters, digits, `-` and `_` only")]
    Name(String),
    /// Two templates for one thing.
    #[error("a template for `{0}` is given twice")]
    Twice(String),
}

impl Templates {
    /// Reads a list such as `login,en=login-en,register=welcome,en.register=welcome-en`: a name
    /// alone serves everything that nothing else serves. An empty text is no template at all.
    pub fn parse(text: &str) -> Result<Self, TemplatesError> {
        let mut templates = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match part.split_once('=') {
                None => templates.set_fallback(part)?,
                Some((key, name)) => templates.add_exception(key.trim(), name.trim())?,
            }
        }
        Ok(templates)
    }

    fn set_fallback(&mut self, name: &str) -> Result<(), TemplatesError> {
        if self.fallback.is_some() {
            return Err(TemplatesError::Twice("everything".to_owned()));
        }
        self.fallback = Some(checked_name(name)?);
        Ok(())
    }

    fn add_exception(&mut self, key: &str, name: &str) -> Result<(), TemplatesError> {
        let (locale, purpose) =
            parse_key(key).ok_or_else(|| TemplatesError::Key(key.to_owned()))?;
        let taken = self
            .exceptions
            .iter()
            .any(|earlier| (earlier.locale, earlier.purpose) == (locale, purpose));
        if taken {
            return Err(TemplatesError::Twice(key.to_owned()));
        }
        self.exceptions.push(Exception {
            locale,
            purpose,
            name: checked_name(name)?,
        });
        Ok(())
    }

    /// The template for a message. One for this purpose in this language comes first, then one
    /// for the language (a text that cannot be read is worse than one that does not name its
    /// purpose), then one for the purpose, then the one for everything.
    pub fn find(&self, locale: Locale, purpose: Purpose) -> Option<&str> {
        [
            (Some(locale), Some(purpose)),
            (Some(locale), None),
            (None, Some(purpose)),
        ]
        .into_iter()
        .find_map(|key| {
            self.exceptions
                .iter()
                .find(|exception| (exception.locale, exception.purpose) == key)
        })
        .map(|exception| exception.name.as_str())
        .or(self.fallback.as_deref())
    }
}

fn parse_key(key: &str) -> Option<(Option<Locale>, Option<Purpose>)> {
    if let Some((locale, purpose)) = key.split_once('.') {
        return Some((
            Some(Locale::from_name(locale)?),
            Some(Purpose::from_name(purpose)?),
        ));
    }
    match (Locale::from_name(key), Purpose::from_name(key)) {
        (None, None) => None,
        found => Some(found),
    }
}

fn checked_name(name: &str) -> Result<String, TemplatesError> {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if plain && (1..=MAX_NAME_CHARS).contains(&name.len()) {
        Ok(name.to_owned())
    } else {
        Err(TemplatesError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_template_is_found() {
        let templates =
            Templates::parse("login, en=login-en, register=welcome, en.register=welcome-en")
                .expect("a list");
        let find = |locale, purpose| templates.find(locale, purpose);
        assert_eq!(find(Locale::Fa, Purpose::SignIn), Some("login"));
        assert_eq!(find(Locale::Fa, Purpose::Register), Some("welcome"));
        assert_eq!(find(Locale::En, Purpose::Register), Some("welcome-en"));
        assert_eq!(find(Locale::En, Purpose::SignIn), Some("login-en"));
    }

    #[test]
    fn the_language_counts_more_than_the_purpose() {
        let templates = Templates::parse("en=login-en,admin=console").expect("a list");
        assert_eq!(templates.find(Locale::En, Purpose::Admin), Some("login-en"));
        assert_eq!(templates.find(Locale::Fa, Purpose::Admin), Some("console"));
        assert_eq!(templates.find(Locale::Fa, Purpose::SignIn), None);
    }

    #[test]
    fn no_list_is_no_template() {
        assert_eq!(Templates::parse(" , "), Ok(Templates::default()));
        assert_eq!(Templates::default().find(Locale::Fa, Purpose::SignIn), None);
    }

    #[test]
    fn a_wrong_list_names_its_wrong_part() {
        let error = |text: &str| Templates::parse(text).expect_err("refused");
        let key = |text: &str| TemplatesError::Key(text.to_owned());
        let name = |text: &str| TemplatesError::Name(text.to_owned());
        assert_eq!(error("de=login"), key("de"));
        assert_eq!(error("en.signin=login"), key("en.signin"));
        assert_eq!(error("register.en=login"), key("register.en"));
        assert_eq!(error("log in"), name("log in"));
        assert_eq!(error("en="), name(""));
        assert_eq!(error("ورود"), name("ورود"));
        let long = "x".repeat(101);
        assert_eq!(error(&long), name(&long));
        assert_eq!(error("a,b"), TemplatesError::Twice("everything".to_owned()));
        assert_eq!(error("en=a,en=b"), TemplatesError::Twice("en".to_owned()));
    }
}
