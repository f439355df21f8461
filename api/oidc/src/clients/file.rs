//! The file itself, and everything that is wrong with it at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::Client;
use super::entry::read_entry;

/// Thousands of clients fit; anything larger is another file.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// All clients, by id.
#[derive(Clone, Debug, Default)]
pub struct Clients(BTreeMap<String, Client>);

/// One thing that is wrong with a file of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientProblem {
    /// The id of the client, or its place in the file where it has none; empty for the file itself.
    pub client: String,
    /// The field; empty for the client itself.
    pub field: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Everything that is wrong with a file of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientsError {
    /// The file.
    pub file: PathBuf,
    /// Never empty.
    pub problems: Vec<ClientProblem>,
}

impl std::error::Error for ClientsError {}

impl fmt::Display for ClientsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = if self.problems.len() == 1 {
            ""
        } else {
            ":\n  "
        };
        let many = if many.is_empty() { " " } else { many };
        write!(f, "`{}` (OIDC_CLIENTS_FILE){many}", self.file.display())?;
        let problems = self.problems.iter().map(ClientProblem::to_string);
        f.write_str(&problems.collect::<Vec<_>>().join("\n  "))
    }
}

impl fmt::Display for ClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.client.is_empty() {
            write!(f, "client `{}`: ", self.client)?;
        }
        if !self.field.is_empty() {
            write!(f, "{} ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl Clients {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ClientsError> {
        let wrong = |message: String| ClientsError {
            file: path.to_owned(),
            problems: vec![of_file(message)],
        };
        let cannot = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
        if std::fs::metadata(path).map_err(cannot)?.len() > MAX_BYTES {
            return Err(wrong(format!("has more than {MAX_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(cannot)?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file; `path` is where it lies, for errors and for files that it names.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ClientsError> {
        let mut problems = Vec::new();
        let clients = Self::collect(text, path, &mut problems);
        if problems.is_empty() {
            return Ok(clients);
        }
        Err(ClientsError {
            file: path.to_owned(),
            problems,
        })
    }

    fn collect(text: &str, path: &Path, problems: &mut Vec<ClientProblem>) -> Self {
        let mut clients = BTreeMap::new();
        // As some editors begin a file.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut document: toml::Table = match text.parse() {
            Ok(document) => document,
            Err(error) => {
                problems.push(of_file(not_toml(&error, text)));
                return Self::default();
            }
        };
        let entries = match document.remove("clients") {
            None => Vec::new(),
            Some(toml::Value::Array(entries)) => entries,
            Some(_) => {
                problems.push(of_file(
                    "must begin each client with `[[clients]]`".to_owned(),
                ));
                Vec::new()
            }
        };
        for name in document.keys() {
            problems.push(of_file(format!(
                "holds `{name}`, which means nothing here; each client begins with `[[clients]]`"
            )));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        for (index, entry) in entries.into_iter().enumerate() {
            let toml::Value::Table(entry) = entry else {
                problems.push(of_file(
                    "must begin each client with `[[clients]]`".to_owned(),
                ));
                continue;
            };
            let Some(client) = read_entry(entry, index + 1, folder, problems) else {
                continue;
            };
            let id = client.id.clone();
            if clients.insert(id.clone(), client).is_some() {
                problems.push(ClientProblem {
                    client: id,
                    field: "id".to_owned(),
                    message: "is there twice; rename or remove one".to_owned(),
                });
            }
        }
        Self(clients)
    }

    /// The client of this id.
    pub fn find(&self, id: &str) -> Option<&Client> {
        self.0.get(id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn of_file(message: String) -> ClientProblem {
    ClientProblem {
        client: String::new(),
        field: String::new(),
        message,
    }
}

/// Where the text stops being TOML, without showing what stands there: it could be a secret.
fn not_toml(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().and_then(|span| text.get(..span.start));
    let line = line.map_or(1, |before| before.matches('\n').count() + 1);
    format!("is not TOML at line {line}: {}", error.message())
}
