//! Which template of the gateway serves which language and purpose.

use crate::challenge::Locale;
use crate::otp::Purpose;

/// The names of the approved templates, each for a language, a purpose, both or everything
/// (`None` is any). Without any, the client sends plain texts and cannot call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates(Vec<(Option<Locale>, Option<Purpose>, String)>);

impl Templates {
    /// These templates. Of two for the same thing the first is used.
    pub fn new(names: impl IntoIterator<Item = (Option<Locale>, Option<Purpose>, String)>) -> Self {
        Self(names.into_iter().collect())
    }

    /// One template for everything.
    pub fn for_everything(name: impl Into<String>) -> Self {
        Self(vec![(None, None, name.into())])
    }

    /// Whether there is no template at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether messages of this language and purpose have a template; voice calls need one.
    pub fn covers(&self, locale: Locale, purpose: Purpose) -> bool {
        self.find(locale, purpose).is_some()
    }

    /// The template for a message. One for this purpose in this language comes first, then one
    /// for the language (a text that cannot be read is worse than one that does not name its
    /// purpose), then one for the purpose, then the one for everything.
    pub fn find(&self, locale: Locale, purpose: Purpose) -> Option<&str> {
        let closest_first = [
            (Some(locale), Some(purpose)),
            (Some(locale), None),
            (None, Some(purpose)),
            (None, None),
        ];
        closest_first.into_iter().find_map(|wanted| {
            let found = self
                .0
                .iter()
                .find(|(locale, purpose, _)| (*locale, *purpose) == wanted);
            found.map(|(_, _, name)| name.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(names: &[(Option<Locale>, Option<Purpose>, &str)]) -> Templates {
        Templates::new(
            names
                .iter()
                .map(|&(locale, purpose, name)| (locale, purpose, name.to_owned())),
        )
    }

    #[test]
    fn the_closest_template_is_found() {
        let templates = templates(&[
            (None, None, "login"),
            (Some(Locale::En), None, "login-en"),
            (None, Some(Purpose::Register), "welcome"),
            (Some(Locale::En), Some(Purpose::Register), "welcome-en"),
        ]);
        let find = |locale, purpose| templates.find(locale, purpose);
        assert_eq!(find(Locale::Fa, Purpose::SignIn), Some("login"));
        assert_eq!(find(Locale::Fa, Purpose::Register), Some("welcome"));
        assert_eq!(find(Locale::En, Purpose::Register), Some("welcome-en"));
        assert_eq!(find(Locale::En, Purpose::SignIn), Some("login-en"));
    }

    #[test]
    fn the_language_counts_more_than_the_purpose() {
        let templates = templates(&[
            (Some(Locale::En), None, "login-en"),
            (None, Some(Purpose::Admin), "console"),
        ]);
        assert_eq!(templates.find(Locale::En, Purpose::Admin), Some("login-en"));
        assert_eq!(templates.find(Locale::Fa, Purpose::Admin), Some("console"));
        assert!(!templates.covers(Locale::Fa, Purpose::SignIn));
    }
}
