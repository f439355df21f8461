//! One client of the file, field by field, so that each error names its field.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::addresses::{check_origin, check_redirect};
use super::client::KNOWN_SCOPES;
use super::{AddressProblem, Client, ClientKeys, ClientProblem, ClientType, IdTokenAlg};

/// The fields that a client may have.
pub const FIELDS: [&str; 14] = [
    "id",
    "name",
    "type",
    "secret_sha256",
    "redirect_uris",
    "post_logout_redirect_uris",
    "origins",
    "scopes",
    "offline",
    "id_token_alg",
    "require_pkce",
    "backchannel_logout_uri",
    "jwks",
    "jwks_file",
];

const MAX_ID_CHARS: usize = 64;
const MAX_NAME_CHARS: usize = 60;
const MAX_ADDRESSES: usize = 50;
const MAX_ADDRESS_CHARS: usize = 1_000;
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

struct ClientEntry<'a> {
    table: Table,
    client: String,
    problems: &'a mut Vec<ClientProblem>,
}

impl ClientEntry<'_> {
    fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(ClientProblem {
            client: self.client.clone(),
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// A field, if it is there and what it should be.
    fn take<T: DeserializeOwned>(&mut self, field: &str, what: &str) -> Option<T> {
        let value = T::deserialize(self.table.remove(field)?).ok();
        if value.is_none() {
            self.wrong(field, format!("must be {what}"));
        }
        value
    }

    fn text(&mut self, field: &str) -> Option<String> {
        self.take(field, "a text between quotes")
    }

    /// A text that must be there, within a length and without control characters.
    fn name(&mut self, field: &str, max_chars: usize) -> Option<String> {
        let missing = !self.table.contains_key(field);
        let text = self.text(field);
        if missing {
            self.wrong(field, "is missing; give one");
        }
        let text = text?;
        let length = text.chars().count();
        if text.trim().is_empty() || length > max_chars || text.chars().any(char::is_control) {
            self.wrong(
                field,
                format!("must have 1 to {max_chars} characters in one line"),
            );
            return None;
        }
        Some(text)
    }

    fn switch(&mut self, field: &str, default: bool) -> bool {
        self.take(field, "true or false").unwrap_or(default)
    }

    /// A list of texts, each of which a check takes.
    fn list(
        &mut self,
        field: &str,
        check: impl Fn(&str) -> Result<(), AddressProblem>,
    ) -> Vec<String> {
        let list: Option<Vec<String>> = self.take(field, "a list of texts, such as [\"…\", \"…\"]");
        let list = list.unwrap_or_default();
        if list.len() > MAX_ADDRESSES {
            self.wrong(field, format!("has more than {MAX_ADDRESSES} entries"));
        }
        for (index, text) in list.iter().enumerate() {
            let shown: String = text
                .chars()
                .take(200)
                .flat_map(char::escape_debug)
                .collect();
            if text.len() > MAX_ADDRESS_CHARS {
                self.wrong(
                    field,
                    format!("`{shown}…` is longer than {MAX_ADDRESS_CHARS} characters"),
                );
            } else if let Err(problem) = check(text) {
                self.wrong(field, format!("`{shown}` {problem}"));
            } else if list[..index].contains(text) {
                self.wrong(field, format!("`{shown}` is there twice; remove one"));
            }
        }
        list
    }

    fn secrets(&mut self) -> Vec<[u8; 32]> {
        let field = "secret_sha256";
        let given: Option<OneOrMany> = self.take(field, "a text, or a list of two of them");
        let given = match given {
            None => return Vec::new(),
            Some(OneOrMany::One(one)) => vec![one],
            Some(OneOrMany::Many(many)) => many,
        };
        if given.is_empty() || given.len() > 2 {
            self.wrong(
                field,
                "must be one, or two while the client goes from one to the other",
            );
        }
        let mut secrets: Vec<[u8; 32]> = Vec::new();
        for text in &given {
            let mut hash = [0; 32];
            // Never shown: somebody may have put the secret itself there.
            if hex::decode_to_slice(text, &mut hash).is_err() {
                self.wrong(
                    field,
                    "must be the SHA-256 of the secret in 64 hexadecimal digits, not the secret; `api client secret` makes both",
                );
            } else if secrets.contains(&hash) {
                self.wrong(field, "is there twice; remove one");
            } else {
                secrets.push(hash);
            }
        }
        secrets
    }

    fn keys(&mut self, folder: &Path) -> Option<ClientKeys> {
        let inline = self.table.remove("jwks");
        let file: Option<String> = self.text("jwks_file");
        let (field, jwks) = match (inline, file) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.wrong("jwks", "stands beside jwks_file; keep one of them");
                return None;
            }
            (Some(Value::String(text)), None) => ("jwks", serde_json::from_str(&text).ok()),
            (Some(value), None) => ("jwks", serde_json::to_value(value).ok()),
            (None, Some(file)) => {
                let path = folder.join(&file);
                let small =
                    std::fs::metadata(&path).is_ok_and(|meta| meta.len() <= MAX_KEY_FILE_BYTES);
                let text = std::fs::read_to_string(&path).ok().filter(|_| small);
                let Some(text) = text else {
                    self.wrong("jwks_file", format!("`{}` cannot be read", path.display()));
                    return None;
                };
                ("jwks_file", serde_json::from_str(&text).ok())
            }
        };
        let keys = jwks.ok_or_else(|| "is no JSON".to_owned());
        match keys.and_then(|jwks| ClientKeys::from_jwks(&jwks)) {
            Ok(keys) => Some(keys),
            Err(problem) => {
                self.wrong(field, problem);
                None
            }
        }
    }

    fn scopes(&mut self) -> BTreeSet<String> {
        let field = "scopes";
        if !self.table.contains_key(field) {
            return KNOWN_SCOPES.map(str::to_owned).into();
        }
        let known = |scope: &str| match scope {
            "offline_access" => Err(AddressProblem(
                "is allowed by `offline = true`; leave it out here".to_owned(),
            )),
            scope if KNOWN_SCOPES.contains(&scope) => Ok(()),
            _ => Err(AddressProblem(format!(
                "is none of {}",
                KNOWN_SCOPES.join(", ")
            ))),
        };
        let scopes: BTreeSet<String> = self.list(field, known).into_iter().collect();
        if !scopes.contains("openid") {
            self.wrong(
                field,
                "lacks `openid`, without which nobody can be signed in; add it",
            );
        }
        scopes
    }

    fn unknown_fields(&mut self) {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for name in unknown {
            if FIELDS.contains(&name.as_str()) {
                continue;
            }
            let close = FIELDS
                .into_iter()
                .map(|field| (strsim::jaro_winkler(field, &name), field))
                .max_by(|one, other| one.0.total_cmp(&other.0))
                .filter(|(likeness, _)| *likeness > 0.8);
            let advice = match close {
                Some((_, field)) => format!("; did you mean {field}?"),
                None => format!("; known are {}", FIELDS.join(", ")),
            };
            self.wrong(&name, format!("is no field of a client{advice}"));
        }
    }
}

/// Reads a client; what is wrong with it is added to the problems.
pub(super) fn read_entry(
    table: Table,
    place: usize,
    folder: &Path,
    problems: &mut Vec<ClientProblem>,
) -> Option<Client> {
    let given = table.get("id").and_then(Value::as_str);
    let named = given.filter(|id| !id.is_empty() && id.len() <= MAX_ID_CHARS);
    let client = named.map_or_else(
        || format!("number {place}"),
        |id| id.escape_debug().to_string(),
    );
    let mut entry = ClientEntry {
        table,
        client,
        problems,
    };
    entry.unknown_fields();
    let id = entry.name("id", MAX_ID_CHARS);
    if let Some(id) = &id
        && !id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        entry.wrong(
            "id",
            "must be of a-z, A-Z and 0-9 only: libraries encode everything else differently",
        );
    }
    let name = entry.name("name", MAX_NAME_CHARS);
    let no_type = !entry.table.contains_key("type");
    let kind: Option<ClientType> = entry.take("type", "\"web\", \"spa\" or \"native\"");
    if no_type {
        entry.wrong("type", "is missing; it is \"web\", \"spa\" or \"native\"");
    }
    // The other fields are read as those of a site, so that one look names all that is wrong.
    let checked_as = kind.unwrap_or(ClientType::Web);
    let secrets = entry.secrets();
    let no_redirect = !entry.table.contains_key("redirect_uris");
    let redirect = |address: &str| check_redirect(checked_as, address);
    let redirect_uris = entry.list("redirect_uris", redirect);
    if no_redirect || (redirect_uris.is_empty() && kind.is_some()) {
        entry.wrong(
            "redirect_uris",
            "is empty; name where people are led back to",
        );
    }
    let post_logout_redirect_uris = entry.list("post_logout_redirect_uris", redirect);
    let origins_given = entry.table.contains_key("origins");
    let mut origins = entry.list("origins", check_origin);
    if checked_as == ClientType::Spa && !origins_given {
        origins = origins_of(&redirect_uris);
    }
    let scopes = entry.scopes();
    let offline = entry.switch("offline", false);
    let id_token_alg: Option<IdTokenAlg> =
        entry.take("id_token_alg", "\"RS256\", \"ES256\" or \"EdDSA\"");
    let require_pkce = entry.switch("require_pkce", true);
    let backchannel_logout_uri = entry.text("backchannel_logout_uri");
    if let Some(address) = &backchannel_logout_uri
        && let Err(problem) = check_redirect(ClientType::Web, address)
    {
        entry.wrong("backchannel_logout_uri", problem.to_string());
    }
    let keys_given = entry.table.contains_key("jwks") || entry.table.contains_key("jwks_file");
    let keys = entry.keys(folder);
    let confidential = !secrets.is_empty() || keys_given;
    match kind {
        Some(ClientType::Web) if !confidential => entry.wrong(
            "secret_sha256",
            "is missing; a site proves itself by a secret (`api client secret`) or by jwks. What runs in browsers only is `type = \"spa\"`",
        ),
        Some(ClientType::Spa | ClientType::Native) if confidential => entry.wrong(
            if secrets.is_empty() { "jwks" } else { "secret_sha256" },
            "is of no use: anyone who has the program has what is in it; remove it, PKCE protects this type",
        ),
        _ => {}
    }
    if !require_pkce && kind.is_some_and(|kind| kind != ClientType::Web) {
        entry.wrong(
            "require_pkce",
            "may be false only for `type = \"web\"`, which proves itself; remove the line",
        );
    }
    Some(Client {
        id: id?,
        name: name?,
        kind: kind?,
        secrets,
        keys,
        redirect_uris,
        post_logout_redirect_uris,
        origins,
        scopes,
        offline,
        id_token_alg: id_token_alg.unwrap_or_default(),
        require_pkce,
        backchannel_logout_uri,
    })
}

/// Where the pages of a single-page app are, by where people come back to.
fn origins_of(redirect_uris: &[String]) -> Vec<String> {
    let origins = redirect_uris
        .iter()
        .filter_map(|address| url::Url::parse(address).ok());
    let origins = origins.map(|url| url.origin().ascii_serialization());
    let origins: BTreeSet<String> = origins.filter(|origin| origin != "null").collect();
    origins.into_iter().collect()
}
