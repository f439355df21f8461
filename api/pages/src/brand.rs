//! Whose pages they are: name, links and the way to support. Colour and logo are in `assets.rs`.

use shared::config::PagesConfig;

use crate::words::Words;

/// The operator, as the pages show them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brand {
    name: Option<String>,
    pub(crate) terms_url: Option<String>,
    pub(crate) privacy_url: Option<String>,
    pub(crate) support_text: Option<String>,
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

    /// The name, ours where there is none.
    pub(crate) fn name(&self, words: &'static Words) -> String {
        self.name.clone().unwrap_or_else(|| words.brand.to_owned())
    }
}
