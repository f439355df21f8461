//! Who signs in alone, and who together with others.
//!
//! Two statements sign people in at a time. Anyone who comes when there is room goes at once, alone, as if there were
//! nobody else. Those who come meanwhile go together with the next ([`Records::sign_in_together`]), which waits a moment
//! more after one for several: so under load a statement signs in as many as came during the one before, and then. Two
//! of one number or of one code never go together; they may meet in two statements, as they do from two processes.
//!
//! Nobody keeps the others waiting for long: a statement that waits for a row that is locked is waited for no more, and
//! anyone whom a statement for many had to leave out goes on alone. Who is alone and goes away leaves their place in
//! the line for their row, so that those who come back for it do not stand behind themselves.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::within;
use super::sign_in::{SignIn, SignInOutcome};
use super::{Records, RecordsError};
use crate::together::{Answer, Service, Together, Waiting};

/// The rounds of one pool.
pub(super) type SignInRounds = Together<SignInTogether>;

/// One who signs in.
pub(super) struct Person {
    records: Records,
    sign_in: SignIn,
    deadline: Instant,
    gone: CancellationToken,
}

/// Signs them in.
#[derive(Debug)]
pub(super) struct SignInTogether;

impl Service for SignInTogether {
    type Input = Person;
    /// `None`: nothing yet, it has to go alone.
    type Output = Option<SignInOutcome>;
    type Error = RecordsError;

    const MOST: usize = 16;
    /// While one waits for its commit, the other works. A third would halve the company once more, and with it what one
    /// saves.
    const UNDER_WAY: usize = 2;
    /// Longer than any statement takes that waits for nobody.
    const PLACE_FOR: Option<Duration> = Some(Duration::from_millis(50));
    const COMPANY: Duration = Duration::from_millis(2);

    fn may_join(person: &Person, others: &[Waiting<Self>]) -> bool {
        let one = &person.sign_in;
        others.iter().all(|other| {
            let other = &other.input.sign_in;
            other.phone != one.phone && other.root != one.root
        })
    }

    async fn serve(&self, together: &[Waiting<Self>]) -> Result<Vec<Answer<Self>>, RecordsError> {
        let Some(first) = together.first() else {
            return Ok(Vec::new());
        };
        let records = &first.input.records;
        if together.len() == 1 {
            let alone = sign_in_alone(&first.input).await;
            return Ok(vec![alone.map(Some)]);
        }
        // Each gives up at their own time; the last of them decides for how long it is worth while.
        let deadlines = together.iter().map(|person| person.input.deadline);
        let deadline = deadlines.fold(first.input.deadline, Instant::max);
        let sign_ins: Vec<&SignIn> = together.iter().map(|one| &one.input.sign_in).collect();
        match records.sign_in_together_until(deadline, &sign_ins).await {
            Ok(outcomes) => Ok(outcomes.into_iter().map(Option::transpose).collect()),
            // It may be the fault of one of them.
            Err(error) if error.is_of_one_row() => Ok(together.iter().map(|_| Ok(None)).collect()),
            Err(error) => Err(error),
        }
    }
}

impl Records {
    /// [`Records::sign_in`] on PostgreSQL, together with those who come at the same moment.
    pub(super) async fn sign_in_in_rounds(
        &self,
        rounds: &SignInRounds,
        sign_in: &SignIn,
    ) -> Result<SignInOutcome, RecordsError> {
        let deadline = self.deadline();
        let gone = CancellationToken::new();
        let person = || Person {
            records: self.clone(),
            sign_in: sign_in.clone(),
            deadline,
            gone: gone.clone(),
        };
        let guard = gone.clone().drop_guard();
        let told = within(deadline, rounds.take(person())).await;
        // Whoever is told that it took too long has not gone away: the statement ends by its own deadline.
        guard.disarm();
        match told? {
            Some(outcome) => Ok(outcome),
            None => sign_in_alone(&person()).await,
        }
    }
}

/// For as long as is left of the person's time.
async fn sign_in_alone(person: &Person) -> Result<SignInOutcome, RecordsError> {
    let left = person.deadline.saturating_duration_since(Instant::now());
    let records = person.records.clone().with_time_limit(left);
    let sign_in = Box::pin(records.sign_in_at_once(&person.sign_in));
    tokio::select! {
        biased;
        () = person.gone.cancelled() => Err(RecordsError::closed()),
        outcome = sign_in => outcome,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use domain::otp::Purpose;
    use domain::phone::PhoneNumber;
    use domain::root::RootId;
    use uuid::Uuid;

    use super::super::{Device, NewSession, PoolSettings};
    use super::*;

    fn sign_in(number: u32, root: u8) -> SignIn {
        let now = DateTime::from_timestamp(1_763_700_000, 0).expect("a time");
        SignIn {
            root: RootId::from_bytes([root; 16]),
            purpose: Purpose::SignIn,
            phone: PhoneNumber::from_e164(&format!("+98912{number:07}")).expect("canonical"),
            new_user_id: Uuid::from_u128(number.into()),
            session: NewSession {
                id: Uuid::from_u128(root.into()),
                refresh_token_hash: [root; 32],
                origin_salt: None,
                device: Device::default(),
                opened_at: now,
                idle_expires_at: now + TimeDelta::days(1),
                expires_at: now + TimeDelta::days(30),
            },
        }
    }

    #[tokio::test]
    async fn two_of_one_number_or_one_code_never_go_together() {
        let nobody = "postgres://nobody@127.0.0.1:1/nothing";
        let records = Records::connect(nobody, PoolSettings::default()).await;
        let records = records.expect("nothing is connected yet");
        let person = |number, root| Person {
            records: records.clone(),
            sign_in: sign_in(number, root),
            deadline: Instant::now(),
            gone: CancellationToken::new(),
        };
        let (first, _answer) = Waiting::of(person(1, 1));
        let others = [first];
        for (number, root, may_join) in [(2, 2, true), (1, 3, false), (3, 1, false)] {
            let joins = SignInTogether::may_join(&person(number, root), &others);
            assert_eq!(joins, may_join, "{number} {root}");
        }
    }
}
