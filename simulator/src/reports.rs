//! Delivery reports to the account's callback URL.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use reqwest::{Client, StatusCode, redirect::Policy};

use crate::{
    clock::UnixMillis,
    store::{
        account::{Account, CallbackMethod, CallbackSettings},
        delivery::DeliveryStatus,
        messages::Messages,
    },
};

/// Reports that wait for their moment.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// By moment, and by the order in which they were planned.
    waiting: BTreeMap<(UnixMillis, u64), Report>,
    planned: u64,
}

/// One report of one state of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    messageid: u64,
    status: DeliveryStatus,
    tried: u32,
}

impl Reports {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Plans the reports of new messages: each change of state, at its moment.
    pub(crate) fn plan(&mut self, account: &Account, messages: &Messages, made: &[u64]) {
        let Some(settings) = &account.callback else {
            return;
        };
        for message in made.iter().filter_map(|id| messages.get(*id)) {
            if message.draft.method == "verify/lookup" && !settings.lookups {
                continue;
            }
            let changes = message.draft.path.changes();
            let last = changes.last().map_or(message.created, |(at, _)| *at);
            for (index, (at, status)) in changes.iter().enumerate() {
                let is_last = index + 1 == changes.len();
                let due = if settings.out_of_order && !is_last {
                    last + 1
                } else {
                    *at
                };
                let report = Report {
                    messageid: message.id,
                    status: *status,
                    tried: 0,
                };
                if settings.duplicates {
                    self.wait(due, report);
                }
                self.wait(due, report);
            }
        }
    }

    /// Plans the report of a cancelled message.
    pub(crate) fn plan_cancelled(&mut self, account: &Account, ids: &[u64], now: UnixMillis) {
        if account.callback.is_some() {
            for id in ids {
                let status = DeliveryStatus::CANCELLED;
                self.wait(
                    now,
                    Report {
                        messageid: *id,
                        status,
                        tried: 0,
                    },
                );
            }
        }
    }

    fn wait(&mut self, due: UnixMillis, report: Report) {
        self.planned += 1;
        self.waiting.insert((due, self.planned), report);
    }

    /// Takes the reports that are due; those of states that a cancelled message never reached are
    /// dropped.
    pub(crate) fn take_due(&mut self, messages: &Messages, now: UnixMillis) -> Vec<Report> {
        let later = self.waiting.split_off(&(now + 1, 0));
        let due = std::mem::replace(&mut self.waiting, later);
        due.into_values()
            .filter(|report| {
                let message = messages.get(report.messageid);
                message.is_none_or(|message| {
                    let mut changes = message.draft.path.changes().iter();
                    changes.any(|(_, status)| *status == report.status)
                })
            })
            .collect()
    }

    /// Tries a report again later, unless it was tried often enough.
    pub(crate) fn put_off(&mut self, report: Report, settings: &CallbackSettings, now: UnixMillis) {
        if report.tried < settings.retries {
            let due = now + UnixMillis::from(settings.retry_ms);
            self.wait(
                due,
                Report {
                    tried: report.tried + 1,
                    ..report
                },
            );
        }
    }
}

/// Sends reports. Its HTTP client is made for the first one: a machine without root certificates can
/// do without.
#[derive(Debug, Default)]
pub(crate) struct Reporter(OnceLock<Client>);

impl Reporter {
    /// Sends a report; true when it was answered with 200.
    pub(crate) async fn send(&self, report: Report, to: &CallbackSettings) -> bool {
        match self.try_send(report, to).await {
            Ok(status) => status == StatusCode::OK,
            Err(error) => {
                // The receiver's URL may hold a secret.
                let error = error.without_url();
                tracing::warn!(%error, "a delivery report did not arrive");
                false
            }
        }
    }

    async fn try_send(&self, report: Report, to: &CallbackSettings) -> reqwest::Result<StatusCode> {
        let client = self.client()?;
        let fields = [
            ("messageid", report.messageid.to_string()),
            ("status", report.status.code().to_string()),
        ];
        let request = match to.method {
            CallbackMethod::Post => client.post(&to.url).form(&fields),
            CallbackMethod::Get => client.get(&to.url).query(&fields),
        };
        Ok(request.send().await?.status())
    }

    fn client(&self) -> reqwest::Result<&Client> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .timeout(Duration::from_secs(10))
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(self.0.get_or_init(|| client))
    }
}
