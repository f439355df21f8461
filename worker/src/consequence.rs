//! What each outcome of the gateway means: for the ledger, for the job, and for anyone who reads the
//! log. Decision rules: gateway manual, sections on status codes and client decisions.

use std::time::Duration;

use gateway::{RefusedBy, SendOutcome};
use shared::backoff::RetryDelays;
use shared::records::{LedgerOutcome, SendResult};

/// After "too many calls" (451) the gateway wants to be left alone for this long.
pub(crate) const SLOW_DOWN: Duration = Duration::from_secs(30);
/// An account that refuses everything is not asked again sooner.
const ACCOUNT_REFUSES: Duration = Duration::from_secs(10);

/// The consequence of one call.
#[derive(Debug)]
pub(crate) struct Consequence {
    /// What the ledger keeps.
    pub(crate) record: LedgerOutcome,
    /// When the job tries again; `None` ends it, or leaves it to be cleared up where the outcome is
    /// unknown.
    pub(crate) retry: Option<Duration>,
}

impl Consequence {
    /// Reads an outcome. `attempt` is the run of this job, from 1.
    pub(crate) fn of(outcome: &SendOutcome, attempt: u32, delays: &RetryDelays) -> Self {
        let (result, retry) = match outcome {
            SendOutcome::Accepted { .. } => (SendResult::Accepted, None),
            SendOutcome::Refused { .. } | SendOutcome::NeedsTemplate | SendOutcome::NeedsSender => {
                (SendResult::Refused, None)
            }
            SendOutcome::Collision { .. } => {
                (SendResult::LocalIdTaken, Some(delays.delay(attempt)))
            }
            SendOutcome::NotSent { .. }
            | SendOutcome::Later {
                slow_down: false, ..
            } => (SendResult::NotSent, Some(delays.delay(attempt))),
            SendOutcome::Later {
                slow_down: true, ..
            } => (SendResult::NotSent, Some(SLOW_DOWN + delays.delay(attempt))),
            SendOutcome::AccountWide { .. } => (
                SendResult::NotSent,
                Some(ACCOUNT_REFUSES + delays.delay(attempt)),
            ),
            // Sending again could reach the phone twice: see `reconcile.rs`.
            SendOutcome::Unknown { .. } => (SendResult::Unknown, None),
        };
        Self {
            record: record(outcome, result),
            retry,
        }
    }

    /// Ends a send whose second local id is taken too: that is no accident.
    pub(crate) fn without_another_local_id(mut self) -> Self {
        if self.record.result == SendResult::LocalIdTaken {
            self.record.result = SendResult::Refused;
            self.retry = None;
        }
        self
    }
}

fn record(outcome: &SendOutcome, result: SendResult) -> LedgerOutcome {
    let (message_id, cost_rials, entry_status) = match outcome {
        SendOutcome::Accepted {
            messageid,
            status,
            cost,
        } => (
            Some((*messageid).into()),
            *cost,
            Some(i64::from(status.code())),
        ),
        SendOutcome::Refused {
            refusal: RefusedBy::Entry { messageid, status },
            ..
        } => (
            Some((*messageid).into()),
            None,
            Some(i64::from(status.code())),
        ),
        _ => (None, None, None),
    };
    LedgerOutcome {
        result,
        message_id,
        cost_rials,
        gateway_status: outcome.gateway_status().map(i64::from),
        entry_status,
        error_class: outcome.error_class().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use domain::delivery::DeliveryStatus;
    use domain::random::Random;
    use gateway::{NotSentReason, RefusalClass, UnknownReason};

    use super::*;

    fn consequence(outcome: SendOutcome) -> Consequence {
        let base = Duration::from_millis(500);
        let delays = RetryDelays::new(base, Duration::from_secs(15), Random::seeded(1));
        Consequence::of(&outcome, 1, &delays)
    }

    #[test]
    fn i_02_only_what_surely_did_not_leave_is_tried_again() {
        let again = [
            SendOutcome::NotSent {
                reason: NotSentReason::Connect,
            },
            SendOutcome::Later {
                code: 409,
                slow_down: false,
            },
            SendOutcome::Later {
                code: 451,
                slow_down: true,
            },
            SendOutcome::AccountWide { code: 418 },
        ];
        for outcome in again {
            let consequence = consequence(outcome);
            assert_eq!(
                consequence.record.result,
                SendResult::NotSent,
                "{outcome:?}"
            );
            assert!(consequence.retry.is_some(), "{outcome:?}");
        }
        let status = DeliveryStatus::from_code(1);
        let never_again = [
            (
                SendOutcome::Accepted {
                    messageid: 7,
                    status,
                    cost: Some(2280),
                },
                SendResult::Accepted,
            ),
            (
                SendOutcome::Unknown {
                    reason: UnknownReason::Timeout,
                },
                SendResult::Unknown,
            ),
            (
                SendOutcome::Refused {
                    refusal: RefusedBy::Code(411),
                    class: RefusalClass::Message,
                },
                SendResult::Refused,
            ),
            (SendOutcome::NeedsTemplate, SendResult::Refused),
            (SendOutcome::NeedsSender, SendResult::Refused),
        ];
        for (outcome, result) in never_again {
            let consequence = consequence(outcome);
            assert_eq!(
                (consequence.record.result, consequence.retry),
                (result, None),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_taken_local_id_is_replaced_once() {
        let first = consequence(SendOutcome::Collision { messageid: 7 });
        assert_eq!(first.record.result, SendResult::LocalIdTaken);
        assert_eq!(first.record.message_id, None, "it is another's");
        assert_eq!(
            first.record.error_class.as_deref(),
            Some("localid_collision")
        );
        assert!(first.retry.is_some());
        let second = first.without_another_local_id();
        assert_eq!(
            (second.record.result, second.retry),
            (SendResult::Refused, None)
        );
        let other = consequence(SendOutcome::Later {
            code: 409,
            slow_down: false,
        });
        let result = other.without_another_local_id().record.result;
        assert_eq!(result, SendResult::NotSent);
    }

    #[test]
    fn the_gateway_is_left_alone_when_it_asks_for_it() {
        let slow = consequence(SendOutcome::Later {
            code: 451,
            slow_down: true,
        });
        assert!(slow.retry.is_some_and(|after| after >= SLOW_DOWN));
        let account = consequence(SendOutcome::AccountWide { code: 418 });
        assert!(account.retry.is_some_and(|after| after >= ACCOUNT_REFUSES));
    }

    #[test]
    fn the_ledger_keeps_what_the_gateway_said() {
        let status = DeliveryStatus::from_code(5);
        let accepted = SendOutcome::Accepted {
            messageid: 2_890_000_001,
            status,
            cost: Some(2280),
        };
        let record = consequence(accepted).record;
        assert_eq!(
            (record.message_id, record.cost_rials),
            (Some(2_890_000_001.into()), Some(2280))
        );
        assert_eq!(
            (record.gateway_status, record.entry_status),
            (Some(200), Some(5))
        );
        assert_eq!(record.error_class, None);
        let refused = consequence(SendOutcome::AccountWide { code: 418 }).record;
        assert_eq!(
            (refused.gateway_status, refused.error_class.as_deref()),
            (Some(418), Some("account"))
        );
    }
}
