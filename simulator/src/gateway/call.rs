//! One call as it came in.

use std::net::IpAddr;

use axum::http::{Method as Verb, Uri};

use super::{
    method::Method,
    parameters::{Parameters, comma_list},
    receptor::spelled,
    sending::LOCALID_NAMES,
    status::ReturnStatus,
};
use crate::{clock::UnixMillis, journal::JournalEntry};

/// One call of the gateway, parsed but not judged.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) key: String,
    pub(crate) method: Option<Method>,
    pub(crate) parameters: Parameters,
    pub(crate) peer: IpAddr,
}

impl Call {
    pub(crate) fn read(verb: Verb, uri: &Uri, form: &[u8], peer: IpAddr) -> Self {
        let path = uri.path().trim_start_matches('/');
        let path = path.strip_prefix("v1/").unwrap_or(path);
        let (key, path) = path.split_once('/').unwrap_or((path, ""));
        Self {
            verb,
            key: key.to_owned(),
            method: Method::of_path(path),
            parameters: Parameters::parse(uri.query(), form),
            peer,
        }
    }

    pub(crate) fn method_name(&self) -> &'static str {
        self.method.map_or("unknown", Method::name)
    }

    /// The receptors in the gateway's spelling, for fault rules and the journal.
    pub(crate) fn receptors(&self) -> Vec<String> {
        self.list("receptor")
            .iter()
            .map(|receptor| spelled(receptor))
            .collect()
    }

    fn localids(&self) -> Vec<u64> {
        let list = LOCALID_NAMES.iter().flat_map(|name| self.list(name));
        list.filter_map(|localid| localid.parse().ok()).collect()
    }

    /// The items of a list that is JSON text or separated by commas.
    fn list(&self, name: &str) -> Vec<String> {
        let Some(value) = self.parameters.optional(name) else {
            return Vec::new();
        };
        if let Ok(items) = serde_json::from_str::<Vec<serde_json::Value>>(value) {
            let text = |item: &serde_json::Value| match item.as_str() {
                Some(text) => text.to_owned(),
                None => item.to_string(),
            };
            return items.iter().map(text).collect();
        }
        comma_list(value).into_iter().map(str::to_owned).collect()
    }

    /// The line of the journal: neither key nor text nor tokens.
    pub(crate) fn journal_entry(
        &self,
        at: UnixMillis,
        verdict: Option<ReturnStatus>,
        messageids: Vec<u64>,
        duplicate: bool,
        fault: Option<&'static str>,
    ) -> JournalEntry {
        let short = |name: &str| {
            self.parameters
                .optional(name)
                .map(|value| value.chars().take(64).collect::<String>())
        };
        JournalEntry {
            at,
            method: self.method_name(),
            verb: self.verb.as_str().chars().take(16).collect(),
            receptors: self.receptors(),
            localids: self.localids(),
            template: short("template"),
            kind: short("type"),
            sender: short("sender"),
            status: verdict.map(ReturnStatus::code),
            messageids,
            duplicate,
            fault,
        }
    }
}
