//! Who is signed in, and what they may do.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use domain::staff::Role;
use flows::staff::{Deed, SignedInStaff, signed_in};
use http::Method;
use http::header::REFERER;
use http::request::Parts;
use shared::records::StaffSession;

use crate::console::Console;
use crate::fault::Fault;
use crate::visitor::{Visitor, session_token};
use web::OwnPath;

/// Somebody of the staff who is signed in. A handler that takes it is for them alone.
#[derive(Clone, Debug)]
pub(crate) struct Staff {
    pub(crate) visitor: Visitor,
    /// What they may do now.
    pub(crate) role: Role,
    /// Who it is.
    pub(crate) session: StaffSession,
    pub(crate) signed_in: SignedInStaff,
    /// Whether they gave a second factor a moment ago.
    is_fresh: bool,
    /// Where to go on after a factor was given.
    origin: String,
}

impl Staff {
    /// Refuses people with a lesser role.
    pub(crate) fn may(&self, role: Role) -> Result<(), Fault> {
        if self.role >= role {
            Ok(())
        } else {
            Err(Fault::NotAllowed(role))
        }
    }

    /// Asks for a second factor once more, unless one was given a moment ago: for what destroys, on the page
    /// that asks for it and in what does it.
    pub(crate) fn fresh(&self) -> Result<(), Fault> {
        if self.is_fresh {
            Ok(())
        } else {
            Err(Fault::Prove(self.origin.clone()))
        }
    }

    /// What the audit log will hold of what they do, with the reason that they gave.
    pub(crate) fn deed(&self, reason: String) -> Deed {
        Deed {
            reason: Some(reason),
            ..self.deed_without_reason()
        }
    }

    /// The same for what needs none: signing out, proving who one is.
    pub(crate) fn deed_without_reason(&self) -> Deed {
        Deed {
            actor: self.session.user,
            role: self.role,
            reason: None,
            address: Some(self.visitor.ip()),
            request_id: self.visitor.request_id,
        }
    }
}

impl Deref for Staff {
    type Target = Visitor;

    fn deref(&self) -> &Visitor {
        &self.visitor
    }
}

impl FromRequestParts<Console> for Staff {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Fault> {
        let visitor = Visitor::from_request_parts(parts, console).await?;
        let origin = page_of(parts);
        let Some(token) = session_token(console, &parts.headers) else {
            return Err(Fault::SignIn(origin));
        };
        let found = signed_in(&console.desk, &token, visitor.by_hand).await?;
        let Some(signed_in) = found else {
            return Err(Fault::SignIn(origin));
        };
        Ok(Self {
            role: signed_in.session.role,
            session: signed_in.session.clone(),
            is_fresh: signed_in.is_fresh(&console.desk),
            signed_in,
            origin,
            visitor,
        })
    }
}

/// The page that somebody was on: this one, or that of the form that was sent.
fn page_of(parts: &Parts) -> String {
    let own = |text: &str| OwnPath::parse(text).map(|path| path.as_str().to_owned());
    let page = if parts.method == Method::GET {
        parts
            .uri
            .path_and_query()
            .and_then(|path| own(path.as_str()))
    } else {
        let referer = parts.headers.get(REFERER);
        let referer = referer.and_then(|referer| referer.to_str().ok());
        let path = referer
            .and_then(|referer| referer.split_once("://"))
            .and_then(|(_, rest)| rest.find('/').map(|slash| &rest[slash..]));
        path.and_then(own)
    };
    page.unwrap_or_else(|| "/".to_owned())
}
