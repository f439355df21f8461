//! A sign-in between its first and its second proof. The browser keeps it, sealed; it opens nothing by itself.

use std::time::Duration;

use domain::staff::TotpSecret;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use web::PageCookie;

use crate::console::Console;
use web::OwnPath;

/// For how long it can be gone on with.
const KEPT: Duration = Duration::from_mins(10);

/// Somebody who has shown who they are by number and password, or by a link.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Who it is.
    #[serde(rename = "u")]
    pub(crate) user: Uuid,
    /// Until when, in milliseconds.
    #[serde(rename = "x")]
    until: i64,
    /// The secret of the app that is being set up, if there is none yet.
    #[serde(rename = "t")]
    secret: Option<String>,
    /// Where to go afterwards.
    #[serde(rename = "n")]
    next: Option<String>,
}

impl Pending {
    /// For somebody who has just shown who they are; `secret` where they have no factor yet.
    pub(crate) fn new(
        console: &Console,
        user: Uuid,
        secret: Option<&TotpSecret>,
        next: Option<&OwnPath>,
    ) -> Self {
        let kept = i64::try_from(KEPT.as_millis()).unwrap_or_default();
        Self {
            user,
            until: console.desk.flows().clock().now_millis() + kept,
            secret: secret.map(TotpSecret::to_base32),
            next: next.map(|next| next.as_str().to_owned()),
        }
    }

    /// What the browser kept, if we sealed it and its time is not over.
    pub(crate) fn read(console: &Console, headers: &HeaderMap) -> Option<Self> {
        let kept = console
            .site
            .cookies
            .kept(headers, PageCookie::StaffSignIn)?;
        let text = console.pending_seal.open(kept)?;
        let pending: Self = serde_json::from_str(&text).ok()?;
        let now = console.desk.flows().clock().now_millis();
        (now < pending.until).then_some(pending)
    }

    /// Lets the browser keep it.
    pub(crate) fn keep(&self, console: &Console, headers: &mut HeaderMap) {
        let text = serde_json::to_string(self).unwrap_or_default();
        let random = console.desk.flows().random();
        if let Some(sealed) = console.pending_seal.seal(&text, random) {
            let cookies = console.site.cookies;
            cookies.keep(headers, PageCookie::StaffSignIn, &sealed, Some(KEPT));
        }
    }

    /// The secret that is being set up.
    pub(crate) fn secret(&self) -> Option<TotpSecret> {
        TotpSecret::from_base32(self.secret.as_deref()?)
    }

    /// Where to go afterwards.
    pub(crate) fn next(&self) -> &str {
        self.next.as_deref().unwrap_or("/")
    }
}
