//! Hashing off the async threads, a few at a time.
//!
//! One argon2id hash takes 19 MiB and some 20 ms of a core. As many run at once as there are cores,
//! a bounded number waits, and beyond that [`Busy`] is the answer at once: a flood of log-ins costs
//! neither memory without end nor the time of everybody else. Nor does one client take all the places.
//! Judging new passwords takes milliseconds and has places of its own, so that anyone who has many judged keeps
//! nobody from logging in.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::Password;
use super::hash::{Match, PasswordHash};
use super::places::{Admitted, Places};
use super::policy::{OwnWords, Weakness, judge};
use crate::random::Random;

/// How many may wait for one core: a third of a second with hashes of our own, and as long again where
/// what was typed has two forms.
const WAITING_PER_CORE: usize = 16;

/// How long a comparison that ends in a refusal takes at least, from its begin. Longer than Django's hashes
/// need (1,200,000 rounds of PBKDF2 are a third of a second on a slow core), so that nobody learns by the time
/// that a number has an account that was imported. It is waited for, not worked for.
pub const SLOWEST_REFUSAL: Duration = Duration::from_millis(500);

/// Hashes, verifies and judges passwords. Clones share the bounds.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    random: Random,
    /// What is verified where there is nothing to verify.
    decoy: PasswordHash,
    hashing: Desk,
    judging: Desk,
}

/// Where one sort of work is done.
#[derive(Clone, Debug)]
struct Desk {
    /// One for each that runs or waits.
    places: Places,
    /// One permit for each that runs.
    running: Arc<Semaphore>,
}

impl Desk {
    fn new(running: usize, waiting: usize) -> Self {
        Self {
            places: Places::new(running + waiting),
            running: Arc::new(Semaphore::new(running)),
        }
    }

    /// The place goes with the work and not with the caller: a request that was given up still
    /// occupies its core. Once a place is taken, only the end of the runtime can refuse it.
    async fn run<T: Send + 'static>(
        &self,
        admitted: Admitted,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let running = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((running, admitted));
            result
        });
        match done.await {
            Ok(result) => Ok(result),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Busy),
            },
        }
    }
}

/// A place among those whose passwords are hashed, taken before a try is counted: anyone who finds no
/// room is not counted for it.
#[derive(Debug)]
pub struct Place<'a> {
    passwords: &'a Passwords,
    admitted: Admitted,
}

/// How a comparison ended, and when it began.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// Whether, and how, the password belongs to the hash.
    pub matches: Match,
    began: Instant,
}

impl Compared {
    /// Waits until a refusal tells nothing by its time: [`SLOWEST_REFUSAL`] since the comparison began.
    pub async fn hide_time(self) {
        sleep_until(self.began + SLOWEST_REFUSAL).await;
    }
}

/// Too many passwords are being hashed; nothing was done. A second later there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct Busy;

/// Why a new password was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewPasswordError {
    /// It is too weak.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// It was not looked at.
    #[error(transparent)]
    Busy(#[from] Busy),
}

impl Passwords {
    /// As many at once as the machine has cores. Hashes once for itself, some 20 ms.
    pub fn new(random: &Random) -> Self {
        let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::with_bounds(random, cores, cores.get() * WAITING_PER_CORE)
    }

    /// `running` at once, and `waiting` more may wait for them.
    pub fn with_bounds(random: &Random, running: NonZeroUsize, waiting: usize) -> Self {
        let unknown = Password::parse(hex::encode(random.bytes::<32>()))
            .expect("64 hexadecimal digits are a password");
        Self(Arc::new(Inner {
            random: random.clone(),
            decoy: PasswordHash::compute(&unknown, random.bytes()),
            hashing: Desk::new(running.get(), waiting),
            // Half of the cores stay for those who log in.
            judging: Desk::new(running.get().div_ceil(2), waiting.div_ceil(2)),
        }))
    }

    /// Takes a place, if there is room for this client.
    pub fn place(&self, client: Option<&str>) -> Result<Place<'_>, Busy> {
        Ok(Place {
            passwords: self,
            admitted: self.0.hashing.places.take(client)?,
        })
    }

    /// Whether a new password is good enough for the person that `own` describes.
    pub async fn judge(
        &self,
        password: &Password,
        own: OwnWords,
        client: Option<&str>,
    ) -> Result<(), NewPasswordError> {
        let (password, desk) = (password.clone(), &self.0.judging);
        let admitted = desk.places.take(client)?;
        Ok(desk.run(admitted, move || judge(&password, &own)).await??)
    }

    /// The hash to store of a password.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, Busy> {
        self.place(None)?.hash(password).await
    }

    /// Whether the password belongs to this hash; see [`Place::verify`].
    pub async fn verify(
        &self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, Busy> {
        self.place(None)?.verify(password, hash).await
    }
}

impl Place<'_> {
    /// The hash to store of a password.
    pub async fn hash(self, password: &Password) -> Result<PasswordHash, Busy> {
        let (password, salt) = (password.clone(), self.passwords.0.random.bytes());
        self.run(move || PasswordHash::compute(&password, salt))
            .await
    }

    /// Whether the password belongs to this hash; see [`Self::compare`].
    pub async fn verify(
        self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, Busy> {
        Ok(self.compare(password, hash).await?.matches.is_right())
    }

    /// Whether, and how, the password belongs to this hash. `None`, for a person without a password or
    /// a number without a person, is never right and takes as long as a hash of ours.
    ///
    /// A hash of another format takes its own time, until its owner logs in and it is replaced: see
    /// [`Compared::hide_time`].
    pub async fn compare(
        self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<Compared, Busy> {
        let real = hash.is_some();
        let hash = hash.unwrap_or(&self.passwords.0.decoy).clone();
        let password = password.clone();
        let compare = move || (Instant::now(), hash.compare(&password));
        let (began, matches) = self.run(compare).await?;
        let matches = if real { matches } else { Match::No };
        Ok(Compared { matches, began })
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        self.passwords.0.hashing.run(self.admitted, work).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::advance;

    use super::*;

    fn passwords(running: usize, waiting: usize) -> Passwords {
        let running = NonZeroUsize::new(running).expect("not zero");
        Passwords::with_bounds(&Random::seeded(1), running, waiting)
    }

    fn typed(text: &str) -> Password {
        Password::parse(text).expect("a password")
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = passwords(2, 2);
        let hash = passwords
            .hash(&typed("tahdig-va-ghormeh"))
            .await
            .expect("room");
        let again = passwords
            .hash(&typed("tahdig-va-ghormeh"))
            .await
            .expect("room");
        assert_ne!(
            hash.expose(),
            again.expose(),
            "each hash has a salt of its own"
        );
        for (text, right) in [
            ("tahdig-va-ghormeh", true),
            ("tahdig-va-ghormeh ", false),
            ("Tahdig-va-ghormeh", false),
        ] {
            assert_eq!(passwords.verify(&typed(text), Some(&hash)).await, Ok(right));
        }
    }

    #[tokio::test]
    async fn thr_09_nothing_to_verify_costs_as_much_and_is_never_right() {
        let passwords = passwords(1, 0);
        let password = typed("tahdig-va-ghormeh");
        let hash = passwords.hash(&password).await.expect("room");
        let costs = |hash: &PasswordHash| {
            let (start, _) = hash.expose().rsplit_once('$').expect("a salt and a hash");
            start.rsplit_once('$').expect("costs").0.to_owned()
        };
        assert_eq!(costs(&passwords.0.decoy), costs(&hash));

        // That the work is done at all: without it the time would be a hundredth. The least of
        // several is far from both on any machine.
        let mut spent = [Vec::new(), Vec::new()];
        for _ in 0..9 {
            for (times, hash) in spent.iter_mut().zip([Some(&hash), None]) {
                let start = Instant::now();
                let right = passwords.verify(&password, hash).await.expect("room");
                times.push(start.elapsed());
                assert_eq!(right, hash.is_some());
            }
        }
        let [real, decoy] = spent.map(|times| times.into_iter().min().expect("times"));
        assert!(decoy > real / 10, "{real:?} and {decoy:?}");
    }

    #[tokio::test]
    async fn beyond_its_bounds_it_answers_busy_at_once_and_recovers() {
        let passwords = passwords(1, 1);
        let (release, hold) = mpsc::channel::<()>();
        let (started, starting) = mpsc::channel::<()>();
        let other = passwords.clone();
        let running = tokio::spawn(async move {
            let work = move || {
                started.send(()).expect("somebody listens");
                hold.recv().expect("a word");
            };
            other.place(None)?.run(work).await
        });
        tokio::task::spawn_blocking(move || starting.recv())
            .await
            .expect("joins")
            .expect("runs");

        let password = typed("tahdig-va-ghormeh");
        let mut waiting = Box::pin(passwords.hash(&password));
        assert!(futures::poll!(&mut waiting).is_pending(), "one may wait");
        assert_eq!(passwords.hash(&password).await.err(), Some(Busy));
        // Judging has places of its own.
        let judged = passwords.judge(&password, OwnWords::default(), None).await;
        assert_eq!(judged, Ok(()));

        release.send(()).expect("the work waits");
        assert_eq!(running.await.expect("joins"), Ok(()));
        assert!(waiting.await.is_ok());
        assert!(passwords.hash(&password).await.is_ok());
    }

    #[tokio::test]
    async fn work_whose_caller_is_gone_keeps_its_place() {
        let passwords = passwords(1, 0);
        let (release, hold) = mpsc::channel::<()>();
        let place = passwords.place(None).expect("room");
        let mut given_up = Box::pin(place.run(move || hold.recv()));
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);
        assert_eq!(passwords.hash(&typed("x")).await.err(), Some(Busy));
        release.send(()).expect("the work still runs");
        while passwords.hash(&typed("x")).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// The clock stands still but for what the test lets pass, so that only the waiting is measured.
    #[tokio::test(start_paused = true)]
    async fn thr_09_a_refusal_takes_as_long_whatever_was_compared() {
        let passwords = passwords(2, 2);
        let password = typed("tahdig-va-ghormeh");
        let ours = passwords.hash(&password).await.expect("room");
        let stored = [
            "pbkdf2_sha256$1000$c2FsdA$eGFtcGxleGFtcGxleGFtcGxleGFtcGxleGFtcGxlZXg=",
            "pbkdf2_sha1$1000$c2FsdA$eGFtcGxleGFtcGxleGFtcGxleGE=",
        ];
        let imported = stored.map(|hash| PasswordHash::from_stored(hash).expect("a known format"));
        let [pbkdf2_sha256, pbkdf2_sha1] = &imported;
        // What the comparison takes: nothing, as long as ours, as Django's, and nearly all there is.
        for millis in [0, 27, 163, 240, 499] {
            for hash in [None, Some(&ours), Some(pbkdf2_sha256), Some(pbkdf2_sha1)] {
                let began = Instant::now();
                let place = passwords.place(None).expect("room");
                let compared = place.compare(&password, hash).await.expect("room");
                advance(Duration::from_millis(millis)).await;
                compared.hide_time().await;
                assert_eq!(began.elapsed(), SLOWEST_REFUSAL, "{millis} ms, {hash:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_waits_for_its_time_holds_no_place() {
        let passwords = passwords(1, 0);
        let password = typed("tahdig-va-ghormeh");
        let place = passwords.place(None).expect("room");
        let compared = place.compare(&password, None).await.expect("room");
        let mut waiting = Box::pin(compared.hide_time());
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(passwords.place(None).is_ok());
    }

    #[tokio::test]
    async fn a_new_password_is_judged() {
        let passwords = passwords(1, 0);
        let judged = passwords
            .judge(&typed("12345678"), OwnWords::default(), None)
            .await;
        assert_eq!(judged, Err(NewPasswordError::Weak(Weakness::Guessable)));
        let judged = passwords
            .judge(&typed("tahdig-va-ghormeh"), OwnWords::default(), None)
            .await;
        assert_eq!(judged, Ok(()));
    }
}
