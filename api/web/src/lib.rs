//! What all faces of Ramz share over HTTP: who asks and in which language, what happens around every
//! request, cookies, and the defence against other sites. It knows no use case and no form of answers.
//!
//! | file | what it is for |
//! |---|---|
//! | `site.rs` | what all of it works with |
//! | `request_layer.rs` | around every request: id, log line, figures, headers, panics |
//! | `request_context.rs` | what every request has: id, language, client, what it calls itself |
//! | `forwarded.rs`, `proxy_watch.rs` | the client behind proxies; proxies that nobody named |
//! | `cookies.rs`, `presented.rs`, `cross_site.rs` | tokens on their way to and from clients |
//! | `cors.rs` | pages of other origins that may call us |
//! | `language.rs` | the language of answers |
//! | `slashes.rs`, `own_path.rs` | paths with a slash too much; where to go afterwards |
//! | `times.rs` | moments as people read them, in the calendar of their language |
//! | `metrics.rs` | requests and connections |

mod cookies;
mod cors;
mod cross_site;
mod forwarded;
mod language;
mod metrics;
mod own_path;
mod presented;
mod proxy_watch;
mod request_context;
mod request_layer;
mod site;
mod slashes;
pub mod times;

pub use cookies::{Cookies, PageCookie, TokenCookie};
pub use cors::open_to_all;
pub use cross_site::{CrossSite, MadeBy, made_by};
pub use own_path::OwnPath;
pub use presented::{
    Bearer, NavigationCookies, PresentedAccess, PresentedCookies, PresentedDevice,
    PresentedRefresh, bearer_token,
};
pub use proxy_watch::Suspicion;
pub use request_context::{Client, MissingFromRouter, RequestContext, UserAgent};
pub use request_layer::{AnsweredCode, around_requests};
pub use site::{Site, SiteParts};
pub use slashes::{MeantSlashes, forgive_slashes};
