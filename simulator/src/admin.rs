//! The controls under `/_sim/`.

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Account, FaultRule, ReceivedMessage, faults::ActiveRule, gateway::spelled,
    simulator::Simulator, stats::Stats,
};

/// The rules in force, as read and written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSet {
    rules: Vec<FaultRule>,
}

#[derive(Serialize)]
pub(crate) struct ActiveRules {
    rules: Vec<ActiveRule>,
}

pub(crate) async fn faults(State(simulator): State<Simulator>) -> Json<ActiveRules> {
    Json(ActiveRules {
        rules: simulator.state().faults.rules().to_vec(),
    })
}

pub(crate) async fn set_faults(State(simulator): State<Simulator>, body: Bytes) -> Response {
    // Any content type will do, so that `curl -X PUT -d …` works as it is.
    let set = serde_json::from_slice::<RuleSet>(&body)
        .map_err(|error| error.to_string())
        .and_then(|set| simulator.set_faults(set.rules));
    match set {
        Ok(()) => faults(State(simulator)).await.into_response(),
        Err(error) => refused(&error),
    }
}

pub(crate) async fn no_faults(State(simulator): State<Simulator>) -> StatusCode {
    simulator.state().faults = crate::faults::FaultRules::default();
    StatusCode::NO_CONTENT
}

pub(crate) async fn account(State(simulator): State<Simulator>) -> Json<Account> {
    Json(simulator.account())
}

pub(crate) async fn change_account(State(simulator): State<Simulator>, body: Bytes) -> Response {
    let changed = serde_json::from_slice::<Value>(&body)
        .map_err(|error| error.to_string())
        .and_then(|change| simulator.change_account(change));
    match changed {
        Ok(account) => Json(account).into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}

/// Which messages to show.
#[derive(Debug, Deserialize)]
pub(crate) struct Filter {
    receptor: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn messages(
    State(simulator): State<Simulator>,
    Query(filter): Query<Filter>,
) -> Json<Vec<ReceivedMessage>> {
    let receptor = filter
        .receptor
        .as_deref()
        .filter(|receptor| !receptor.is_empty());
    Json(simulator.messages(receptor, filter.limit.unwrap_or(100)))
}

/// A message of a person to a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewInbound {
    sender: String,
    message: String,
    /// The default line, unless another is named.
    linenumber: Option<String>,
}

pub(crate) async fn add_inbound(State(simulator): State<Simulator>, body: Bytes) -> Response {
    let new: NewInbound = match serde_json::from_slice(&body) {
        Ok(new) => new,
        Err(error) => return refused(&error.to_string()),
    };
    let now = simulator.clock().now();
    let mut state = simulator.state();
    let line = new
        .linenumber
        .or_else(|| state.account.default_sender.clone());
    let Some(line) = line else {
        return refused("linenumber: the account has no default line");
    };
    let id = state
        .inbound
        .add(spelled(&new.sender), line, new.message, now);
    Json(json!({ "messageid": id })).into_response()
}

pub(crate) async fn clear_inbound(State(simulator): State<Simulator>) -> StatusCode {
    simulator.state().inbound.clear();
    StatusCode::NO_CONTENT
}

pub(crate) async fn clear_messages(State(simulator): State<Simulator>) -> StatusCode {
    simulator.state().messages.clear();
    StatusCode::NO_CONTENT
}

/// Counts since the start, with the credit and the messages kept.
#[derive(Serialize)]
pub(crate) struct StatsView {
    #[serde(flatten)]
    stats: Stats,
    credit: i64,
    messages: usize,
}

pub(crate) async fn stats(State(simulator): State<Simulator>) -> Json<StatsView> {
    let state = simulator.state();
    Json(StatsView {
        stats: state.stats.clone(),
        credit: state.account.credit,
        messages: state.messages.len(),
    })
}

pub(crate) async fn clear_stats(State(simulator): State<Simulator>) -> StatusCode {
    simulator.state().stats = Stats::default();
    StatusCode::NO_CONTENT
}
