//! The promise that fault runs hold: every 202 is exactly one message or a recorded final failure,
//! and a message goes out twice only where the ledger says so.

use std::fmt;

use serde::Serialize;
use shared::records::LedgerState;

/// What is known of one request when everything is settled.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// Whether the client got a 202.
    pub accepted: bool,
    /// Its rows in the ledger.
    pub rows: &'a [RowState],
    /// Whether it is among the dead letters.
    pub dead: bool,
    /// Messages that the gateway made of it.
    pub messages: usize,
}

/// What a row of the ledger says about the end of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowState {
    /// Where it stands.
    pub state: LedgerState,
    /// Whether it was sent once more although the first message may have gone out.
    pub flagged: bool,
}

/// How a request ended that kept the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Not accepted, and nothing came of it.
    Nothing,
    /// One message, and the ledger says so.
    Sent,
    /// Two messages, and the ledger says that this could happen.
    SentTwice,
    /// The ledger does not know whether a message went out.
    Unknown,
    /// Never sent, because it came too late or was no longer wanted.
    Expired,
    /// The gateway did not take it.
    Refused,
    /// A dead letter.
    Dead,
}

/// How a request broke the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Breach {
    /// A 202, and neither ledger nor dead letters know of it.
    Missing,
    /// More messages than the ledger allows for.
    Doubled,
    /// The ledger says accepted, but the gateway made no message.
    SentOnPaperOnly,
    /// The ledger says that it was not sent, but the gateway made a message.
    SentAgainstTheLedger,
    /// The queue is empty, but the ledger still waits for an end.
    LeftOpen,
    /// One request became several challenges.
    Multiplied,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "accepted, and neither sent nor recorded as failed",
            Self::Doubled => "sent more often than the ledger allows for",
            Self::SentOnPaperOnly => "recorded as sent, but the gateway has no message",
            Self::SentAgainstTheLedger => "recorded as not sent, but the gateway has a message",
            Self::LeftOpen => "left without an end in the ledger, and no job is waiting",
            Self::Multiplied => "one request became several challenges",
        })
    }
}

/// Judges one request.
pub fn judge(case: &Case<'_>) -> Result<End, Breach> {
    let row = match case.rows {
        [] => return judge_without_row(case),
        [row] => *row,
        _ => return Err(Breach::Multiplied),
    };
    // The ledger sends an unknown message once more at most.
    let allowed = if row.flagged { 2 } else { 1 };
    if case.messages > allowed {
        return Err(Breach::Doubled);
    }
    match row.state {
        LedgerState::Accepted => match case.messages {
            0 => Err(Breach::SentOnPaperOnly),
            1 => Ok(End::Sent),
            _ => Ok(End::SentTwice),
        },
        LedgerState::Unknown => Ok(End::Unknown),
        LedgerState::Sending | LedgerState::NotSent if !case.dead => Err(Breach::LeftOpen),
        // The first message of a flagged row may have gone out.
        LedgerState::Refused | LedgerState::Expired | LedgerState::NotSent
            if case.messages > 0 && !row.flagged =>
        {
            Err(Breach::SentAgainstTheLedger)
        }
        LedgerState::Refused => Ok(End::Refused),
        LedgerState::Expired => Ok(End::Expired),
        LedgerState::Sending | LedgerState::NotSent => Ok(End::Dead),
    }
}

/// The ledger is written before the gateway is called: without a row there is no message.
fn judge_without_row(case: &Case<'_>) -> Result<End, Breach> {
    match (case.messages, case.accepted, case.dead) {
        (0, _, true) => Ok(End::Dead),
        (0, false, false) => Ok(End::Nothing),
        (0, true, false) => Err(Breach::Missing),
        (1, ..) => Err(Breach::SentAgainstTheLedger),
        _ => Err(Breach::Doubled),
    }
}

/// How many requests ended in which way. Unless it says otherwise, a figure counts 202s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Recorded as accepted by the gateway, which made a message of each, or two if flagged.
    pub sent: u64,
    /// Recorded as unknown.
    pub unknown: u64,
    /// Those of the unknown that the gateway did take.
    pub unknown_delivered: u64,
    /// Recorded as expired.
    pub expired: u64,
    /// Recorded as refused by the gateway.
    pub refused_by_gateway: u64,
    /// Dead letters.
    pub dead: u64,
    /// Requests of any kind with two messages, flagged in the ledger.
    pub doubled_flagged: u64,
    /// Requests of any kind with more messages than the ledger allows for.
    pub doubled_unflagged: u64,
    /// Neither sent nor recorded as failed.
    pub missing: u64,
    /// Requests whose reply was lost, with a message all the same.
    pub sent_without_202: u64,
}

impl Tally {
    /// Judges one request and counts it.
    pub fn add(&mut self, case: &Case<'_>) -> Result<(), Breach> {
        let judged = judge(case);
        let flagged = case.rows.iter().any(|row| row.flagged);
        match judged {
            Ok(_) if flagged && case.messages == 2 => self.doubled_flagged += 1,
            Err(Breach::Doubled) => self.doubled_unflagged += 1,
            Err(Breach::Missing) => self.missing += 1,
            _ => {}
        }
        if !case.accepted {
            self.sent_without_202 += u64::from(case.messages > 0);
            return judged.map(|_| ());
        }
        match judged? {
            End::Nothing => {}
            End::Sent | End::SentTwice => self.sent += 1,
            End::Unknown => {
                self.unknown += 1;
                self.unknown_delivered += u64::from(case.messages > 0);
            }
            End::Expired => self.expired += 1,
            End::Refused => self.refused_by_gateway += 1,
            End::Dead => self.dead += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: bool = true;
    const NO_REPLY: bool = false;

    fn row(state: LedgerState, flagged: bool) -> Vec<RowState> {
        vec![RowState { state, flagged }]
    }

    fn judged(accepted: bool, rows: &[RowState], messages: usize) -> Result<End, Breach> {
        judge(&Case {
            accepted,
            rows,
            dead: false,
            messages,
        })
    }

    #[test]
    fn i_01_an_accepted_request_without_an_end_is_missing() {
        assert_eq!(judged(ACCEPTED, &[], 0), Err(Breach::Missing));
        assert_eq!(judged(NO_REPLY, &[], 0), Ok(End::Nothing));
        let dead = Case {
            accepted: true,
            rows: &[],
            dead: true,
            messages: 0,
        };
        assert_eq!(judge(&dead), Ok(End::Dead));
    }

    #[test]
    fn i_02_a_second_message_is_a_breach_unless_the_ledger_says_so() {
        let states = [
            LedgerState::Accepted,
            LedgerState::Unknown,
            LedgerState::Expired,
        ];
        for state in states {
            for accepted in [ACCEPTED, NO_REPLY] {
                let judged = judged(accepted, &row(state, false), 2);
                assert_eq!(judged, Err(Breach::Doubled), "{state:?}");
            }
        }
        let flagged = row(LedgerState::Accepted, true);
        assert_eq!(judged(ACCEPTED, &flagged, 1), Ok(End::Sent));
        assert_eq!(judged(ACCEPTED, &flagged, 2), Ok(End::SentTwice));
        assert_eq!(judged(ACCEPTED, &flagged, 3), Err(Breach::Doubled));
        let unknown = row(LedgerState::Unknown, true);
        assert_eq!(judged(ACCEPTED, &unknown, 2), Ok(End::Unknown));
    }

    #[test]
    fn the_ledger_and_the_gateway_must_tell_the_same_story() {
        let accepted = row(LedgerState::Accepted, false);
        assert_eq!(judged(ACCEPTED, &accepted, 0), Err(Breach::SentOnPaperOnly));
        for state in [LedgerState::Expired, LedgerState::Refused] {
            let rows = row(state, false);
            assert!(judged(ACCEPTED, &rows, 0).is_ok());
            let judged = judged(ACCEPTED, &rows, 1);
            assert_eq!(judged, Err(Breach::SentAgainstTheLedger));
        }
        for messages in [0, 1] {
            let unknown = row(LedgerState::Unknown, false);
            assert_eq!(judged(ACCEPTED, &unknown, messages), Ok(End::Unknown));
        }
        assert_eq!(judged(NO_REPLY, &[], 1), Err(Breach::SentAgainstTheLedger));
    }

    #[test]
    fn an_empty_queue_leaves_nothing_open() {
        for state in [LedgerState::Sending, LedgerState::NotSent] {
            let rows = row(state, false);
            assert_eq!(judged(NO_REPLY, &rows, 0), Err(Breach::LeftOpen));
            let dead = Case {
                accepted: true,
                rows: &rows,
                dead: true,
                messages: 0,
            };
            assert_eq!(judge(&dead), Ok(End::Dead));
        }
        let two = [row(LedgerState::Accepted, false)[0]; 2];
        assert_eq!(judged(ACCEPTED, &two, 1), Err(Breach::Multiplied));
    }

    #[test]
    fn every_accepted_request_is_counted_once() {
        let mut tally = Tally::default();
        let sent = row(LedgerState::Accepted, false);
        let unknown = row(LedgerState::Unknown, false);
        let flagged = row(LedgerState::Accepted, true);
        let mut add = |accepted, rows: &[RowState], messages| {
            let dead = false;
            tally.add(&Case {
                accepted,
                rows,
                dead,
                messages,
            })
        };
        assert_eq!(add(ACCEPTED, &sent, 1), Ok(()));
        assert_eq!(add(ACCEPTED, &unknown, 1), Ok(()));
        assert_eq!(add(ACCEPTED, &unknown, 0), Ok(()));
        assert_eq!(add(ACCEPTED, &flagged, 2), Ok(()));
        assert_eq!(add(ACCEPTED, &sent, 2), Err(Breach::Doubled));
        assert_eq!(add(ACCEPTED, &[], 0), Err(Breach::Missing));
        assert_eq!(add(NO_REPLY, &sent, 1), Ok(()));
        let expected = Tally {
            sent: 2,
            unknown: 2,
            unknown_delivered: 1,
            doubled_flagged: 1,
            doubled_unflagged: 1,
            missing: 1,
            sent_without_202: 1,
            ..Tally::default()
        };
        assert_eq!(tally, expected);
    }
}
