//! A request of a client, looked at in the order that decides who hears of what is wrong: first who asks and
//! where the person would be led, which no error may be told to before they are known to be right.

use std::collections::BTreeSet;

use domain::clock::UnixMillis;
use domain::tokens::IdTokens;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answer::{Back, Fault, PageFault};
use crate::clients::{Client, ClientType, Clients, KNOWN_SCOPES};
use crate::parameters::Parameters;

const OFFLINE_ACCESS: &str = "offline_access";
/// Characters of a challenge: 32 bytes in base64url.
const CHALLENGE_CHARS: usize = 43;

/// What a client asks for, and may. Kept until its person is signed in. Debug output shows the client only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing that a client may ask for by itself"
)]
pub struct AuthorizationRequest {
    /// The client.
    pub client: String,
    /// Where the person is led back to.
    pub redirect_uri: String,
    /// What the client sent along, byte by byte.
    pub state: Option<String>,
    /// What goes into the ID token.
    pub nonce: Option<String>,
    /// What it asks for and may, separated by spaces.
    pub scope: String,
    /// The PKCE challenge (S256).
    pub challenge: Option<String>,
    /// Whether the person must prove themselves now (`prompt=login`, `max_age=0`).
    pub login: bool,
    /// Whether the person must say that they want this (`prompt=consent`, `select_account`).
    pub confirm: bool,
    /// Whether no page may be shown (`prompt=none`).
    pub none: bool,
    /// Seconds that the proof of the person may be old.
    pub max_age: Option<i64>,
    /// Whom the client means (`id_token_hint`).
    pub hint: Option<Uuid>,
    /// Whether it is an app.
    pub native: bool,
    /// When it came, in milliseconds.
    pub created_at: UnixMillis,
    /// The number that the client has for the person, as it wrote it.
    pub login_hint: Option<String>,
    /// The languages that the client has for the person.
    pub ui_locales: Option<String>,
    /// SHA-256 of what the browser keeps, in hexadecimal digits; empty before a page is shown.
    #[serde(default)]
    pub browser: String,
}

impl std::fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl AuthorizationRequest {
    /// The way back.
    pub fn back(&self) -> Back {
        Back {
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.clone(),
        }
    }
}

/// Looks at what a client asks for.
pub fn validate(
    clients: &Clients,
    id_tokens: &IdTokens,
    parameters: &Parameters,
    now: UnixMillis,
) -> Result<AuthorizationRequest, Fault> {
    // 1. Who asks?
    let client = parameters.get("client_id");
    let client = client.map_err(|_| Fault::Page(PageFault::TwoClients))?;
    let client = client.ok_or(Fault::Page(PageFault::NoClient))?;
    let client = clients
        .find(client)
        .ok_or(Fault::Page(PageFault::UnknownClient))?;
    // 2. Where would the person be led?
    let redirect_uri = parameters.get("redirect_uri");
    let redirect_uri = redirect_uri.map_err(|_| Fault::Page(PageFault::TwoRedirects))?;
    let redirect_uri = redirect_uri.ok_or(Fault::Page(PageFault::NoRedirect))?;
    if !client.may_lead_back_to(redirect_uri) {
        return Err(Fault::Page(PageFault::UnknownRedirect));
    }
    // From here on the client hears of it.
    let back = Back {
        redirect_uri: redirect_uri.to_owned(),
        state: parameters.first("state").map(str::to_owned),
    };
    let asked = Asked {
        client,
        id_tokens,
        parameters,
        now,
    };
    asked
        .judge(&back)
        .map_err(|(error, description)| Fault::Back {
            to: back,
            error,
            description,
        })
}

/// A request whose client and way back are right.
struct Asked<'a> {
    client: &'a Client,
    id_tokens: &'a IdTokens,
    parameters: &'a Parameters,
    now: UnixMillis,
}

type Judged<T> = Result<T, (&'static str, &'static str)>;

fn invalid<T>(description: &'static str) -> Judged<T> {
    Err(("invalid_request", description))
}

#[derive(Default)]
struct Prompt {
    none: bool,
    login: bool,
    confirm: bool,
}

impl Asked<'_> {
    fn judge(&self, back: &Back) -> Judged<AuthorizationRequest> {
        let parameters = self.parameters;
        // 3. Is it clear what is asked?
        if parameters.any_repeated() {
            return invalid("A parameter is there twice");
        }
        if parameters
            .first("response_mode")
            .is_some_and(|mode| mode != "query")
        {
            return invalid("response_mode is not query");
        }
        // 4. Is something asked that is not done here?
        for (name, error) in [
            ("request", "request_not_supported"),
            ("request_uri", "request_uri_not_supported"),
            ("registration", "registration_not_supported"),
        ] {
            if parameters.first(name).is_some() {
                return Err((error, "Send the parameters themselves"));
            }
        }
        // 5. By which flow?
        match parameters.first("response_type") {
            None => return invalid("response_type is missing"),
            Some("code") => {}
            Some(_) => return Err(("unsupported_response_type", "response_type is not code")),
        }
        // 6. to 9.
        let scope = self.scope()?;
        let challenge = self.challenge()?;
        let prompt = self.prompt()?;
        let max_age = self.max_age()?;
        let hint = self.hint()?;
        let text = |name| parameters.first(name).map(str::to_owned);
        Ok(AuthorizationRequest {
            client: self.client.id.clone(),
            redirect_uri: back.redirect_uri.clone(),
            state: back.state.clone(),
            nonce: text("nonce"),
            scope,
            challenge,
            login: prompt.login || max_age == Some(0),
            confirm: prompt.confirm,
            none: prompt.none,
            max_age,
            hint,
            native: self.client.kind == ClientType::Native,
            created_at: self.now,
            login_hint: text("login_hint"),
            ui_locales: text("ui_locales"),
            browser: String::new(),
        })
    }

    /// 6. For what? Scopes that mean nothing here are passed over.
    fn scope(&self) -> Judged<String> {
        let asked = self.parameters.first("scope").unwrap_or_default();
        let asked: BTreeSet<&str> = asked.split_ascii_whitespace().collect();
        if !asked.contains("openid") {
            return Err(("invalid_scope", "scope lacks openid"));
        }
        let known = KNOWN_SCOPES
            .into_iter()
            .filter(|scope| asked.contains(scope));
        let mut scopes: Vec<&str> = known.collect();
        if scopes
            .iter()
            .any(|scope| !self.client.scopes.contains(*scope))
        {
            return Err(("invalid_scope", "scope names more than the client may"));
        }
        if asked.contains(OFFLINE_ACCESS) && self.client.offline {
            scopes.push(OFFLINE_ACCESS);
        }
        Ok(scopes.join(" "))
    }

    /// 7. PKCE, by S256 only (RFC 7636, section 4.3: a method that is left out is another one).
    fn challenge(&self) -> Judged<Option<String>> {
        let method = self.parameters.first("code_challenge_method");
        let Some(challenge) = self.parameters.first("code_challenge") else {
            if self.client.require_pkce || method.is_some() {
                return invalid("code_challenge is missing");
            }
            return Ok(None);
        };
        if method != Some("S256") {
            return invalid("code_challenge_method is not S256");
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if challenge.len() != CHALLENGE_CHARS || !challenge.bytes().all(plain) {
            return invalid("code_challenge is not 43 characters of base64url");
        }
        Ok(Some(challenge.to_owned()))
    }

    /// 8. With which page?
    fn prompt(&self) -> Judged<Prompt> {
        let mut prompt = Prompt::default();
        let asked = self.parameters.first("prompt").unwrap_or_default();
        for one in asked.split_ascii_whitespace() {
            match one {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" | "select_account" => prompt.confirm = true,
                _ => return invalid("prompt is none of none, login, consent, select_account"),
            }
        }
        if prompt.none && (prompt.login || prompt.confirm) {
            return invalid("prompt has none beside another value");
        }
        Ok(prompt)
    }

    /// 8. By how old a proof?
    fn max_age(&self) -> Judged<Option<i64>> {
        let Some(text) = self.parameters.first("max_age") else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(seconds) if digits => Ok(Some(seconds)),
            _ => invalid("max_age is not a whole number of seconds"),
        }
    }

    /// 9. Of whom?
    fn hint(&self) -> Judged<Option<Uuid>> {
        let Some(hint) = self.parameters.first("id_token_hint") else {
            return Ok(None);
        };
        match self.id_tokens.read_hint(hint, Some(&self.client.id)) {
            Ok(claims) => Ok(Some(claims.sub)),
            Err(_) => invalid("id_token_hint is not an ID token of this client"),
        }
    }
}
