//! How a client is answered: by an address that its person is led back to, or, where it cannot be trusted
//! with anybody, by a page that says that it is set up wrongly.

use url::form_urlencoded::Serializer;

/// A way back to a client. The address is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Where to.
    pub redirect_uri: String,
    /// What the client sent along, byte by byte.
    pub state: Option<String>,
}

/// Why a client gets no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The person stays here.
    Page(PageFault),
    /// The person is led back with an error.
    Back {
        /// Where to.
        to: Back,
        /// A code of OAuth or OpenID Connect.
        error: &'static str,
        /// What to mend, in ASCII without quotes and backslashes.
        description: &'static str,
    },
}

/// Why nobody can be led back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFault {
    /// No client is named.
    NoClient,
    /// Two are.
    TwoClients,
    /// One that is not in the file.
    UnknownClient,
    /// No address.
    NoRedirect,
    /// Two of them.
    TwoRedirects,
    /// One that is not registered.
    UnknownRedirect,
}

impl PageFault {
    /// What the developer of the client has to mend, for the log.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NoClient => "client_id is missing; send the id of the client",
            Self::TwoClients => "client_id is there twice; send it once",
            Self::UnknownClient => {
                "client_id is in no [[clients]] of OIDC_CLIENTS_FILE; check its spelling, and restart every api after a change of the file"
            }
            Self::NoRedirect => "redirect_uri is missing; send one of the registered addresses",
            Self::TwoRedirects => "redirect_uri is there twice; send it once",
            Self::UnknownRedirect => {
                "redirect_uri is not one of redirect_uris of the client in OIDC_CLIENTS_FILE, byte by byte; add it there or mend the application"
            }
        }
    }
}

impl Back {
    /// The address with a code.
    pub fn with_code(&self, code: &str, issuer: &str) -> String {
        self.with(&[("code", code)], issuer)
    }

    /// The address with an error.
    pub fn with_error(&self, error: &str, description: &str, issuer: &str) -> String {
        let parameters = [("error", error), ("error_description", description)];
        self.with(&parameters, issuer)
    }

    /// The address after a log-out, with `state` and nothing else.
    pub fn with_state(&self) -> String {
        let mut query = Serializer::new(String::new());
        let Some(state) = &self.state else {
            return self.redirect_uri.clone();
        };
        query.append_pair("state", state);
        self.with_query(&query.finish())
    }

    /// With `state`, and with `iss` so that the client knows whom it hears (RFC 9207).
    fn with(&self, parameters: &[(&str, &str)], issuer: &str) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
        self.with_query(&query.finish())
    }

    fn with_query(&self, query: &str) -> String {
        let between = match self.redirect_uri.split_once('?') {
            None => "?",
            Some((_, before)) if before.is_empty() || before.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{between}{query}", self.redirect_uri)
    }

    /// What the policy of a page must allow, so that browsers follow the way back from its form: the origin,
    /// or the scheme of an app (CSP, `form-action`).
    pub fn form_target(&self) -> String {
        let Ok(url) = url::Url::parse(&self.redirect_uri) else {
            return String::new();
        };
        match url.origin() {
            origin @ url::Origin::Tuple(..) => origin.ascii_serialization(),
            url::Origin::Opaque(_) => format!("{}:", url.scheme()),
        }
    }
}
