//! What the process was started with, which version it is, and whether its parts answer.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::staff::Role;
use flows::staff::Health;
use http::StatusCode;
use shared::config::SettingGroup;

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Frame, page};
use crate::staff::Staff;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage<'a> {
    frame: Frame,
    groups: &'a [SettingGroup],
    health: Health,
    workers: Option<String>,
    version: &'static str,
    commit: &'static str,
}

/// `GET /settings`
pub(crate) async fn show(State(console): State<Console>, staff: Staff) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let health = Box::pin(flows::staff::health(&console.desk)).await;
    let words = staff.words.settings;
    let workers = health.workers.filter(|count| *count > 0);
    let template = SettingsPage {
        frame: Frame::new(&console, &staff, words.title),
        groups: &console.settings,
        workers: workers.map(|count| words.workers.replace("{count}", &count.to_string())),
        health,
        version: env!("CARGO_PKG_VERSION"),
        commit: shared::telemetry::COMMIT,
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}
