//! Renewing a session, ending it, and the list of one's devices.

mod list;
mod log_out;
mod refresh;

pub(crate) use list::{
    __path_end_other_sessions, __path_end_session, __path_list_sessions, end_other_sessions,
    end_session, list_sessions,
};
pub(crate) use log_out::{__path_log_out, log_out};
pub(crate) use refresh::{__path_refresh_tokens, refresh_tokens};

use axum::response::{IntoResponse, Response};
use web::Site;

/// The answer with which a browser forgets its tokens.
pub(crate) fn taking_back_cookies(site: &Site, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    site.cookies.take_back(response.headers_mut());
    response
}
