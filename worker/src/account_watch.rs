//! Looks at the account from time to time: its credit, and two settings that harm sign-in codes.

use std::time::Duration;

use shared::kavenegar::ReadError;
use tokio_util::sync::CancellationToken;

use crate::account::Account;

const EVERY: Duration = Duration::from_hours(1);
/// After a look that failed.
const SOONER: Duration = Duration::from_mins(1);

/// Looks at the start and then every hour, until the stop. What fails is logged and tried again; it
/// never ends the worker.
pub(crate) async fn watch_account(account: Account, stop: CancellationToken) {
    let watch = async {
        loop {
            let pause = match look(&account).await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::warn!(%error, "cannot look at the account");
                    SOONER
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    stop.run_until_cancelled(watch).await;
}

async fn look(account: &Account) -> Result<(), ReadError> {
    let info = account.info().await?;
    tracing::info!(
        credit_rials = info.remaining_credit,
        "credit of the account"
    );
    let config = account.config().await?;
    if config.debug_mode {
        tracing::error!(
            "the account is in debug mode: it accepts everything and sends nothing; switch \
             debugmode off in the panel of Kavenegar"
        );
    }
    if config.resend_failed {
        tracing::warn!(
            "the account sends undelivered messages again by itself, so old codes arrive late; \
             switch resendfailed off in the panel of Kavenegar"
        );
    }
    Ok(())
}
