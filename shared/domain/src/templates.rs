//! Which template of the gateway serves which language and purpose.

use crate::challenge::Locale;
use crate::notice::{MessagePurpose, NoticeKind};
use crate::otp::Purpose;

/// The names of the approved templates, each for a language, a purpose, both or everything
/// (`None` is any). Without any, the client sends plain texts and cannot call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates(Vec<Named>);

/// A template and what it is for; `None` is any.
type Named = (Option<Locale>, Option<MessagePurpose>, String);

impl Templates {
    /// These templates. Of two for the same thing the first is used.
    pub fn new(
        names: impl IntoIterator<Item = (Option<Locale>, Option<MessagePurpose>, String)>,
    ) -> Self {
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

    /// Each template: the language and the purpose that it is for (`None` is any), and its name.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Locale>, Option<MessagePurpose>, &str)> {
        let templates = self.0.iter();
        templates.map(|(locale, purpose, name)| (*locale, *purpose, name.as_str()))
    }

    /// Whether messages of this language and purpose have a template; voice calls need one.
    pub fn covers(&self, locale: Locale, purpose: Purpose) -> bool {
        self.find(locale, purpose).is_some()
    }

    /// The template for a message with a code. One for this purpose in this language comes first, then one
    /// for the language (a text that cannot be read is worse than one that does not name its
    /// purpose), then one for the purpose, then the one for everything.
    pub fn find(&self, locale: Locale, purpose: Purpose) -> Option<&str> {
        let purpose = Some(purpose.into());
        self.first_of(&[
            (Some(locale), purpose),
            (Some(locale), None),
            (None, purpose),
            (None, None),
        ])
    }

    /// The template for a notice: one of this kind. One for everything is written around a code,
    /// which a notice has not.
    pub fn find_for_notice(&self, locale: Locale, kind: NoticeKind) -> Option<&str> {
        let purpose = Some(kind.into());
        self.first_of(&[(Some(locale), purpose), (None, purpose)])
    }

    fn first_of(&self, closest_first: &[(Option<Locale>, Option<MessagePurpose>)]) -> Option<&str> {
        closest_first.iter().find_map(|wanted| {
            let found = self
                .0
                .iter()
                .find(|(locale, purpose, _)| (*locale, *purpose) == *wanted);
            found.map(|(_, _, name)| name.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(names: &[(Option<Locale>, Option<Purpose>, &str)]) -> Templates {
        Templates::new(names.iter().map(|&(locale, purpose, name)| {
            (locale, purpose.map(MessagePurpose::Code), name.to_owned())
        }))
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

    #[test]
    fn a_notice_takes_no_template_that_is_written_around_a_code() {
        let kind = NoticeKind::PhoneChanged;
        let of_codes = [
            (None, None, "login".to_owned()),
            (Some(Locale::En), None, "login-en".to_owned()),
        ];
        let templates = Templates::new(of_codes.clone());
        assert_eq!(templates.find_for_notice(Locale::En, kind), None);
        let of_notices = [
            (None, Some(kind.into()), "changed".to_owned()),
            (Some(Locale::En), Some(kind.into()), "changed-en".to_owned()),
        ];
        let templates = Templates::new(of_codes.into_iter().chain(of_notices));
        let find = |locale| templates.find_for_notice(locale, kind);
        assert_eq!(find(Locale::Fa), Some("changed"));
        assert_eq!(find(Locale::En), Some("changed-en"));
        let other = NoticeKind::PasswordChanged;
        assert_eq!(templates.find_for_notice(Locale::Fa, other), None);
        assert_eq!(
            templates.find(Locale::En, Purpose::ChangePhone),
            Some("login-en")
        );
    }
}
