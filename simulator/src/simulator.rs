//! The simulator as a whole: its state, its router, its settings.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{any, get, post},
};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    Account, Clock, FaultRule, ReceivedMessage, admin,
    faults::{CallRate, FaultRules},
    gateway::{self, spelled},
    host, inbox,
    journal::{Journal, JournalEntry, Written},
    reports::{Reporter, Reports},
    stats::Stats,
    store::{inbound::Inbound, message::Message, messages::Messages},
};

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Keys that are accepted; none at all means every key of letters and digits.
    pub api_keys: Vec<String>,
    /// Where the journal is appended, if it is kept.
    pub journal: Option<PathBuf>,
    /// Messages that are kept; beyond it the oldest is forgotten.
    pub capacity: usize,
    /// The account at the start.
    pub account: Account,
    /// The time.
    pub clock: Clock,
    /// The address of the page on which codes are given back, to be shown in the inbox.
    pub sign_in_page: Option<String>,
    /// Names that requests may be for, beside `localhost`, every address and the gateway's own name.
    pub hosts: Vec<String>,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            api_keys: Vec::new(),
            journal: None,
            capacity: 100_000,
            account: Account::default(),
            clock: Clock::system(),
            sign_in_page: None,
            hosts: Vec::new(),
        }
    }
}

/// A simulated gateway with its inbox. Clones share everything.
#[derive(Clone, Debug)]
pub struct Simulator(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keys: Vec<String>,
    clock: Clock,
    sign_in_page: Option<String>,
    hosts: Vec<String>,
    journal: Option<Journal>,
    state: Mutex<State>,
    reports_changed: Notify,
    reporter: Reporter,
}

/// All that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) account: Account,
    pub(crate) messages: Messages,
    pub(crate) inbound: Inbound,
    pub(crate) faults: FaultRules,
    pub(crate) calls: CallRate,
    pub(crate) stats: Stats,
    pub(crate) reports: Reports,
}

impl Simulator {
    /// A simulator with an empty inbox. Fails when the journal cannot be opened.
    pub fn new(config: SimulatorConfig) -> io::Result<Self> {
        let journal = config.journal.as_deref().map(Journal::open).transpose()?;
        Ok(Self(Arc::new(Shared {
            keys: config.api_keys,
            clock: config.clock,
            sign_in_page: config.sign_in_page,
            hosts: config.hosts,
            journal,
            state: Mutex::new(State {
                account: config.account,
                messages: Messages::new(config.capacity),
                inbound: Inbound::new(config.capacity),
                faults: FaultRules::default(),
                calls: CallRate::default(),
                stats: Stats::default(),
                reports: Reports::default(),
            }),
            reports_changed: Notify::new(),
            reporter: Reporter::default(),
        })))
    }

    /// The address of the page on which codes are given back, if it is known.
    pub(crate) fn sign_in_page(&self) -> Option<&str> {
        self.0.sign_in_page.as_deref()
    }

    /// Names that requests may be for.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.0.hosts
    }

    /// The gateway under `/v1/`, the controls under `/_sim/` and the inbox at `/`.
    ///
    /// Served with connect info (`into_make_service_with_connect_info::<SocketAddr>`), the
    /// account's `allowed_ips` sees the caller's address; without it every caller is 127.0.0.1.
    /// Served behind a [`ResettableAcceptor`](crate::ResettableAcceptor), reset faults send a TCP
    /// RST; otherwise they end the connection without an answer.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/{*path}", any(gateway::handle))
            .route(
                "/_sim/faults",
                get(admin::faults)
                    .put(admin::set_faults)
                    .delete(admin::no_faults),
            )
            .route(
                "/_sim/account",
                get(admin::account).put(admin::change_account),
            )
            .route(
                "/_sim/messages",
                get(admin::messages).delete(admin::clear_messages),
            )
            .route(
                "/_sim/inbound",
                post(admin::add_inbound).delete(admin::clear_inbound),
            )
            .route("/_sim/stats", get(admin::stats).delete(admin::clear_stats))
            .route("/", get(inbox::page))
            .route("/_sim/inbox.css", get(inbox::style))
            .route("/_sim/inbox.js", get(inbox::script))
            .route("/_sim/inbox.svg", get(inbox::icon))
            .layer(from_fn_with_state(self.clone(), host::only_for_us))
            .with_state(self.clone())
    }

    /// Sends delivery reports to the account's callback URL as they fall due, for ever. Spawn it
    /// beside the server; without it no report leaves.
    pub async fn send_reports(&self) {
        /// How long a due report may wait at most, so that a moved clock is noticed.
        const LOOK: Duration = Duration::from_millis(50);
        loop {
            self.send_due_reports().await;
            if self.state().reports.is_empty() {
                self.0.reports_changed.notified().await;
            } else {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Sends the delivery reports that are due now, in their order, and returns how many were
    /// answered with 200; the others are put off.
    pub async fn send_due_reports(&self) -> usize {
        let (settings, due) = {
            let mut state = self.state();
            let State {
                account,
                messages,
                reports,
                ..
            } = &mut *state;
            (
                account.callback.clone(),
                reports.take_due(messages, self.0.clock.now()),
            )
        };
        let Some(settings) = settings else { return 0 };
        let mut delivered = 0;
        for report in due {
            if self.0.reporter.send(report, &settings).await {
                delivered += 1;
            } else {
                self.state()
                    .reports
                    .put_off(report, &settings, self.0.clock.now());
            }
        }
        delivered
    }

    /// Messages as their handsets show them, newest first. `receptor` may have any form that the
    /// gateway accepts.
    pub fn messages(&self, receptor: Option<&str>, limit: usize) -> Vec<ReceivedMessage> {
        let now = self.0.clock.now();
        let state = self.state();
        let received = |message: &Message| message.received(now);
        if let Some(receptor) = receptor {
            let of_one = state.messages.to_receptor(&spelled(receptor));
            of_one.take(limit).map(received).collect()
        } else {
            state
                .messages
                .newest_first()
                .take(limit)
                .map(received)
                .collect()
        }
    }

    /// How many calls of a method, for example `verify/lookup`, came since the start or since the
    /// counts were cleared.
    pub fn calls(&self, method: &str) -> u64 {
        self.state().stats.calls(method)
    }

    /// The account as it is now.
    pub fn account(&self) -> Account {
        self.state().account.clone()
    }

    /// Changes the fields of the account that `change` names, as `PUT /_sim/account` does. The
    /// error says which field is wrong; nothing is changed then.
    pub fn change_account(&self, change: Value) -> Result<Account, String> {
        let mut state = self.state();
        state.account = state.account.changed(change)?;
        Ok(state.account.clone())
    }

    /// Puts these fault rules in the place of all others. The error says what is wrong.
    pub fn set_faults(&self, rules: Vec<FaultRule>) -> Result<(), String> {
        self.state().faults = FaultRules::new(rules)?;
        Ok(())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it changes the state half; going on is better than a dead gateway.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn keys(&self) -> &[String] {
        &self.0.keys
    }

    pub(crate) fn note(&self, entry: JournalEntry) -> Option<Written> {
        self.0.journal.as_ref().map(|journal| journal.note(entry))
    }

    pub(crate) fn reports_changed(&self) {
        self.0.reports_changed.notify_one();
    }
}
