//! Looking at the rows of a step, before any of them is counted.

use domain::clock::UnixMillis;
use domain::limits::{Per, Quota, Rule, SHARE_MILLIS};
use domain::phone::PhoneNumber;

use super::super::unavailable;
use super::failures::{Failures, SoughtFailures};
use super::rates::{Arrival, Rate, SoughtArrival};
use super::slots::{Slots, SoughtSlots};
use super::{Counted, LOG_LIFE_MILLIS, erased_failures_key, key, part_key, proven_key, whole_key};
use crate::hot_state::limits::{PROVEN_MILLIS, Row, Subject};
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::{Answers, Question, Script};

const SENDS_SINCE: &str =
    "SELECT at FROM hot_phone_sends WHERE phone IN ($1, $3) AND at > $2 ORDER BY at";
/// A log of its own stands beside those of the phones, under a name that no number has.
const STORE_OWN: &str = "INSERT INTO hot_phone_sends (phone, at) VALUES ($1, $2)";
const BRING_BACK_SENDS: &str =
    "UPDATE hot_phone_sends SET at = $2 WHERE phone IN ($1, $3) AND at > $2";

/// What was asked about a row.
enum Sought {
    /// The log of the phone, which all its windows look at.
    Log {
        count: u32,
        millis: i64,
    },
    /// A log of its own.
    Own {
        count: u32,
        millis: i64,
        name: String,
        log: Question,
    },
    Rate {
        rate: Rate,
        arrival: SoughtArrival,
        proven: Option<SoughtSlots>,
    },
    Failures {
        most: u32,
        found: SoughtFailures,
    },
    Budget {
        most: i64,
        whole: SoughtSlots,
        part: Option<(SoughtSlots, i64)>,
    },
    Share {
        percent: u32,
        own: SoughtSlots,
        whole: SoughtSlots,
    },
}

/// Rows of a step that were asked about.
pub(in super::super) struct Looking {
    rows: Vec<(Rule, Sought)>,
    /// The sends of the phone.
    log: Option<Question>,
}

/// What counting writes for a row that was looked at.
enum Next {
    /// The step that grants writes the log.
    Log,
    /// One more in a log of its own.
    Own(String),
    Arrival(Arrival),
    Failures(Failures),
    Budget {
        whole: Slots,
        part: Option<Slots>,
    },
    Share {
        own: Slots,
        whole: Slots,
    },
}

/// The rows of a step after a look at each.
#[derive(Default)]
pub(in super::super) struct Looked {
    all: Vec<Next>,
    /// Of several that refuse, that counts which takes longest to allow.
    refused: Option<(Rule, i64)>,
}

impl Looking {
    /// Asks about every row.
    pub(in super::super) fn ask<'r>(
        script: &mut Script,
        now: UnixMillis,
        rows: impl IntoIterator<Item = &'r Row>,
        counted: Counted<'_>,
    ) -> Self {
        let log = counted
            .phone
            .map(|phone| ask_log(script, phone.as_e164(), counted.erased, now));
        let rows = rows
            .into_iter()
            .map(|row| (row.limit.rule, Sought::ask(script, now, row, counted)))
            .collect();
        Self { rows, log }
    }
}

/// The moments in the log of this name, and of the name that it had before.
fn ask_log(script: &mut Script, name: &str, before: Option<&str>, now: UnixMillis) -> Question {
    // The clock was set back since: what lies ahead would keep the phone out for as long.
    script
        .add(BRING_BACK_SENDS)
        .bind(name)
        .bind(now)
        .bind(before);
    script
        .add(SENDS_SINCE)
        .bind(name)
        .bind(now - LOG_LIFE_MILLIS)
        .bind(before)
        .question()
}

fn read_log(answers: &Answers, log: Question) -> Result<Vec<UnixMillis>, HotStateError> {
    let log: Vec<(UnixMillis,)> = answers.all(log).map_err(unavailable)?;
    Ok(log.into_iter().map(|(at,)| at).collect())
}

/// How long a window refuses that allows so many sends, or 0.
fn wait_of_window(log: &[UnixMillis], count: u32, millis: i64, now: UnixMillis) -> i64 {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let send = log.len().checked_sub(count);
    let at = send.and_then(|index| log.get(index));
    at.map_or(0, |at| (at + millis - now).max(0))
}

impl Sought {
    fn ask(script: &mut Script, now: UnixMillis, row: &Row, counted: Counted<'_>) -> Self {
        let key = key(row, counted.phone.map_or("", PhoneNumber::digits));
        match row.quota {
            Quota::Window { count, millis } if row.subject == Subject::Phone => {
                Self::Log { count, millis }
            }
            Quota::Window { count, millis } => Self::Own {
                count,
                millis,
                log: ask_log(script, &key, None, now),
                name: key,
            },
            Quota::Rate {
                count,
                millis,
                ahead,
            } => Self::Rate {
                rate: Rate {
                    count,
                    millis,
                    ahead,
                },
                proven: match &row.subject {
                    Subject::Text(place) if row.limit.more_for_proven => {
                        Some(Slots::ask(script, proven_key(place), PROVEN_MILLIS))
                    }
                    _ => None,
                },
                arrival: Arrival::ask(script, key),
            },
            Quota::Lock { failures, millis } => {
                let before = counted.erased.filter(|_| row.limit.per == Per::Phone);
                let before = before.map(erased_failures_key);
                Self::Failures {
                    most: failures,
                    found: Failures::ask(script, key, before, now, millis),
                }
            }
            Quota::Budget {
                count,
                millis,
                group_part,
            } => Self::Budget {
                most: i64::from(count),
                whole: Slots::ask(script, key, millis),
                part: row.part_of(counted.subjects).map(|group| {
                    let part = Slots::ask(script, part_key(row, &group), millis);
                    (part, i64::from(group_part))
                }),
            },
            Quota::Share { percent } => Self::Share {
                percent,
                own: Slots::ask(script, key, SHARE_MILLIS),
                whole: Slots::ask(script, whole_key(), SHARE_MILLIS),
            },
        }
    }

    /// How long the row refuses, or 0, and what counting would write.
    fn read(
        self,
        answers: &Answers,
        now: UnixMillis,
        log: &[UnixMillis],
    ) -> Result<(i64, Next), HotStateError> {
        Ok(match self {
            Self::Log { count, millis } => (wait_of_window(log, count, millis, now), Next::Log),
            Self::Own {
                count,
                millis,
                name,
                log,
            } => {
                let own = read_log(answers, log)?;
                (wait_of_window(&own, count, millis, now), Next::Own(name))
            }
            Self::Rate {
                rate,
                arrival,
                proven,
            } => {
                let proven = match proven {
                    Some(proven) => proven.read(answers, now)?.lately(now),
                    None => 0.0,
                };
                let arrival = arrival.read(answers, now, rate, proven)?;
                (arrival.wait(now, rate.ahead), Next::Arrival(arrival))
            }
            Self::Failures { most, found } => {
                let found = found.read(answers, now)?;
                (found.locked_for(now, most), Next::Failures(found))
            }
            Self::Budget { most, whole, part } => {
                let whole = whole.read(answers, now)?;
                let mut is_used_up = false;
                let mut counted_part = None;
                if let Some((part, group_part)) = part {
                    let part = part.read(answers, now)?;
                    is_used_up = part.count() * group_part >= most;
                    counted_part = Some(part);
                }
                let wait = if whole.count() >= most {
                    whole.ends_in(now)
                } else {
                    0
                };
                let next = if is_used_up {
                    Next::Log
                } else {
                    Next::Budget {
                        whole,
                        part: counted_part,
                    }
                };
                (wait, next)
            }
            Self::Share {
                percent,
                own,
                whole,
            } => {
                let own = own.read(answers, now)?;
                let whole = whole.read(answers, now)?;
                let wait = if own.is_above_its_share(&whole, percent) {
                    own.ends_in(now)
                } else {
                    0
                };
                (wait, Next::Share { own, whole })
            }
        })
    }
}

impl Looked {
    /// Adds the rows that were asked about.
    pub(in super::super) fn add(
        &mut self,
        looking: Looking,
        answers: &Answers,
        now: UnixMillis,
    ) -> Result<(), HotStateError> {
        let log = match looking.log {
            Some(log) => read_log(answers, log)?,
            None => Vec::new(),
        };
        for (rule, sought) in looking.rows {
            let (wait, next) = sought.read(answers, now, &log)?;
            if wait > self.refused.map_or(0, |(_, longest)| longest) {
                self.refused = Some((rule, wait));
            }
            self.all.push(next);
        }
        Ok(())
    }

    /// The rule that refuses, and for how long.
    pub(in super::super) fn refused(&self) -> Option<(Rule, i64)> {
        self.refused
    }

    /// Counts every row.
    pub(in super::super) fn count(self, script: &mut Script, now: UnixMillis) {
        let mut whole_is_counted = false;
        for next in self.all {
            match next {
                Next::Log => {}
                Next::Own(name) => drop(script.add(STORE_OWN).bind(name).bind(now)),
                Next::Arrival(arrival) => arrival.store(script),
                Next::Failures(failures) => failures.one_more(now).store(script),
                Next::Budget { whole, part } => {
                    whole.one_more(false).store(script);
                    if let Some(part) = part {
                        part.one_more(false).store(script);
                    }
                }
                Next::Share { own, whole } => {
                    if !std::mem::replace(&mut whole_is_counted, true) {
                        whole.one_more(own.is_new()).store(script);
                    }
                    own.one_more(false).store(script);
                }
            }
        }
    }
}
