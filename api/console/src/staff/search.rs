//! The box at the head of every page.

use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::Staff;
use crate::fault::Fault;
use crate::frame::lead_to;
use crate::users::USERS;

/// What was typed.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

/// `GET /search`
pub(crate) async fn search(_staff: Staff, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("q", &asked.q);
    Ok(lead_to(&format!("{USERS}?{}", query.finish())))
}
