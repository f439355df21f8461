//! What the handlers of this face work with.

use std::sync::Arc;

use axum::extract::FromRef;
use flows::Flows;
use shared::config::CallbackSecret;
use web::Site;

/// Each part can be extracted by itself. Clones share everything.
#[derive(Clone, Debug, FromRef)]
pub(crate) struct ApiState {
    /// The use cases.
    pub(crate) flows: Arc<Flows>,
    /// The public listener.
    pub(crate) site: Arc<Site>,
    /// Where it is set, the gateway may report deliveries.
    pub(crate) delivery_callback: Option<Arc<CallbackSecret>>,
}
