//! What the pages of a sign-in show of the application that led somebody here.

use axum::response::Response;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderMap, HeaderValue};

use super::CANCEL;
use super::waiting::Waiting;
use crate::frame::policy;
use crate::number::typed;
use crate::state::PagesState;
use crate::words::{Words, around};
use web::OwnPath;

/// An application whose person is on our pages.
#[derive(Clone, Debug)]
pub(crate) struct WhoAsks {
    /// Its name for people.
    pub(crate) name: String,
    /// The sentence around the name.
    pub(crate) sentence: (String, String),
    /// The words of the way back around the name.
    pub(crate) back: (String, String),
    /// Where that is.
    pub(crate) cancel: String,
    /// The number that it has for the person, as a person would type it; nothing where it is none.
    pub(crate) number: Option<String>,
    form_target: String,
}

impl WhoAsks {
    /// The application of a request, in the language of the page.
    pub(crate) fn of(state: &PagesState, waiting: &Waiting, words: &Words) -> Self {
        let hint = waiting.request.login_hint.as_deref();
        let number = hint.and_then(|hint| state.flows.read_number(hint));
        Self {
            number: number.map(|number| typed(&number)),
            form_target: waiting.request.back().form_target(),
            ..Self::named(&waiting.name, &waiting.id, words)
        }
    }

    /// An application of this name.
    pub(crate) fn named(name: &str, id: &str, words: &Words) -> Self {
        Self {
            name: name.to_owned(),
            sentence: around(words.asks.who, "{client}"),
            back: around(words.asks.back, "{client}"),
            cancel: format!("{CANCEL}{id}"),
            number: None,
            form_target: String::new(),
        }
    }

    /// Lets a browser follow from the form of a page to the application: Chromium looks at the policy for
    /// redirects, too.
    pub(crate) fn allow(asks: Option<&Self>, mut response: Response) -> Response {
        if let Some(asks) = asks
            && let Ok(policy) = HeaderValue::from_str(&policy(&asks.form_target))
        {
            response
                .headers_mut()
                .insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// The application that a sign-in leads back to, if it does.
pub(crate) async fn who_asks(
    state: &PagesState,
    headers: &HeaderMap,
    next: Option<&OwnPath>,
    words: &Words,
) -> Option<WhoAsks> {
    let waiting = Waiting::find_by_path(state, headers, next).await?;
    Some(WhoAsks::of(state, &waiting, words))
}
