//! Counts since the start: `GET /_sim/stats`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gateway::ReturnStatus;

/// Counts of calls.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Stats {
    /// Calls by method and `return.status`; `none` for calls that never came to a verdict.
    requests: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Calls by the fault that hit them.
    faults: BTreeMap<&'static str, u64>,
    /// Calls with a local id that was known already.
    duplicates: u64,
}

impl Stats {
    /// Calls of a method, however they ended.
    pub(crate) fn calls(&self, method: &str) -> u64 {
        self.requests
            .get(method)
            .map_or(0, |verdicts| verdicts.values().sum())
    }

    pub(crate) fn count(
        &mut self,
        method: &'static str,
        verdict: Option<ReturnStatus>,
        fault: Option<&'static str>,
        duplicate: bool,
    ) {
        let verdict = verdict.map_or_else(|| "none".to_owned(), |it| it.code().to_string());
        *self
            .requests
            .entry(method)
            .or_default()
            .entry(verdict)
            .or_default() += 1;
        if let Some(fault) = fault {
            *self.faults.entry(fault).or_default() += 1;
        }
        self.duplicates += u64::from(duplicate);
    }
}
