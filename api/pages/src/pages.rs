//! The routes of the pages.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler as _;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use flows::Flows;
use oidc::Provider;
use shared::config::PagesConfig;
use web::Site;

use crate::assets;
use crate::fault::{Fault, around_page, nothing_here};
use crate::pending::SEAL_LABEL;
use crate::ready::ReadyPages;
use crate::state::{Look, PagesState};
use crate::{
    applications, confirm, delete, devices, elsewhere, home, language, log_out, login, message,
    password, password_log_in, phone, profile, resend, reset, verify,
};

pub(crate) const HOME: &str = "/";
pub(crate) const LOG_IN: &str = "/accounts/login/";
pub(crate) const SIGN_UP: &str = "/accounts/signup/";
pub(crate) const VERIFY: &str = "/accounts/verify/";
pub(crate) const RESEND: &str = "/accounts/verify/resend/";
pub(crate) const LOG_OUT: &str = "/accounts/logout/";
pub(crate) const LOG_IN_BY_PASSWORD: &str = "/accounts/login/password/";
pub(crate) const RESET: &str = "/accounts/password/reset/";
pub(crate) const RESET_VERIFY: &str = "/accounts/password/reset/verify/";
pub(crate) const CONFIRM: &str = "/accounts/confirm/";
pub(crate) const PROFILE: &str = "/users/profile/update/";
pub(crate) const PHONE: &str = "/users/profile/phone/";
pub(crate) const PHONE_VERIFY: &str = "/users/profile/phone/verify/";
pub(crate) const PASSWORD: &str = "/users/profile/password/";
pub(crate) const DEVICES: &str = "/users/profile/devices/";
pub(crate) const DELETE: &str = "/users/profile/delete/";

/// The pages for people, ready to be mounted. Clones share everything.
#[derive(Clone, Debug)]
pub struct Pages {
    state: PagesState,
}

impl Pages {
    /// Where the sign-in page is.
    pub const SIGN_IN: &str = LOG_IN;

    /// The pages of one service.
    pub fn new(config: &PagesConfig, flows: Arc<Flows>, site: Arc<Site>) -> Self {
        let look = Look::new(config);
        let state = PagesState {
            seal: Arc::new(flows.seal(SEAL_LABEL)),
            ready: Arc::new(ReadyPages::new(&look)),
            look,
            flows,
            site,
            provider: None,
        };
        Self { state }
    }

    /// The same with the pages that applications lead people to.
    #[must_use]
    pub fn with_provider(mut self, provider: Provider) -> Self {
        self.state.provider = Some(provider);
        self
    }

    /// Everything that the pages answer, and whatever no other face does. The paths stand here without
    /// the slash at their end, which the layer around all faces forgives; links have it.
    pub fn router(&self) -> Router {
        let state = self.state.clone();
        let for_people = from_fn_with_state(state.clone(), around_page);
        let mut pages = Router::new();
        if state.provider.is_some() {
            pages = pages
                .route(
                    Provider::AUTHORIZE,
                    get(applications::authorize).post(applications::authorize_by_form),
                )
                .route(
                    "/oidc/continue/{id}",
                    get(applications::go_on).post(applications::confirm),
                )
                .route("/oidc/cancel/{id}", get(applications::cancel))
                .route("/oidc/other/{id}", post(applications::other))
                .route(
                    Provider::LOG_OUT,
                    get(applications::leave).post(applications::leave_by_form),
                )
                .route(applications::LEAVE, post(applications::confirm_leaving));
        }
        pages
            .route("/", get(home::show))
            .route(
                "/accounts/login",
                get(login::log_in).post(login::send_log_in),
            )
            .route(
                "/accounts/signup",
                get(login::sign_up).post(login::send_sign_up),
            )
            .route("/accounts/verify", get(verify::show).post(verify::check))
            .route(
                "/accounts/verify/resend",
                get(verify::back).post(resend::send_again),
            )
            .route("/accounts/verify/message", get(message::show))
            .route("/accounts/logout", get(log_out::ask).post(log_out::log_out))
            .route(
                "/accounts/language",
                get(language::back).post(language::choose),
            )
            .route("/accounts", any(elsewhere::home))
            .route(
                "/accounts/login/password",
                get(password_log_in::show).post(password_log_in::log_in),
            )
            .route(
                "/accounts/password/reset",
                get(reset::ask).post(reset::send),
            )
            .route(
                "/accounts/password/reset/verify",
                get(reset::show).post(reset::check),
            )
            .route("/accounts/confirm", get(confirm::show).post(confirm::send))
            .route("/users/profile", any(elsewhere::profile))
            .route(
                "/users/profile/update",
                get(profile::show).post(profile::save),
            )
            .route(
                "/users/profile/password",
                get(password::show).post(password::save),
            )
            .route("/users/profile/phone", get(phone::ask).post(phone::send))
            .route(
                "/users/profile/phone/verify",
                get(phone::show).post(phone::check),
            )
            .route(
                "/users/profile/devices",
                get(devices::show).post(devices::end),
            )
            .route(
                "/users/profile/delete",
                get(delete::show).post(delete::delete),
            )
            .route("/users/auth/login", any(elsewhere::log_in))
            .route("/users/auth/register", any(elsewhere::sign_up))
            .route("/users/auth/logout", any(elsewhere::log_out))
            .method_not_allowed_fallback(async || Fault::Method)
            .layer(for_people.clone())
            .route("/assets/{name}", get(assets::serve))
            .route("/favicon.ico", get(elsewhere::icon))
            .fallback(nothing_here.layer(for_people))
            .with_state(state)
    }
}
