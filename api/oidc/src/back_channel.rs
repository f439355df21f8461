//! Tells the servers of clients that somebody logged out (OpenID Connect Back-Channel Logout 1.0).

mod destination;

use std::sync::Arc;
use std::time::Duration;

use flows::grants::{drop_logout, due_logouts, logout_token, note_logout};
use flows::{Flows, LogoutResult};
use futures::StreamExt as _;
use http::StatusCode;
use reqwest::redirect::Policy;
use shared::records::{BackChannelLogout, RecordsError};
use tokio_util::sync::CancellationToken;

use crate::clients::{Client, Clients};
use destination::{Destination, Reach};

/// A log-out is told about within so long.
const PAUSE: Duration = Duration::from_secs(1);
/// After that many more are looked for at once.
const BATCH: u32 = 32;
/// So many clients are called at once; with the times below a batch ends before its lease.
const AT_ONCE: usize = 8;
const CONNECT: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(5);

/// Calls clients. What they answer is not read beyond its status.
#[derive(Clone, Debug)]
pub(crate) struct BackChannel {
    flows: Arc<Flows>,
    clients: Arc<Clients>,
    http: reqwest::Client,
    reach: Reach,
}

impl BackChannel {
    /// For these clients. Addresses of this machine are called only where the service itself is one for
    /// development, private ones never: a file of clients is no way into the house.
    pub(crate) fn new(flows: Arc<Flows>, clients: Arc<Clients>) -> Result<Self, reqwest::Error> {
        let reach = Reach::of_issuer(flows.id_tokens().issuer());
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(reach))
            .build()?;
        Ok(Self {
            flows,
            clients,
            http,
            reach,
        })
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut away = false;
        while !shutdown.is_cancelled() {
            match self.tell_some().await {
                Ok(told) => {
                    away = false;
                    if told == BATCH as usize {
                        continue;
                    }
                }
                Err(error) => {
                    if !away {
                        tracing::warn!(%error, "applications are not told of log-outs while the database is away");
                    }
                    away = true;
                }
            }
            shutdown
                .run_until_cancelled(tokio::time::sleep(PAUSE))
                .await;
        }
    }

    /// Tells some clients; says how many there were.
    pub(crate) async fn tell_some(&self) -> Result<usize, RecordsError> {
        let due = due_logouts(&self.flows, BATCH).await?;
        let count = due.len();
        let told = futures::stream::iter(due).map(|logout| async move { self.tell(&logout).await });
        let results: Vec<_> = told.buffer_unordered(AT_ONCE).collect().await;
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(count)
    }

    async fn tell(&self, logout: &BackChannelLogout) -> Result<(), RecordsError> {
        let client = self.clients.find(&logout.client);
        let address =
            client.and_then(|client| Some((client, client.backchannel_logout_uri.as_deref()?)));
        let Some((client, address)) = address else {
            return drop_logout(&self.flows, logout).await;
        };
        let result = match Destination::parse(address, self.reach) {
            Ok(destination) => self.call(logout, client, destination).await,
            Err(problem) => {
                tracing::warn!(client = logout.client, "backchannel_logout_uri {problem}");
                LogoutResult::Refused
            }
        };
        note_logout(&self.flows, logout, result).await
    }

    async fn call(
        &self,
        logout: &BackChannelLogout,
        client: &Client,
        destination: Destination,
    ) -> LogoutResult {
        let token = match logout_token(&self.flows, logout, client.id_token_alg) {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(%error, client = client.id, "a logout token cannot be signed");
                return LogoutResult::Again;
            }
        };
        let request = self.http.post(destination.into_url());
        match request.form(&[("logout_token", token)]).send().await {
            Ok(answer) if answer.status().is_success() => LogoutResult::Told,
            Ok(answer) if answer.status() == StatusCode::BAD_REQUEST => {
                tracing::warn!(
                    client = client.id,
                    "an application refuses to be told of a log-out (400): its own log says why"
                );
                LogoutResult::Refused
            }
            Ok(answer) => {
                let status = answer.status().as_u16();
                let attempts = logout.attempts;
                tracing::info!(
                    client = client.id,
                    status,
                    attempts,
                    "an application does not take a log-out"
                );
                LogoutResult::Again
            }
            Err(error) => {
                let (error, attempts) = (error.without_url(), logout.attempts);
                tracing::info!(client = client.id, %error, attempts, "an application cannot be told of a log-out");
                LogoutResult::Again
            }
        }
    }
}
