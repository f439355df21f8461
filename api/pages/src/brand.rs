//! Whose pages they are: name, links and the way to support. Colour and logo are in `assets.rs`.

use domain::challenge::Locale;
use shared::config::{OwnText, PagesConfig};

use crate::words::Words;

/// The operator, as the pages show them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brand {
    name: OwnText,
    terms_url: OwnText,
    privacy_url: OwnText,
    support_text: OwnText,
}

impl Brand {
    /// As the settings say.
    pub(crate) fn new(config: &PagesConfig) -> Self {
        Self {
            name: config.brand_name.clone(),
            terms_url: config.terms_url.clone(),
            privacy_url: config.privacy_url.clone(),
            support_text: config.support_text.clone(),
        }
    }

    /// The name, ours if there is none.
    pub(crate) fn name(&self, words: &'static Words) -> &str {
        self.name
            .for_readers_of(words.locale)
            .unwrap_or(words.brand)
    }

    /// What stands at the foot of the pages.
    pub(crate) fn foot(&self, locale: Locale) -> Foot<'_> {
        Foot {
            terms_url: self.terms_url.for_readers_of(locale),
            privacy_url: self.privacy_url.for_readers_of(locale),
            support_text: self.support_text.for_readers_of(locale),
        }
    }
}

/// What stands at the foot of the pages, in one language.
pub(crate) struct Foot<'a> {
    pub(crate) terms_url: Option<&'a str>,
    pub(crate) privacy_url: Option<&'a str>,
    pub(crate) support_text: Option<&'a str>,
}

impl Foot<'_> {
    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms_url.is_none() && self.privacy_url.is_none() && self.support_text.is_none()
    }
}
