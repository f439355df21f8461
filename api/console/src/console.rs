//! The routes of the console, and what its handlers work with.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use domain::phone::PhoneNumber;
use domain::sealed::Seal;
use flows::Flows;
use flows::overview::Overview;
use flows::staff::Desk;
use shared::config::{ConsoleConfig, SettingGroup};
use shared::records::Records;
use web::{Site, around_requests};

use crate::assets::{self, Assets};
use crate::export::Runs;
use crate::fault::{Fault, around_page};
use crate::hosts::{Hosts, only_known_hosts};
use crate::{
    audit, dead, export, limits, number_page, overview, search, sends, settings, spending, staff,
    users,
};

/// The console, ready to be mounted. Clones share everything.
#[derive(Clone, Debug)]
pub struct Console {
    /// The use cases of the staff.
    pub(crate) desk: Arc<Desk>,
    /// The listener.
    pub(crate) site: Arc<Site>,
    /// Style, script and fonts.
    pub(crate) assets: Arc<Assets>,
    /// Seals numbers that stand in addresses.
    number_seal: Arc<Seal>,
    /// The figures of the first page.
    pub(crate) overview: Overview,
    /// Files that were asked for.
    pub(crate) exports: Arc<Runs>,
    /// Seals what the browser keeps of a sign-in.
    pub(crate) pending_seal: Arc<Seal>,
    /// What the process was started with.
    pub(crate) settings: Arc<Vec<SettingGroup>>,
    /// Under which names it answers.
    hosts: Arc<Hosts>,
}

impl Console {
    /// The console of one service; `public` is the listener for everybody.
    pub fn new(config: &ConsoleConfig, flows: Arc<Flows>, public: &Site) -> Self {
        let url = config.url.as_ref();
        let secure = url.is_some_and(shared::config::PublicUrl::is_secure);
        let origin = url.map_or_else(String::new, |url| url.origin().to_owned());
        Self {
            settings: Arc::new(config.settings.clone()),
            hosts: Arc::new(Hosts::new(&origin)),
            number_seal: Arc::new(flows.seal("console number v1")),
            pending_seal: Arc::new(flows.seal("console sign-in v1")),
            desk: Arc::new(Desk::new(flows)),
            site: Arc::new(public.beside(secure, origin)),
            assets: Arc::new(Assets::new()),
            overview: Overview::default(),
            exports: Arc::default(),
        }
    }

    /// The same over records that are opened under a role of the console's own.
    #[must_use]
    pub fn with_records(mut self, records: Records) -> Self {
        self.desk = Arc::new((*self.desk).clone().with_records(records));
        self
    }

    /// Everything that is served on the listener of the console.
    pub fn router(&self) -> Router {
        let pages = Router::new()
            .route("/", get(overview::show))
            .route("/language", post(staff::language::choose))
            .route("/sign-out", post(staff::sign_out::sign_out))
            .route(
                "/unmask",
                get(staff::unmask::ask).post(staff::unmask::unmask),
            )
            .route(
                "/sign-in",
                get(staff::sign_in::show).post(staff::sign_in::check),
            )
            .route(
                "/sign-in/factor",
                get(staff::sign_in::show_factor).post(staff::sign_in::check_factor),
            )
            .route(
                "/sign-in/set-up",
                get(staff::sign_in::show_set_up).post(staff::sign_in::check_set_up),
            )
            .route("/link/{token}", get(staff::sign_in::show_link))
            .route("/link", post(staff::sign_in::take_link))
            .route(
                "/prove",
                get(staff::sign_in::show_prove).post(staff::sign_in::prove),
            )
            .route("/staff", get(staff::roles::show).post(staff::roles::change))
            .route("/users", get(users::find).post(users::find_typed))
            .route("/users/{id}", get(users::show))
            .route(
                "/users/{id}/{action}",
                get(users::ask_delete).post(users::act),
            )
            .route("/audit", get(audit::show))
            .route("/settings", get(settings::show))
            // Sections append their routes here, a block each.
            .route("/limits", get(limits::show))
            .route(
                "/limits/number",
                get(limits::number::show).post(limits::number::find),
            )
            .route("/limits/lift", post(limits::number::lift))
            .route("/limits/lift-address", post(limits::address::lift))
            .route("/limits/exempt", post(limits::number::exempt))
            .route("/limits/end-exemption", post(limits::number::end_exemption))
            .route("/dead", get(dead::show))
            .route("/dead/retry", post(dead::retry))
            .route("/dead/drop", post(dead::drop_send))
            .route("/spending", get(spending::show))
            .route("/search", post(search::search))
            .route("/sends", get(sends::show).post(sends::filter))
            .route("/number", get(number_page::show))
            .route("/sends/export", get(export::ask).post(export::prepare))
            .route("/sends/export/{id}", get(export::show))
            .route("/sends/export/{id}/sends.csv", get(export::file))
            .fallback(async || Fault::NotFound)
            .method_not_allowed_fallback(async || Fault::Method)
            .layer(from_fn_with_state(self.clone(), around_page))
            .route("/assets/{name}", get(assets::serve))
            .with_state(self.clone())
            .layer(from_fn_with_state(self.clone(), only_known_hosts));
        around_requests(pages, Arc::clone(&self.site), |response, _context| response)
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// A number as it stands in an address or a form; nothing where there is no key.
    pub(crate) fn seal_number(&self, phone: &PhoneNumber) -> Option<String> {
        let random = self.desk.flows().random();
        self.number_seal.seal(phone.as_e164(), random)
    }

    /// The number of an address or a form.
    pub(crate) fn open_number(&self, sealed: &str) -> Option<PhoneNumber> {
        let text = self.number_seal.open(sealed)?;
        PhoneNumber::from_e164(&text)
    }

    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.desk.flows().clock().now()
    }
}

impl FromRef<Console> for Arc<Site> {
    fn from_ref(console: &Console) -> Self {
        Arc::clone(&console.site)
    }
}

impl FromRef<Console> for Arc<Assets> {
    fn from_ref(console: &Console) -> Self {
        Arc::clone(&console.assets)
    }
}
