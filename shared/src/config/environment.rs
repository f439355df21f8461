//! What the process was started with, as a value, so that tests pass their own.

use std::collections::{BTreeMap, BTreeSet};

/// Names and values of environment variables. Debug output is left out: values are secrets.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    /// Variables whose value is not UTF-8.
    unreadable: BTreeSet<String>,
}

impl Environment {
    /// The variables of this process.
    pub fn from_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(value) => environment.values.insert(name, value).map(|_| ()),
                Err(_) => environment.unreadable.insert(name).then_some(()),
            };
        }
        environment
    }

    /// These variables and no others.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let values = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            values,
            unreadable: BTreeSet::new(),
        }
    }

    /// The value of a variable without surrounding white space; an empty one counts as unset.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn is_unreadable(&self, name: &str) -> bool {
        self.unreadable.contains(name)
    }

    /// The names of all variables that are set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values
            .keys()
            .map(String::as_str)
            .filter(|name| self.get(name).is_some())
    }
}
