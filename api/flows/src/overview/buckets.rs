//! What the records say of a day, five minutes at a time. Each question is about one step, so that none is long
//! however much was sent; what is over is read again a few times, because deliveries come late, and then kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::otp::Purpose;
use domain::phone::Operator;
use shared::records::{Records, RecordsError, SendCount, SendFate, SendFilter};

use super::figures::median;
use super::worries::SLOW_SECONDS;

/// The length of a step in seconds.
pub(super) const STEP: i64 = 300;
pub(super) const STEPS_OF_AN_HOUR: i64 = 12;
pub(super) const STEPS_OF_A_DAY: i64 = 24 * STEPS_OF_AN_HOUR;
/// What is older than this at the end of its step is read once more each time it is shown up to the next age.
const READ_AGAIN_AT: [i64; 3] = [900, 3_600, 6 * 3_600];
/// So many steps are read at once beside those that change: a day is whole after some looks.
const AT_ONCE: usize = 24;
/// None more is begun after this time.
const READS_FOR: Duration = Duration::from_millis(150);
/// Of so many messages and sign-ins of a step the times are looked at, the newest.
const SAMPLE: u32 = 200;

/// What happened in five minutes.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Their beginning.
    pub from: DateTime<Utc>,
    /// Whether it was read: a while after a start not everything is.
    pub is_read: bool,
    /// What became of the messages that were begun then.
    pub sends: Vec<SendCount>,
    /// Codes that were asked for.
    pub asked: u64,
    /// Codes that were given back, whatever for.
    pub used: u64,
    /// Those of them that were to sign in or to register.
    pub signed_in: u64,
    /// From asking for a code to giving it back, in seconds: the median of those who did then.
    pub sign_in_seconds: Option<f64>,
    /// From asking for a message to calling the gateway, in seconds, the same.
    pub wait_seconds: Option<f64>,
    /// How long the operators took for messages of these five minutes, in seconds.
    pub deliveries: Vec<OperatorSeconds>,
}

/// How long an operator took.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorSeconds {
    /// Which.
    pub operator: Operator,
    /// One figure for each message that was looked at; where the outcome is not known yet, the time so far.
    pub seconds: Vec<f64>,
}

impl Bucket {
    fn empty(index: i64) -> Self {
        Self {
            from: begin(index),
            is_read: false,
            sends: Vec::new(),
            asked: 0,
            used: 0,
            signed_in: 0,
            sign_in_seconds: None,
            wait_seconds: None,
            deliveries: Vec::new(),
        }
    }
}

/// The steps of a day that were read, by the number of the step since 1970.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    read: BTreeMap<i64, Read>,
}

#[derive(Debug)]
struct Read {
    bucket: Bucket,
    /// How old the end of the step was when it was read, in seconds.
    age: i64,
}

impl Buckets {
    /// Reads what changes, and some of what is missing, the newest first.
    pub(super) async fn read(
        &mut self,
        records: &Records,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let present = now.timestamp().div_euclid(STEP);
        let first = present - STEPS_OF_A_DAY + 1;
        // What a clock that was set back has left ahead goes too.
        self.read
            .retain(|index, _| (first..=present).contains(index));
        let mut left = AT_ONCE;
        let began = Instant::now();
        for index in (first..=present).rev() {
            let age = now.timestamp() - (index + 1) * STEP;
            let due = self.read.get(&index).is_none_or(|read| {
                READ_AGAIN_AT.iter().any(|at| read.age < *at && age >= *at)
                    || age < READ_AGAIN_AT[0]
            });
            if !due {
                continue;
            }
            // The present is always read; nobody who looks waits long for the rest.
            if index < present {
                if left == 0 || began.elapsed() > READS_FOR {
                    break;
                }
                left -= 1;
            }
            let whole = present - index <= STEPS_OF_AN_HOUR;
            let bucket = read_step(records, index, whole, now)
                .await
                .map_err(|error| error.explained())?;
            self.read.insert(index, Read { bucket, age });
        }
        Ok(())
    }

    /// The last hour in steps, those that were not read being empty.
    pub(super) fn last_hour(&self, now: DateTime<Utc>) -> Vec<Bucket> {
        let present = now.timestamp().div_euclid(STEP);
        (present - STEPS_OF_AN_HOUR + 1..=present)
            .map(|index| {
                let read = self.read.get(&index);
                read.map_or_else(|| Bucket::empty(index), |read| read.bucket.clone())
            })
            .collect()
    }

    /// All that was read, the oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Bucket> {
        self.read.values().map(|read| &read.bucket)
    }

    /// Up to where everything was read, going back from the present.
    pub(super) fn counted_since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let present = now.timestamp().div_euclid(STEP);
        let mut since = present + 1;
        while since > present - STEPS_OF_A_DAY + 1 && self.read.contains_key(&(since - 1)) {
            since -= 1;
        }
        begin(since)
    }
}

fn begin(index: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(index * STEP, 0).unwrap_or_default()
}

async fn read_step(
    records: &Records,
    index: i64,
    whole: bool,
    now: DateTime<Utc>,
) -> Result<Bucket, RecordsError> {
    let (from, to) = (begin(index), begin(index + 1));
    let sends = records.send_counts(from, to).await?;
    let uses = records.count_code_uses(from, to).await?;
    let mut bucket = Bucket {
        is_read: true,
        asked: sends.iter().map(|count| count.new_codes).sum(),
        used: uses.iter().map(|count| count.codes).sum(),
        signed_in: uses
            .iter()
            .filter(|count| matches!(count.purpose, Purpose::SignIn | Purpose::Register))
            .map(|count| count.codes)
            .sum(),
        sends,
        ..Bucket::empty(index)
    };
    if whole {
        let times = records.sign_in_times(from, to, SAMPLE).await?;
        let took = times
            .iter()
            .map(|time| seconds(time.used_at - time.asked_at));
        bucket.sign_in_seconds = median(&mut took.collect::<Vec<f64>>());
        times_of_messages(&mut bucket, records, from, to, now).await?;
    }
    Ok(bucket)
}

async fn times_of_messages(
    bucket: &mut Bucket,
    records: &Records,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), RecordsError> {
    let filter = SendFilter {
        from: Some(from),
        to: Some(to),
        ..SendFilter::default()
    };
    let listed = records.list_sends(&filter, None, SAMPLE, SAMPLE).await?;
    let mut waits = Vec::new();
    let mut deliveries: Vec<OperatorSeconds> = Vec::new();
    for row in &listed.rows {
        if let (Some(started), 1) = (row.started_at, row.attempt) {
            waits.push(seconds(started - row.accepted_at));
        }
        let taken = match SendFate::of(row) {
            SendFate::Arrived => row.delivered_at.or(row.delivery_checked_at),
            // One that was handed over a moment ago says nothing.
            SendFate::HandedOver => row
                .finished_at
                .filter(|taken| seconds(now - *taken) >= SLOW_SECONDS)
                .map(|_| now),
            _ => None,
        };
        let took = taken.zip(row.finished_at).map(|(end, begin)| end - begin);
        let operator = row.phone.as_ref().map(Operator::of);
        if let Some((took, operator)) = took.zip(operator) {
            let took = seconds(took);
            match deliveries.iter_mut().find(|one| one.operator == operator) {
                Some(one) => one.seconds.push(took),
                None => deliveries.push(OperatorSeconds {
                    operator,
                    seconds: vec![took],
                }),
            }
        }
    }
    bucket.wait_seconds = median(&mut waits);
    bucket.deliveries = deliveries;
    Ok(())
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64().max(0.0)
}
