//! `api client`: the sites and apps that sign people in by OpenID Connect.

mod edit;
mod hints;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use domain::random::Random;
use oidc::clients::{Client, ClientProblem, ClientType, Clients, ClientsError};
use sha2::{Digest as _, Sha256};
use shared::config::{ClientsFileConfig, Environment};
use toml_edit::{Array, Table, value};

use super::CommandResult;
use super::whole_file::{WholeFile, WholeFileError};
use edit::{ClientsText, EditError};

/// List, add, check and remove the sites and apps that sign people in by OpenID Connect.
///
/// Works on the file that `OIDC_CLIENTS_FILE` names and reads no other setting. Comments in the file
/// stay. What is changed holds from the next start of each api.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The file of the clients [default: `OIDC_CLIENTS_FILE`].
    #[arg(long, value_name = "PATH", global = true)]
    file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// Add a client; the secret of a site is shown this once.
    Add(Box<NewClient>),
    /// List the clients.
    List,
    /// Say what is wrong with the clients, or with one, and what to write instead.
    Check {
        /// The client [default: all].
        id: Option<String>,
    },
    /// Give a client another secret beside the one that it has; it is shown this once.
    Secret {
        /// The client.
        id: String,
        /// Remove the older of its two secrets instead.
        #[arg(long)]
        retire: bool,
    },
    /// Remove a client; nobody can sign in by it any more.
    Remove {
        /// The client.
        id: String,
    },
}

#[derive(Args)]
struct NewClient {
    /// Its name in the protocol: letters and digits.
    id: String,
    /// Its name for people, who see it on the page of sign-in.
    #[arg(long)]
    name: String,
    /// web: a site with a server; spa: a page whose script asks for tokens; native: an app.
    #[arg(long = "type", value_enum)]
    kind: Kind,
    /// Where people are led back to; may be given several times.
    #[arg(long = "redirect-uri", value_name = "URL", required = true)]
    redirect_uris: Vec<String>,
    /// Where they may be led after they logged out; may be given several times.
    #[arg(long = "post-logout-redirect-uri", value_name = "URL")]
    post_logout_redirect_uris: Vec<String>,
    /// An origin whose scripts may ask for tokens; may be given several times.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// What it may ask for, `openid` among it; may be given several times [default: all].
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Its tokens outlive the sign-on in the browser.
    #[arg(long)]
    offline: bool,
    /// How its ID tokens are signed: RS256, ES256 or `EdDSA` [default: RS256].
    #[arg(long, value_name = "ALG")]
    id_token_alg: Option<String>,
    /// It cannot send a PKCE challenge; only for `web`.
    #[arg(long)]
    without_pkce: bool,
    /// Where it is told that somebody logged out.
    #[arg(long, value_name = "URL")]
    backchannel_logout_uri: Option<String>,
    /// The file of its public keys (a JWK set); then it has no secret.
    #[arg(long, value_name = "PATH")]
    jwks_file: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Web,
    Spa,
    Native,
}

/// Why the command changed nothing; holds no secret.
#[derive(Debug, thiserror::Error)]
enum ClientCommandError {
    #[error(transparent)]
    File(#[from] WholeFileError),
    #[error("{0}: {1}")]
    Edit(PathBuf, EditError),
    #[error("nothing was changed; this is wrong:{0}")]
    Wrong(String),
    #[error("{0} is not there; `api client add` makes it")]
    NoFile(PathBuf),
    #[error("this is wrong:{0}")]
    Check(String),
    #[error("{0}: {1}")]
    Jwks(PathBuf, std::io::Error),
}

pub(crate) fn run(arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = ClientsFileConfig::load(environment, arguments.file.as_deref())?;
    let (file, text) = WholeFile::open(&config.file)?;
    if file.metadata().is_none() && !matches!(arguments.action, Action::Add(_)) {
        return Err(ClientCommandError::NoFile(config.file).into());
    }
    match arguments.action {
        Action::Add(new) => add(&file, &text, &new)?,
        Action::List => list(&Clients::read(file.path())?),
        Action::Check { id } => check(&file, id.as_deref())?,
        Action::Secret { id, retire: false } => {
            let secret = new_secret();
            change(&file, &text, &id, |clients| {
                clients.add_secret(&id, &sha256(&secret))
            })?;
            say_secret(&secret);
            eprintln!("next: restart every api, give the client this secret,");
            eprintln!("then, if it had one before: `api client secret {id} --retire`");
        }
        Action::Secret { id, retire: true } => {
            change(&file, &text, &id, |clients| clients.retire_secret(&id))?;
            eprintln!("removed the older secret of client {id}");
            eprintln!("next: restart every api, which then refuses it");
        }
        Action::Remove { id } => {
            change(&file, &text, &id, |clients| clients.remove(&id))?;
            eprintln!("removed client {id}");
            eprintln!("next: restart every api, which then refuses it");
        }
    }
    Ok(())
}

fn add(file: &WholeFile, text: &str, new: &NewClient) -> CommandResult {
    let with_secret = matches!(new.kind, Kind::Web) && new.jwks_file.is_none();
    let secret = with_secret.then(new_secret);
    let table = new.table(secret.as_deref(), file.path())?;
    change(file, text, &new.id, |clients| clients.add(&new.id, table))?;
    eprintln!("added client {} to {}", new.id, file.path().display());
    println!("CLIENT_ID={}", new.id);
    if let Some(secret) = secret {
        say_secret(&secret);
    }
    eprintln!("next: restart every api, which reads it when it starts");
    Ok(())
}

/// On standard output and nowhere else; the file has its hash.
fn say_secret(secret: &str) {
    println!("CLIENT_SECRET={secret}");
    eprintln!("the secret is shown this once; Ramz keeps its SHA-256 only");
}

/// Letters and digits alone: libraries encode everything else differently.
fn new_secret() -> String {
    hex::encode(Random::operating_system().bytes::<32>())
}

fn sha256(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Edits the file, unless something would be wrong in it that was not wrong before.
fn change(
    file: &WholeFile,
    text: &str,
    id: &str,
    edit: impl FnOnce(&mut ClientsText) -> Result<(), EditError>,
) -> Result<(), ClientCommandError> {
    let refused = |error| ClientCommandError::Edit(file.path().to_owned(), error);
    let mut clients = ClientsText::parse(text).map_err(refused)?;
    edit(&mut clients).map_err(refused)?;
    let after = clients.render();
    let known = problems(text, file.path());
    let new: Vec<ClientProblem> = problems(&after, file.path())
        .into_iter()
        .filter(|problem| !known.contains(problem))
        .collect();
    if !new.is_empty() {
        return Err(ClientCommandError::Wrong(lines(&new)));
    }
    file.replace(&after)?;
    if known.iter().any(|problem| problem.client != id) {
        eprintln!("note: something else is wrong in the file; `api client check` says what");
    }
    Ok(())
}

fn problems(text: &str, path: &Path) -> Vec<ClientProblem> {
    Clients::parse(text, path).map_or_else(|error| error.problems, |_| Vec::new())
}

fn lines(problems: &[ClientProblem]) -> String {
    let mut lines = String::new();
    for problem in problems {
        lines.push_str(
            "
  ",
        );
        lines.push_str(&problem.to_string());
    }
    lines
}

fn list(clients: &Clients) {
    for client in clients.iter() {
        println!("{}  {}  {}", client.id, kind_of(client), client.name);
        for address in &client.redirect_uris {
            println!("    {address}");
        }
    }
    if clients.is_empty() {
        eprintln!("there is no client; `api client add` makes one");
    }
}

fn kind_of(client: &Client) -> &'static str {
    match client.kind {
        ClientType::Web => "web",
        ClientType::Spa => "spa",
        ClientType::Native => "native",
    }
}

/// What is wrong ends the command with 1; what is allowed and may still not be meant does not.
fn check(file: &WholeFile, id: Option<&str>) -> CommandResult {
    let concerns = |client: &str| id.is_none_or(|id| client.is_empty() || client == id);
    let clients = match Clients::read(file.path()) {
        Ok(clients) => clients,
        Err(ClientsError { problems, .. }) => {
            let (own, others): (Vec<_>, Vec<_>) = problems
                .into_iter()
                .partition(|problem| concerns(&problem.client));
            if own.is_empty() {
                println!("nothing is wrong with this client");
                eprintln!(
                    "note: {} things are wrong with others, and no api starts so",
                    others.len()
                );
                return Ok(());
            }
            return Err(ClientCommandError::Check(lines(&own)).into());
        }
    };
    if let Some(id) = id
        && clients.find(id).is_none()
    {
        let unknown = EditError::Unknown(id.to_owned());
        return Err(ClientCommandError::Edit(file.path().to_owned(), unknown).into());
    }
    let chosen = clients.iter().filter(|client| concerns(&client.id));
    let mut count = 0;
    for client in chosen {
        count += 1;
        for hint in hints::of(client) {
            println!("client `{}`: {hint}", client.id);
        }
    }
    if file.is_open_to_others() {
        println!("everybody on this machine may read the file; `chmod 600` it");
    }
    println!(
        "{count} {} right",
        if count == 1 {
            "client is"
        } else {
            "clients are"
        }
    );
    Ok(())
}

impl NewClient {
    /// As it stands in the file, where what is not said is left out.
    fn table(&self, secret: Option<&str>, file: &Path) -> Result<Table, ClientCommandError> {
        let mut table = Table::new();
        table.insert("id", value(&self.id));
        table.insert("name", value(&self.name));
        let kind = match self.kind {
            Kind::Web => "web",
            Kind::Spa => "spa",
            Kind::Native => "native",
        };
        table.insert("type", value(kind));
        if let Some(secret) = secret {
            table.insert("secret_sha256", value(sha256(secret)));
        }
        let lists = [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
            ("origins", &self.origins),
            ("scopes", &self.scopes),
        ];
        for (field, texts) in lists {
            if !texts.is_empty() {
                let list: Array = texts.iter().map(String::as_str).collect();
                table.insert(field, value(list));
            }
        }
        if self.offline {
            table.insert("offline", value(true));
        }
        if let Some(alg) = &self.id_token_alg {
            table.insert("id_token_alg", value(alg));
        }
        if self.without_pkce {
            table.insert("require_pkce", value(false));
        }
        if let Some(address) = &self.backchannel_logout_uri {
            table.insert("backchannel_logout_uri", value(address));
        }
        if let Some(path) = &self.jwks_file {
            table.insert("jwks_file", value(from_folder_of(file, path)?));
        }
        Ok(table)
    }
}

/// The file of clients names others from its own folder; the command line from the current one.
fn from_folder_of(file: &Path, path: &Path) -> Result<String, ClientCommandError> {
    let wrong = |error| ClientCommandError::Jwks(path.to_owned(), error);
    let path = std::fs::canonicalize(path).map_err(wrong)?;
    let folder = file
        .parent()
        .and_then(|folder| std::fs::canonicalize(folder).ok());
    let short = folder.and_then(|folder| path.strip_prefix(folder).ok().map(Path::to_owned));
    Ok(short.unwrap_or(path).to_string_lossy().into_owned())
}
