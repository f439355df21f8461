//! The file of clients as text: what is changed is one client, and comments stay where they are.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

/// A new file begins with it.
const HEAD: &str = "\
# The sites and apps that sign people in by OpenID Connect (OIDC_CLIENTS_FILE). Every api reads it when it starts.
# `api client check` says what is wrong with it.

";

/// Why nothing can be changed. Shows nothing of the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EditError {
    #[error("it is not TOML; `api client check` says where")]
    NotToml,
    #[error(
        "its clients stand in one list; write each as a `[[clients]]` of its own, then run this again"
    )]
    OneList,
    #[error("there is a client {0} already; take another id, or `api client remove {0}` first")]
    Known(String),
    #[error("there is no client {0}; `api client list` shows them")]
    Unknown(String),
    #[error(
        "client {0} has two secrets; when nobody uses the older one any more, `api client secret {0} --retire` removes it"
    )]
    TwoSecrets(String),
    #[error("client {0} has one secret; `api client secret {0}` gives it another beside it")]
    OneSecret(String),
    #[error(
        "its secret_sha256 is neither a text nor a list; `api client check` says what it must be"
    )]
    Secrets,
}

/// The clients of a file, to be changed.
pub(super) struct ClientsText {
    document: DocumentMut,
}

impl ClientsText {
    /// Reads a file; an empty one gets a head.
    pub(super) fn parse(text: &str) -> Result<Self, EditError> {
        // As some editors begin a file.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = if text.trim().is_empty() { HEAD } else { text };
        let document: DocumentMut = text.parse().map_err(|_| EditError::NotToml)?;
        let clients = document.get("clients");
        let usable = match clients {
            None | Some(Item::ArrayOfTables(_)) => true,
            Some(other) => other.as_array().is_some_and(Array::is_empty),
        };
        if usable {
            Ok(Self { document })
        } else {
            Err(EditError::OneList)
        }
    }

    /// The text as it is now.
    pub(super) fn render(&self) -> String {
        self.document.to_string()
    }

    /// Adds a client at the end.
    pub(super) fn add(&mut self, id: &str, mut client: Table) -> Result<(), EditError> {
        if self.place_of(id).is_ok() {
            return Err(EditError::Known(id.to_owned()));
        }
        if !self
            .document
            .get("clients")
            .is_some_and(Item::is_array_of_tables)
        {
            self.document.remove("clients");
        }
        // Comments at the end of the file stay above what is added below them.
        let mut before = self
            .document
            .trailing()
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.document.set_trailing("");
        let empty = self.clients().is_none_or(ArrayOfTables::is_empty);
        if !before.is_empty() && !before.ends_with('\n') {
            before.push('\n');
        }
        let apart = before.ends_with("\n\n") || (before.is_empty() && empty);
        if !apart {
            before.push('\n');
        }
        client.decor_mut().set_prefix(before);
        let clients = self.document.entry("clients");
        let clients = clients.or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(clients) = clients.as_array_of_tables_mut() {
            clients.push(client);
        }
        Ok(())
    }

    /// Removes a client, with the comment that stands right above it and no other.
    pub(super) fn remove(&mut self, id: &str) -> Result<(), EditError> {
        let place = self.place_of(id)?;
        let Some(clients) = self.clients_mut() else {
            return Err(EditError::Unknown(id.to_owned()));
        };
        let prefix = clients.get(place).and_then(|table| table.decor().prefix());
        let prefix = prefix
            .and_then(|prefix| prefix.as_str())
            .unwrap_or_default();
        // What is above the last blank line is about something else.
        let kept = prefix.rfind("\n\n").map(|end| prefix[..end + 2].to_owned());
        clients.remove(place);
        let Some(kept) = kept.filter(|kept| !kept.trim().is_empty()) else {
            return Ok(());
        };
        if let Some(next) = clients.get_mut(place) {
            let decor = next.decor_mut();
            let prefix = decor.prefix().and_then(|prefix| prefix.as_str());
            let rest = prefix.unwrap_or_default().trim_start_matches('\n');
            let joined = format!("{kept}{rest}");
            decor.set_prefix(joined);
        } else {
            let trailing = self.document.trailing().as_str().unwrap_or_default();
            let rest = trailing.trim_start_matches('\n');
            let apart = if rest.is_empty() { "" } else { "\n" };
            let joined = format!("{}\n{apart}{rest}", kept.trim_end());
            self.document.set_trailing(joined);
        }
        Ok(())
    }

    /// Gives a client one more secret beside the one that it has.
    pub(super) fn add_secret(&mut self, id: &str, sha256: &str) -> Result<(), EditError> {
        let mut secrets = self.secrets(id)?;
        if secrets.len() > 1 {
            return Err(EditError::TwoSecrets(id.to_owned()));
        }
        secrets.push(sha256.to_owned());
        self.set_secrets(id, &secrets)
    }

    /// Takes the older of two secrets away.
    pub(super) fn retire_secret(&mut self, id: &str) -> Result<(), EditError> {
        let secrets = self.secrets(id)?;
        match secrets.as_slice() {
            [_, newer] => self.set_secrets(id, std::slice::from_ref(newer)),
            _ => Err(EditError::OneSecret(id.to_owned())),
        }
    }

    fn secrets(&self, id: &str) -> Result<Vec<String>, EditError> {
        let place = self.place_of(id)?;
        let client = self.clients().and_then(|clients| clients.get(place));
        let Some(item) = client.and_then(|client| client.get("secret_sha256")) else {
            return Ok(Vec::new());
        };
        if let Some(one) = item.as_str() {
            return Ok(vec![one.to_owned()]);
        }
        let list = item.as_array().ok_or(EditError::Secrets)?;
        list.iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or(EditError::Secrets))
            .collect()
    }

    fn set_secrets(&mut self, id: &str, secrets: &[String]) -> Result<(), EditError> {
        let place = self.place_of(id)?;
        let item = match secrets {
            [one] => value(one.as_str()),
            many => value(many.iter().map(String::as_str).collect::<Array>()),
        };
        if let Some(client) = self
            .clients_mut()
            .and_then(|clients| clients.get_mut(place))
        {
            match client.get_mut("secret_sha256").and_then(Item::as_value_mut) {
                // A comment behind it stays.
                Some(old) => {
                    let decor = old.decor().clone();
                    if let Item::Value(mut new) = item {
                        *new.decor_mut() = decor;
                        *old = new;
                    }
                }
                None => {
                    client.insert("secret_sha256", item);
                }
            }
        }
        Ok(())
    }

    fn place_of(&self, id: &str) -> Result<usize, EditError> {
        let mut clients = self.clients().into_iter().flatten();
        let place = clients.position(|client| client.get("id").and_then(Item::as_str) == Some(id));
        place.ok_or_else(|| EditError::Unknown(id.to_owned()))
    }

    fn clients(&self) -> Option<&ArrayOfTables> {
        self.document
            .get("clients")
            .and_then(Item::as_array_of_tables)
    }

    fn clients_mut(&mut self) -> Option<&mut ArrayOfTables> {
        let clients = self.document.get_mut("clients");
        clients.and_then(Item::as_array_of_tables_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# Reviewed in spring.

# The shop itself.
[[clients]]
id = "shop"
type = "web"
secret_sha256 = "aa" # of May

# Notes for anyone who comes next.

# The app.
[[clients]]
id = "app"
type = "spa"
# The end.
"#;

    fn edited(text: &str, edit: impl FnOnce(&mut ClientsText) -> Result<(), EditError>) -> String {
        let mut clients = ClientsText::parse(text).expect("TOML");
        edit(&mut clients).expect("edited");
        clients.render()
    }

    fn named(id: &str) -> Table {
        let mut table = Table::new();
        table.insert("id", value(id));
        table
    }

    #[test]
    fn what_is_added_stands_at_the_end_and_all_else_is_as_it_was() {
        let added = edited(FILE, |clients| clients.add("new", named("new")));
        assert_eq!(added, format!("{FILE}\n[[clients]]\nid = \"new\"\n"));
        let twice = edited(&added, |clients| clients.add("more", named("more")));
        assert_eq!(twice, format!("{added}\n[[clients]]\nid = \"more\"\n"));
        let first = edited("", |clients| clients.add("new", named("new")));
        assert_eq!(first, format!("{HEAD}[[clients]]\nid = \"new\"\n"));
        for empty in [
            "# only words\n",
            "# only words",
            "clients = []\n# only words\n",
        ] {
            let first = edited(empty, |clients| clients.add("new", named("new")));
            assert_eq!(
                first, "# only words\n\n[[clients]]\nid = \"new\"\n",
                "{empty}"
            );
        }
        let mut clients = ClientsText::parse(FILE).expect("TOML");
        let again = clients.add("app", named("app"));
        assert_eq!(again, Err(EditError::Known("app".to_owned())));
        assert_eq!(clients.render(), FILE);
    }

    #[test]
    fn what_is_removed_takes_its_own_comment_along_and_no_other() {
        let without = edited(FILE, |clients| clients.remove("shop"));
        let wanted = "# Reviewed in spring.\n\n# Notes for anyone who comes next.\n\n# The app.\n[[clients]]\n\
                      id = \"app\"\ntype = \"spa\"\n# The end.\n";
        assert_eq!(without, wanted);
        let without = edited(FILE, |clients| clients.remove("app"));
        assert!(
            without.ends_with("# of May\n\n# Notes for anyone who comes next.\n\n# The end.\n"),
            "{without}"
        );
        let none = edited(&without, |clients| clients.remove("shop"));
        assert!(none.starts_with("# Reviewed in spring.\n"), "{none}");
        let again = edited(&none, |clients| clients.add("shop", named("shop")));
        assert!(again.starts_with(&none), "{again}");
        let mut clients = ClientsText::parse(FILE).expect("TOML");
        assert_eq!(
            clients.remove("sho"),
            Err(EditError::Unknown("sho".to_owned()))
        );
    }

    #[test]
    fn a_second_secret_stands_beside_the_first_until_that_is_retired() {
        let two = edited(FILE, |clients| clients.add_secret("shop", "bb"));
        assert_eq!(two, FILE.replace("\"aa\"", "[\"aa\", \"bb\"]"));
        let mut clients = ClientsText::parse(&two).expect("TOML");
        let third = clients.add_secret("shop", "cc");
        assert_eq!(third, Err(EditError::TwoSecrets("shop".to_owned())));
        let one = edited(&two, |clients| clients.retire_secret("shop"));
        assert_eq!(one, FILE.replace("\"aa\"", "\"bb\""));
        let mut clients = ClientsText::parse(&one).expect("TOML");
        let last = clients.retire_secret("shop");
        assert_eq!(
            last,
            Err(EditError::OneSecret("shop".to_owned())),
            "the last one stays"
        );
        let list = edited(
            "[[clients]]\nid = \"a\"\nsecret_sha256 = [\"aa\"]\n",
            |clients| clients.add_secret("a", "bb"),
        );
        assert!(
            list.ends_with("secret_sha256 = [\"aa\", \"bb\"]\n"),
            "{list}"
        );
        let none = edited("[[clients]]\nid = \"a\"\n", |clients| {
            clients.add_secret("a", "bb")
        });
        assert!(none.ends_with("secret_sha256 = \"bb\"\n"), "{none}");
        let mut broken =
            ClientsText::parse("[[clients]]\nid = \"a\"\nsecret_sha256 = 7\n").expect("TOML");
        assert_eq!(broken.add_secret("a", "bb"), Err(EditError::Secrets));
    }

    #[test]
    fn what_cannot_be_edited_is_refused() {
        let refused = |text: &str| ClientsText::parse(text).err();
        assert_eq!(refused("id = "), Some(EditError::NotToml));
        assert_eq!(
            refused("clients = [{ id = \"a\" }]"),
            Some(EditError::OneList)
        );
        assert_eq!(refused("clients = 7"), Some(EditError::OneList));
        assert_eq!(refused("\u{feff}[[clients]]\nid = \"a\"\n"), None);
    }
}
