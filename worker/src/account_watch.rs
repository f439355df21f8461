//! Looks at the account from time to time: its credit and how long that lasts, its key, and two
//! settings that harm sign-in codes.
//!
//! Every worker looks for itself, since a look costs nothing; the times are spread, so that workers
//! that start together do not ask together.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::clock::{Clock, UnixMillis};
use domain::random::Random;
use gateway::{AccountConfig, ReadError};
use shared::records::{CreditLook, Records, Route};
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::episode::{DaysLeft, Episode, Level};
use crate::spending::Spending;

/// The first look is made within this time of the start.
const FIRST: Duration = Duration::from_secs(2);
const CREDIT_EVERY: Duration = Duration::from_mins(5);
const SPENDING_EVERY: Duration = Duration::from_hours(1);
const SETTINGS_EVERY: Duration = Duration::from_hours(1);
const TELL_EVERY: Duration = Duration::from_hours(1);
/// While one of the settings does harm: anyone who mends it wants to see the alert go.
const HARMFUL_SETTINGS_EVERY: Duration = Duration::from_mins(5);
/// After a look that failed.
const SOONER: Duration = Duration::from_mins(1);
/// How often it is looked whether something is due.
const TICK: Duration = Duration::from_millis(500);
/// Times between looks differ by this part.
const SPREAD: f64 = 0.1;

/// Days that the credit lasts: below the first the log warns, below the second it is an error.
const CREDIT_DAYS: (f64, f64) = (7.0, 2.0);
/// The same for the days until the key expires.
const KEY_DAYS: (f64, f64) = (14.0, 2.0);
const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// Looks until the stop. What fails is logged and tried again; it never ends the worker.
pub(crate) async fn watch_account(mut watch: AccountWatch, stop: CancellationToken) {
    let first = FIRST.mul_f64(watch.random.fraction());
    let watching = async {
        tokio::time::sleep(first).await;
        loop {
            Box::pin(watch.look()).await;
            tokio::time::sleep(TICK).await;
        }
    };
    stop.run_until_cancelled(Box::pin(watching)).await;
}

/// What is watched, when it is due, and what was told of it.
pub(crate) struct AccountWatch {
    account: Account,
    spending: Spending,
    records: Records,
    clock: Clock,
    random: Random,
    credit_due: Due,
    spending_due: Due,
    settings_due: Due,
    told_due: Due,
    credit_fails: Episode,
    noting_fails: Episode,
    spending_fails: Episode,
    settings_fail: Episode,
    credit_lasts: DaysLeft,
    key_lasts: DaysLeft,
    debug_mode: Episode,
    resend_failed: Episode,
}

impl AccountWatch {
    pub(crate) fn new(account: Account, records: Records, clock: Clock, random: Random) -> Self {
        Self {
            account,
            spending: Spending::new(records.clone()),
            records,
            clock,
            random,
            credit_due: Due::default(),
            spending_due: Due::default(),
            settings_due: Due::default(),
            told_due: Due::default(),
            credit_fails: Episode::default(),
            noting_fails: Episode::default(),
            spending_fails: Episode::default(),
            settings_fail: Episode::default(),
            credit_lasts: DaysLeft::new(CREDIT_DAYS.0, CREDIT_DAYS.1),
            key_lasts: DaysLeft::new(KEY_DAYS.0, KEY_DAYS.1),
            debug_mode: Episode::default(),
            resend_failed: Episode::default(),
        }
    }

    async fn look(&mut self) {
        let now = self.clock.now_millis();
        if self.spending_due.at(now) {
            let wait = self.look_at_spending().await;
            self.spending_due.again(now, self.spread(wait));
        }
        if self.credit_due.at(now) {
            let wait = self.look_at_credit(now).await;
            self.credit_due.again(now, self.spread(wait));
        }
        if self.settings_due.at(now) {
            let wait = self.look_at_settings().await;
            self.settings_due.again(now, self.spread(wait));
        }
    }

    fn spread(&self, wait: Duration) -> Duration {
        wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * self.random.fraction())
    }

    async fn look_at_spending(&mut self) -> Duration {
        let spending = self.spending.a_day(self.clock.now()).await;
        let turned = self.spending_fails.turned(spending.is_err());
        match spending {
            Ok(rials_a_day) => {
                self.account.costs(rials_a_day);
                SPENDING_EVERY
            }
            Err(error) => {
                if turned {
                    tracing::warn!(%error, "cannot add up what messages cost");
                }
                SOONER
            }
        }
    }

    async fn look_at_credit(&mut self, now: UnixMillis) -> Duration {
        let info = self.account.info().await;
        let turned = self.credit_fails.turned(info.is_err());
        match info {
            Ok(info) => {
                if turned {
                    tracing::info!("the account can be looked at again");
                }
                self.tell_credit(now, info.remaining_credit);
                self.note_credit(info.remaining_credit).await;
                self.tell_expiry(info.expires_at);
                CREDIT_EVERY
            }
            Err(error) => {
                if turned {
                    tracing::warn!(%error, "cannot look at the account");
                }
                SOONER
            }
        }
    }

    /// Keeps it for staff who ask. Nothing hangs on that.
    async fn note_credit(&mut self, credit_rials: i64) {
        let look = CreditLook {
            looked_at: self.clock.now(),
            credit_rials,
            rials_a_day: self.account.spending(),
        };
        let noted = self.records.note_credit(&Route::KAVENEGAR, look).await;
        let turned = self.noting_fails.turned(noted.is_err());
        if let (Err(error), true) = (noted, turned) {
            tracing::warn!(%error, "the credit that was seen could not be kept for the console");
        }
    }

    /// Once an hour, and when it becomes scarce or stops being so.
    fn tell_credit(&mut self, now: UnixMillis, credit_rials: i64) {
        let days_left = self.account.days_left();
        let turned = self.credit_lasts.turned(days_left);
        let days_left = days_left.map(|days| (days * 10.0).round() / 10.0);
        let rials_a_day = self.account.spending();
        macro_rules! tell {
            ($level:ident, $text:literal) => {
                tracing::$level!(credit_rials, days_left, rials_a_day, $text)
            };
        }
        match turned {
            Some(Level::Critical) => {
                tell!(
                    error,
                    "the credit lasts less than two days: recharge the account now"
                );
            }
            Some(Level::Low) => {
                tell!(
                    warn,
                    "the credit lasts less than seven days: recharge the account"
                );
            }
            Some(Level::Ample) => tell!(info, "the credit lasts for a while again"),
            None => {}
        }
        if self.told_due.at(now) {
            self.told_due.again(now, TELL_EVERY);
            if turned.is_none() {
                tell!(info, "credit of the account");
            }
        }
    }

    fn tell_expiry(&mut self, expires_at: Option<DateTime<Utc>>) {
        let now = self.clock.now();
        let days = expires_at.map(|at| (at - now).as_seconds_f64() / SECONDS_OF_A_DAY);
        let expires_at = expires_at.map(|at| at.to_rfc3339());
        match self.key_lasts.turned(days) {
            Some(Level::Critical) => tracing::error!(
                expires_at,
                "the key of the gateway expires within two days, or has expired: set a later date in \
                 the panel of Kavenegar"
            ),
            Some(Level::Low) => tracing::warn!(
                expires_at,
                "the key of the gateway expires within two weeks: set a later date in the panel of \
                 Kavenegar"
            ),
            Some(Level::Ample) => {
                tracing::info!(
                    expires_at,
                    "the key of the gateway is good for a while again"
                );
            }
            None => {}
        }
    }

    async fn look_at_settings(&mut self) -> Duration {
        let config = self.account.config().await;
        let turned = self.settings_fail.turned(config.is_err());
        match config {
            Ok(config) => {
                self.tell_settings(&config);
                if config.debug_mode || config.resend_failed {
                    HARMFUL_SETTINGS_EVERY
                } else {
                    SETTINGS_EVERY
                }
            }
            Err(error) => {
                if turned {
                    tracing::warn!(%error, "cannot look at the settings of the account");
                }
                // They are shown to registered addresses only: asking more often would not help.
                match error {
                    ReadError::Refused { code: 407, .. } => SETTINGS_EVERY,
                    _ => SOONER,
                }
            }
        }
    }

    fn tell_settings(&mut self, config: &AccountConfig) {
        if self.debug_mode.turned(config.debug_mode) {
            if config.debug_mode {
                tracing::error!(
                    "the account is in debug mode: it accepts everything and sends nothing; switch \
                     debugmode off in the panel of Kavenegar"
                );
            } else {
                tracing::info!("the account is no longer in debug mode");
            }
        }
        if self.resend_failed.turned(config.resend_failed) {
            if config.resend_failed {
                tracing::warn!(
                    "the account sends undelivered messages again by itself, so old codes arrive \
                     late; switch resendfailed off in the panel of Kavenegar"
                );
            } else {
                tracing::info!("the account no longer sends undelivered messages again by itself");
            }
        }
    }
}

/// When something is to be done again; at once at first.
#[derive(Debug, Default)]
struct Due {
    since: UnixMillis,
    wait: Duration,
}

impl Due {
    /// Whether it is time. A clock that was set back by more than the wait does not stop it.
    fn at(&self, now: UnixMillis) -> bool {
        u128::from(now.abs_diff(self.since)) >= self.wait.as_millis()
    }

    fn again(&mut self, now: UnixMillis, wait: Duration) {
        (self.since, self.wait) = (now, wait);
    }
}

#[cfg(test)]
mod tests;
