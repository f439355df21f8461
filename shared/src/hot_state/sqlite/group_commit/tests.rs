use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use sqlx::SqliteConnection;

use super::*;
use crate::challenge::{Channel, Locale, NewChallenge};
use crate::clock::Clock;
use crate::hot_state::model::{Accept, AcceptPolicy, AcceptRequest, Accepted, Window};
use crate::hot_state::{Admission, HotState};
use crate::otp::{KeyRing, Purpose};
use crate::phone::PhoneNumber;
use crate::random::Random;

const NOW: i64 = 1_790_000_000_000;

struct Stage {
    file: SqliteFile,
    hot: HotState,
    random: Random,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = SqliteFile::open_path(&folder.path().join("ramz.db"))
            .await
            .expect("a file");
        migrate::run_sqlite(file.writer())
            .await
            .expect("the schema");
        let clock = Clock::manual(NOW);
        Self {
            hot: HotState::sqlite(file.clone(), clock),
            file,
            random: Random::seeded(9),
            _folder: folder,
        }
    }

    fn challenge(&self, phone: &str) -> NewChallenge {
        let keys = KeyRing::parse("k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=").expect("keys");
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let purpose = Purpose::SignIn;
        NewChallenge::begin(&self.random, &keys, phone, purpose, 6, Locale::Fa).1
    }

    fn challenges<const N: usize>(&self) -> [NewChallenge; N] {
        std::array::from_fn(|index| self.challenge(&format!("+98912000{index:04}")))
    }

    async fn ask(&self, challenge: &NewChallenge) -> Result<Accepted, HotStateError> {
        let window = Window {
            count: 1,
            millis: 60_000,
        };
        let policy = AcceptPolicy {
            code_life_millis: 120_000,
            resend_cooldown_millis: 30_000,
            max_attempts: 3,
            phone_short: window,
            phone_day: window,
            address_per_minute: 30,
            queue_max: 10_000,
            queue_max_age_millis: i64::MAX,
        };
        let accept = Accept {
            request: AcceptRequest::New(challenge),
            nonce: self.random.bytes(),
            channel: Channel::Sms,
            address: None,
            trace: None,
            request_id: None,
        };
        self.hot.accept(&accept, &policy).await
    }

    async fn is_known(&self, challenge: &NewChallenge) -> bool {
        let found = self.hot.challenge(challenge.id).await;
        found.expect("an answer").is_some()
    }

    /// How many commits there will have been from now on.
    async fn count_commits(&self) -> Arc<AtomicU32> {
        let commits = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&commits);
        let mut held = self.hold().await;
        let handle = held.lock_handle().await;
        handle.expect("the handle").set_commit_hook(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            true
        });
        commits
    }

    /// The connection that writes; while it is held, whoever wants to write waits.
    async fn hold(&self) -> sqlx::pool::PoolConnection<sqlx::Sqlite> {
        self.file.writer().acquire().await.expect("a connection")
    }
}

async fn execute(connection: &mut SqliteConnection, statement: &'static str) {
    let executed = sqlx::query(statement).execute(connection).await;
    executed.expect("executed");
}

#[tokio::test]
async fn requests_that_come_together_share_a_commit() {
    let stage = Stage::new().await;
    let commits = stage.count_commits().await;

    let challenges: [_; 40] = stage.challenges();
    let accepted = join_all(challenges.iter().map(|new| stage.ask(new))).await;

    let granted = |accepted: &Result<_, _>| matches!(accepted, Ok(Accepted::Sent(_)));
    assert!(accepted.iter().all(granted), "{accepted:?}");
    assert_eq!(commits.load(Ordering::Relaxed), 1);
    for challenge in &challenges {
        assert!(stage.is_known(challenge).await);
    }
}

#[tokio::test]
async fn a_14_the_limit_of_a_number_holds_within_one_commit() {
    let stage = Stage::new().await;
    let challenges: [_; 20] = std::array::from_fn(|_| stage.challenge("+989120000000"));
    let accepted = join_all(challenges.iter().map(|new| stage.ask(new))).await;
    let granted = accepted
        .iter()
        .filter(|accepted| matches!(accepted, Ok(Accepted::Sent(_))));
    assert_eq!(granted.count(), 1, "{accepted:?}");
    assert_eq!(accepted.iter().filter(|it| it.is_err()).count(), 0);
}

#[tokio::test]
async fn whoever_stopped_waiting_is_granted_nothing() {
    let stage = Stage::new().await;
    let [gone, stays] = stage.challenges();
    let held = stage.hold().await;
    assert!(stage.ask(&gone).now_or_never().is_none(), "it has to wait");
    drop(held);
    let accepted = stage.ask(&stays).await;
    assert!(matches!(accepted, Ok(Accepted::Sent(_))), "{accepted:?}");
    assert!(!stage.is_known(&gone).await);
}

#[tokio::test]
async fn an_error_is_everybodys_leaves_nothing_and_is_over() {
    let stage = Stage::new().await;
    let challenges: [_; 3] = stage.challenges();
    let full = "CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END";
    execute(&mut *stage.hold().await, full).await;
    let accepted = join_all(challenges.iter().map(|new| stage.ask(new))).await;
    for accepted in accepted {
        assert!(
            matches!(accepted, Err(HotStateError::Unavailable(_))),
            "{accepted:?}"
        );
    }
    for challenge in &challenges {
        assert!(!stage.is_known(challenge).await);
    }
    execute(&mut *stage.hold().await, "DROP TRIGGER full").await;
    let accepted = stage.ask(&challenges[0]).await;
    assert!(matches!(accepted, Ok(Accepted::Sent(_))), "{accepted:?}");
}

#[tokio::test]
async fn calls_that_are_admitted_together_share_a_commit_and_keep_the_rate() {
    let stage = Stage::new().await;
    let commits = stage.count_commits().await;
    let admit = || stage.hot.admit_call(100, Duration::from_millis(200));
    let admitted = join_all((0..60).map(|_| admit())).await;
    let mut waits = Vec::new();
    for admission in admitted {
        if let Admission::Go { after } = admission.expect("an answer") {
            waits.push(after);
        }
    }
    assert!(waits.is_sorted(), "each has a place of its own: {waits:?}");
    let last = waits.last().copied().unwrap_or_default();
    assert!(last > Duration::from_millis(190), "{waits:?}");
    assert!(last <= Duration::from_millis(200), "{waits:?}");
    assert!(waits.len() < 60, "some have to ask again");
    assert_eq!(commits.load(Ordering::Relaxed), 1);
}
