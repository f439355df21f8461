//! What the handlers of the pages work with.

use std::sync::Arc;

use axum::extract::FromRef;
use domain::sealed::Seal;
use flows::Flows;
use oidc::Provider;
use shared::config::PagesConfig;
use web::Site;

use crate::assets::Assets;
use crate::brand::Brand;
use crate::ready::ReadyPages;

/// Each part can be extracted by itself. Clones share everything.
#[derive(Clone, Debug, FromRef)]
pub(crate) struct PagesState {
    /// The use cases.
    pub(crate) flows: Arc<Flows>,
    /// The public listener.
    pub(crate) site: Arc<Site>,
    /// Seals what the browser keeps of a sign-in.
    pub(crate) seal: Arc<Seal>,
    /// What the pages look like.
    pub(crate) look: Look,
    /// Those that are ready.
    pub(crate) ready: Arc<ReadyPages>,
    /// What applications ask for, if there are any.
    pub(crate) provider: Option<Provider>,
}

/// What the pages look like.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Whose pages they are.
    pub(crate) brand: Arc<Brand>,
    /// Style, script, fonts and logo.
    pub(crate) assets: Arc<Assets>,
}

impl Look {
    /// As the settings say.
    pub(crate) fn new(config: &PagesConfig) -> Self {
        Self {
            brand: Arc::new(Brand::new(config)),
            assets: Arc::new(Assets::new(config)),
        }
    }
}
