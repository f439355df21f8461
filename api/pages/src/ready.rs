//! The pages that most people open first, made once at the start: for anyone who is not signed in and has
//! nothing under way they differ in the token of their forms alone.

use askama::Template;
use domain::challenge::Locale;
use uuid::Uuid;

use crate::home::HomePage;
use crate::login::LogInPage;
use crate::pages::{HOME, LOG_IN, SIGN_UP};
use crate::pending::Intent;
use crate::state::Look;
use crate::visitor::{FormToken, Visitor};
use crate::words::Words;

/// Stands for the token while the pages are made; no text holds it.
const PLACE: &str = "TOKEN-OF-THIS-BROWSER";

/// All of them, in both languages.
#[derive(Debug)]
pub(crate) struct ReadyPages {
    pages: Vec<ReadyPage>,
}

/// One of them.
#[derive(Debug)]
struct ReadyPage {
    path: &'static str,
    locale: Locale,
    /// What stands between the tokens.
    pieces: Vec<String>,
}

impl ReadyPages {
    /// As the settings say.
    pub(crate) fn new(look: &Look) -> Self {
        let mut pages = Vec::new();
        for locale in [Locale::Fa, Locale::En] {
            let mut add = |path, html: askama::Result<String>| {
                // A page that cannot be made is made, and reported, when it is asked for.
                if let Ok(html) = html {
                    let pieces = html.split(PLACE).map(str::to_owned).collect();
                    pages.push(ReadyPage {
                        path,
                        locale,
                        pieces,
                    });
                }
            };
            let at = |path: &str| Visitor {
                request_id: Uuid::nil(),
                words: Words::of(locale),
                path: path.to_owned(),
                token: FormToken {
                    value: PLACE.to_owned(),
                    is_new: false,
                },
            };
            add(HOME, HomePage::new(look, &at(HOME), None, None).render());
            for (path, intent) in [(LOG_IN, Intent::LogIn), (SIGN_UP, Intent::SignUp)] {
                add(
                    path,
                    LogInPage::new(look, &at(path), intent, "", None).render(),
                );
            }
        }
        Self { pages }
    }

    /// The page at the address that the visitor has opened, without anything behind its path.
    pub(crate) fn page(&self, visitor: &Visitor) -> Option<String> {
        let locale = visitor.words.locale;
        let mut pages = self.pages.iter();
        let page = pages.find(|page| page.path == visitor.path && page.locale == locale)?;
        Some(page.pieces.join(&visitor.token.value))
    }
}

#[cfg(test)]
mod tests {
    use shared::config::PagesConfig;

    use super::*;

    #[test]
    fn a_ready_page_is_the_page_that_would_be_drawn() {
        let look = Look::new(&PagesConfig::default());
        let ready = ReadyPages::new(&look);
        for locale in [Locale::Fa, Locale::En] {
            let at = |path: &str| Visitor {
                request_id: Uuid::from_u128(7),
                words: Words::of(locale),
                path: path.to_owned(),
                token: FormToken {
                    value: "3zNwq0bXz4mF1J8sV2k5Qg".to_owned(),
                    is_new: true,
                },
            };
            let log_in = LogInPage::new(&look, &at(LOG_IN), Intent::LogIn, "", None);
            let sign_up = LogInPage::new(&look, &at(SIGN_UP), Intent::SignUp, "", None);
            let home = HomePage::new(&look, &at(HOME), None, None);
            for (path, drawn) in [
                (HOME, home.render()),
                (LOG_IN, log_in.render()),
                (SIGN_UP, sign_up.render()),
            ] {
                assert_eq!(ready.page(&at(path)), drawn.ok(), "{path}");
            }
            // Whatever stands behind the path is in the page, too.
            for path in ["/accounts/login/?a=b", "/?next=%2F", "/accounts/verify/"] {
                assert_eq!(ready.page(&at(path)), None, "{path}");
            }
        }
    }
}
