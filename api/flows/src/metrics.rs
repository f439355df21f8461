//! The figures of the use cases, each with its name and help text. Label values come from closed
//! sets: no client can make a new series.

mod delivery_reports;
mod log_ins;
mod logouts;
mod refreshes;

use domain::limits::Rule;
use domain::phone::Operator;
use shared::hot_state::Cancelled;
use shared::queue::QueueStats;
use strum::VariantArray as _;

use crate::clock_watch::ClockStep;
use crate::refusal::{Refusal, RefusalCode, RefusalKind};
use crate::refused::CountedAs;

pub(crate) use delivery_reports::DeliveryReportResult;
pub(crate) use log_ins::LogInResult;
pub use logouts::LogoutResult;
pub(crate) use refreshes::RefreshResult;

/// The rule that a session is renewed only so often.
const REFRESH_SESSION: &str = "refresh_session";

shared::metrics! {
    /// Every figure of this crate.
    #[derive(Debug)]
    pub struct FlowMetrics {
        /// Requests for a code, by how they ended.
        otp_requests: IntCounterVec("ramz_otp_requests_total", ["result"]) of RequestResult::VARIANTS;
        /// Verifications of a code, by how they ended.
        otp_verifications: IntCounterVec("ramz_otp_verifications_total", ["result"])
            of VerificationResult::VARIANTS;
        /// Log-ins with a password, by how they ended.
        password_logins: IntCounterVec("ramz_password_logins_total", ["result"])
            of LogInResult::VARIANTS;
        /// Requests for a code, tries at a code or a password, and other calls, that a rule refused.
        limit_refused: IntCounterVec("ramz_limit_refused_total", ["rule"]) of rules();
        /// Time from the first request for a code to its verification, by the operator of the
        /// number's prefix.
        time_to_verified: HistogramVec(
            "ramz_time_to_verified_seconds", ["operator"],
            buckets [2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 600.0]
        ) of Operator::VARIANTS;
        /// Reports about deliveries that came in, by what they were about.
        delivery_callbacks: IntCounterVec("ramz_delivery_callbacks_total", ["result"])
            of DeliveryReportResult::VARIANTS;
        /// How often the clock of hot state was set, by the direction.
        clock_steps: IntCounterVec("ramz_clock_steps_total", ["direction"]) of ClockStep::VARIANTS;
        /// Requests for a code that were refused while it was not known whether they were granted.
        unanswered: IntCounterVec("ramz_unanswered_requests_total", ["result"])
            of Cancelled::VARIANTS;
        /// Refresh tokens presented, by what became of them.
        refreshes: IntCounterVec("ramz_token_refreshes_total", ["result"]) of RefreshResult::VARIANTS;
        /// Attempts to tell a client of OpenID Connect of a log-out by the back channel, by how each ended
        logouts: IntCounterVec("ramz_oidc_logouts_total", ["result"]) of LogoutResult::VARIANTS;
        also queue: QueueGauges;
    }
}

shared::metrics! {
    #[derive(Debug)]
    struct QueueGauges {
        /// Jobs that wait to be taken.
        depth: IntGauge("ramz_queue_depth");
        /// How long the oldest job that was never delayed has been there.
        oldest_age: Gauge("ramz_queue_oldest_age_seconds");
        /// Jobs that a worker has taken.
        in_flight: IntGauge("ramz_queue_in_flight");
        /// Jobs that wait for their time.
        delayed: IntGauge("ramz_queue_delayed");
        /// Dead letters.
        dead: IntGauge("ramz_queue_dead");
        /// Workers seen in the last half minute.
        consumers: IntGauge("ramz_queue_consumers");
    }
}

fn rules() -> impl Iterator<Item = &'static str> {
    let limits = Rule::ALL.iter().map(|rule| rule.as_str());
    limits.chain([REFRESH_SESSION])
}

/// The use cases whose ends are counted, also where no face could read the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedUseCase {
    /// Asking for a code.
    Asking,
    /// Giving a code back.
    Verifying,
    /// Logging in with a password.
    LoggingIn,
    /// Renewing a session.
    Refreshing,
    /// Reporting a delivery.
    Reporting,
}

/// How a request for a code ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum RequestResult {
    Sent,
    Cooldown,
    Limited,
    Invalid,
    Unavailable,
    Failed,
}

/// How a verification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum VerificationResult {
    Verified,
    Repeated,
    Wrong,
    Exhausted,
    Expired,
    Used,
    Unknown,
    Blocked,
    Limited,
    Invalid,
    Unavailable,
    Failed,
}

impl CountedAs for RequestResult {
    fn as_refused(refusal: &Refusal) -> Self {
        match refusal.code.kind() {
            RefusalKind::Limited => Self::Limited,
            RefusalKind::Unavailable => Self::Unavailable,
            RefusalKind::Failed => Self::Failed,
            _ => Self::Invalid,
        }
    }
}

impl CountedAs for VerificationResult {
    /// What a verification counts as that ended before a verdict.
    fn as_refused(refusal: &Refusal) -> Self {
        match refusal.code.kind() {
            _ if refusal.code == RefusalCode::SessionUnknown => Self::Unknown,
            RefusalKind::Limited => Self::Limited,
            RefusalKind::Unavailable => Self::Unavailable,
            RefusalKind::Failed => Self::Failed,
            _ => Self::Invalid,
        }
    }
}

impl FlowMetrics {
    /// Counts that the clock of hot state was set.
    pub(crate) fn clock_was_set(&self, step: ClockStep) {
        self.clock_steps.with_label_values(&[step]).inc();
    }

    /// Counts what became of a request that was refused, and may have been granted.
    pub(crate) fn taken_back(&self, ended: Cancelled) {
        self.unanswered.with_label_values(&[ended]).inc();
    }

    /// A request that a face could not read, so that the use case never began.
    pub fn unreadable(&self, what: CountedUseCase) {
        match what {
            CountedUseCase::Asking => self.requested(RequestResult::Invalid),
            CountedUseCase::Verifying => self.verification(VerificationResult::Invalid),
            CountedUseCase::LoggingIn => self.password_log_in(LogInResult::Invalid),
            CountedUseCase::Refreshing => self.refreshed(RefreshResult::Invalid),
            CountedUseCase::Reporting => self.reported(DeliveryReportResult::Malformed),
        }
    }

    pub(crate) fn requested(&self, result: RequestResult) {
        self.otp_requests.with_label_values(&[result]).inc();
    }

    pub(crate) fn verification(&self, result: VerificationResult) {
        self.otp_verifications.with_label_values(&[result]).inc();
    }

    pub(crate) fn password_log_in(&self, result: LogInResult) {
        self.password_logins.with_label_values(&[result]).inc();
    }

    pub(crate) fn refreshed(&self, result: RefreshResult) {
        self.refreshes.with_label_values(&[result]).inc();
    }

    /// A session that was renewed so often that it must wait.
    pub(crate) fn refreshed_too_often(&self) {
        self.limit_refused
            .with_label_values(&[REFRESH_SESSION])
            .inc();
    }

    pub(crate) fn limit_hit(&self, rule: Rule) {
        self.limit_refused.with_label_values(&[rule.as_str()]).inc();
    }

    pub(crate) fn verified_after(&self, seconds: f64, operator: Operator) {
        self.time_to_verified
            .with_label_values(&[operator])
            .observe(seconds);
    }

    pub(crate) fn reported(&self, result: DeliveryReportResult) {
        self.delivery_callbacks.with_label_values(&[result]).inc();
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "an age in milliseconds is far below 2^52"
    )]
    pub(crate) fn queue(&self, stats: QueueStats) {
        let queue = &self.queue;
        for (gauge, value) in [
            (&queue.depth, stats.waiting),
            (&queue.in_flight, stats.in_flight),
            (&queue.delayed, stats.delayed),
            (&queue.dead, stats.dead),
            (&queue.consumers, stats.consumers),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        queue
            .oldest_age
            .set(stats.oldest_age_millis as f64 / 1000.0);
    }

    /// A call that tells a client of a log-out has ended.
    pub(crate) fn logout_ended(&self, result: LogoutResult) {
        self.logouts.with_label_values(&[result]).inc();
    }
}
