//! What hot state would forget: the sends of a number when Redis comes back empty, and what it must
//! forget: the number itself when its account is deleted.

use std::time::Duration;

use chrono::DateTime;
use domain::challenge::Channel;
use domain::clock::Clock;
use domain::limits::{Quota, Quotas, Rule, Step};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use futures::future::join_all;
use harness::RedisServer;
use shared::hot_state::{AcceptRequest, Accepted, Count, HotState, HotStateError, Subjects};
use shared::queue::JobTask;
use shared::records::{Begin, LedgerWriter, PoolSettings, Records, Route, SendKey, SendMethod};

use crate::stage::{DAY, MINUTE, SECOND, START, Stage, caller, sent};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";

fn phone(number: &str) -> PhoneNumber {
    PhoneNumber::from_e164(number).expect("canonical")
}

/// A ledger and a hot state that looks into it, on a Redis of their own that can be emptied.
struct Emptied {
    stage: Stage,
    hot: HotState,
    records: Records,
    writer: LedgerWriter,
    _folder: tempfile::TempDir,
}

impl Emptied {
    async fn on(server: &RedisServer) -> Self {
        let stage = Stage::redis_on(server, Clock::manual(START));
        let (records, folder) = ledger().await;
        let writer = LedgerWriter::start(records.clone(), stage.clock.clone());
        Self {
            hot: stage.hot.clone().with_memory(&records, &stage.keys),
            stage,
            records,
            writer,
            _folder: folder,
        }
    }

    async fn ask(&self, number: &str) -> Result<Accepted, HotStateError> {
        let new = self.stage.new_challenge(number);
        let accept = self.stage.accept(AcceptRequest::New(&new));
        self.hot.accept(&accept, &self.stage.policy).await
    }

    /// What a worker does with all jobs that wait: it writes them to the ledger.
    async fn send_all(&self) {
        for job in self.stage.jobs().await {
            let JobTask::Send {
                challenge, send, ..
            } = job.task
            else {
                panic!("a notice")
            };
            let root = self.stage.read(challenge).await.root;
            let moment = |millis| DateTime::from_timestamp_millis(millis).expect("a moment");
            let begin = Begin {
                key: SendKey::first_leg(root.id, send),
                route: Route::KAVENEGAR,
                phone: root.phone,
                purpose: root.purpose.into(),
                channel: Channel::Sms,
                method: SendMethod::Send,
                fence: 1,
                localid: i64::from_be_bytes(self.stage.random.bytes()) >> 1 & i64::MAX >> 1,
                accepted_at: moment(job.accepted_at),
                deadline_at: moment(job.deadline),
                trace_id: None,
                request_id: None,
            };
            // A job of before that stands in the list again has its row.
            self.writer.begin(begin).await.expect("written");
        }
        self.empty_of("jobs").await;
    }

    async fn empty_of(&self, name: &str) {
        let (mut connection, tag) = self.stage.raw_redis().await;
        redis::cmd("DEL")
            .arg(format!("{{{tag}}}:{name}"))
            .query_async::<()>(&mut connection)
            .await
            .expect("deleted");
    }

    async fn empty(&self) {
        let (mut connection, _) = self.stage.raw_redis().await;
        redis::cmd("FLUSHALL")
            .query_async::<()>(&mut connection)
            .await
            .expect("emptied");
    }

    async fn epoch(&self) -> Option<String> {
        let (mut connection, tag) = self.stage.raw_redis().await;
        redis::cmd("GET")
            .arg(format!("{{{tag}}}:epoch"))
            .query_async(&mut connection)
            .await
            .expect("an answer")
    }
}

async fn ledger() -> (Records, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = shared::sqlite_file::SqliteFile::open_path(&folder.path().join("ledger.db"))
        .await
        .expect("a file");
    migrate::run_sqlite(file.writer())
        .await
        .expect("the schema");
    (Records::from_sqlite(file), folder)
}

fn refused(accepted: &Accepted) -> Option<(Rule, i64)> {
    match accepted {
        Accepted::Refused {
            rule,
            retry_after_millis,
        } => Some((*rule, *retry_after_millis)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_an_emptied_redis_gives_no_sends_back() {
    let server = RedisServer::start().await;
    let emptied = Emptied::on(&server).await;
    for _ in 0..10 {
        sent(emptied.ask(PHONE).await.expect("an answer"));
        emptied.send_all().await;
        emptied.stage.clock.advance(10 * MINUTE + SECOND);
    }
    for _ in 0..3 {
        sent(emptied.ask(OTHER).await.expect("an answer"));
        emptied.send_all().await;
        emptied.stage.clock.advance(31 * SECOND);
    }
    let before = refused(&emptied.ask(PHONE).await.expect("an answer")).expect("no eleventh");
    assert_eq!(before.0, Rule::PhoneDay);

    for _ in 0..3 {
        emptied.empty().await;
        let again = refused(&emptied.ask(PHONE).await.expect("an answer"));
        assert_eq!(
            again,
            Some(before),
            "ten sends are remembered, to the moment"
        );
        // And once remembered, also where the ledger is away.
        let without = emptied.stage.hot.clone();
        let new = emptied.stage.new_challenge(PHONE);
        let accept = emptied.stage.accept(AcceptRequest::New(&new));
        let accepted = without.accept(&accept, &emptied.stage.policy).await;
        assert_eq!(refused(&accepted.expect("an answer")), Some(before));
    }
    // Others have theirs: what three in two minutes leave, and what is new has all.
    assert_eq!(
        refused(&emptied.ask(OTHER).await.expect("an answer")).map(|(rule, _)| rule),
        Some(Rule::PhoneShort)
    );
    emptied.stage.clock.advance(2 * MINUTE);
    for _ in 0..7 {
        sent(emptied.ask(OTHER).await.expect("an answer"));
        emptied.stage.clock.advance(MINUTE);
    }
    assert_eq!(
        refused(&emptied.ask(OTHER).await.expect("an answer")).map(|(rule, _)| rule),
        Some(Rule::PhoneDay)
    );
    sent(emptied.ask("+989351234567").await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_of_many_who_ask_an_emptied_redis_at_once_none_is_granted_too_much() {
    let server = RedisServer::start().await;
    let emptied = Emptied::on(&server).await;
    for _ in 0..8 {
        sent(emptied.ask(PHONE).await.expect("an answer"));
        emptied.send_all().await;
        emptied.stage.clock.advance(10 * MINUTE + SECOND);
    }
    emptied.empty().await;
    let asked = join_all((0..20).map(|_| emptied.ask(PHONE))).await;
    let granted = asked
        .into_iter()
        .filter(|answer| matches!(answer, Ok(Accepted::Sent(_))))
        .count();
    assert_eq!(granted, 2);
    assert!(emptied.epoch().await.is_some());
}

/// Nothing was sent before, so nobody is looked for; and after a day everybody is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_the_ledger_is_read_for_unknown_numbers_of_a_young_epoch_alone() {
    let server = RedisServer::start().await;
    let emptied = Emptied::on(&server).await;
    sent(emptied.ask(PHONE).await.expect("an answer"));
    assert_eq!(emptied.epoch().await.as_deref(), Some("0"));
    emptied.send_all().await;
    emptied.empty().await;
    sent(emptied.ask(OTHER).await.expect("an answer"));
    let young = START + DAY;
    assert_eq!(emptied.epoch().await, Some(young.to_string()));

    // From here on the ledger is away.
    let settings = PoolSettings {
        time_limit: Duration::from_millis(200),
        ..PoolSettings::default()
    };
    let nobody = format!(
        "postgres://nobody@127.0.0.1:{}/nothing",
        harness::free_port()
    );
    let away = Records::connect(&nobody, settings).await.expect("a URL");
    let emptied = Emptied {
        hot: emptied
            .stage
            .hot
            .clone()
            .with_memory(&away, &emptied.stage.keys),
        records: away,
        ..emptied
    };
    assert!(emptied.records.ping().await.is_err());
    sent(emptied.ask(OTHER).await.expect("known"));
    let unknown = emptied.ask("+989351234567").await;
    assert!(
        matches!(unknown, Err(HotStateError::Unavailable(_))),
        "{unknown:?}"
    );
    assert_eq!(
        emptied.stage.jobs().await.len(),
        1,
        "nothing was granted to it"
    );
    emptied.stage.clock.advance(DAY);
    sent(emptied.ask("+989351234567").await.expect("an old epoch"));

    emptied.empty().await;
    let asked = emptied.ask(OTHER).await;
    assert!(
        matches!(asked, Err(HotStateError::Unavailable(_))),
        "{asked:?}"
    );
    assert_eq!(emptied.epoch().await, None, "nobody knows what was sent");
}

/// What a limit of an address refuses costs the ledger nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_a_refused_request_does_not_ask_the_ledger() {
    let server = RedisServer::start().await;
    let emptied = Emptied::on(&server).await;
    sent(emptied.ask(PHONE).await.expect("an answer"));
    emptied.send_all().await;
    emptied.empty().await;
    let ask = async |hot: &HotState, number: usize| {
        let new = emptied.stage.new_challenge(&format!("+98935{number:07}"));
        let accept = shared::hot_state::Accept {
            caller: Some(caller("192.0.2.7")),
            ..emptied.stage.accept(AcceptRequest::New(&new))
        };
        hot.accept(&accept, &emptied.stage.policy).await
    };
    for number in 0..30 {
        sent(ask(&emptied.hot, number).await.expect("an answer"));
    }
    let nobody = format!(
        "postgres://nobody@127.0.0.1:{}/nothing",
        harness::free_port()
    );
    let away = Records::connect(&nobody, PoolSettings::default()).await;
    let hot = emptied
        .stage
        .hot
        .clone()
        .with_memory(&away.expect("a URL"), &emptied.stage.keys);
    let refused = refused(&ask(&hot, 30).await.expect("no look at the ledger"));
    assert_eq!(refused.map(|(rule, _)| rule), Some(Rule::Address));
}

fn locked() -> Quotas {
    Quotas::NONE.with(
        Rule::FailuresPhone,
        Quota::Lock {
            failures: 3,
            millis: 60 * MINUTE,
        },
    )
}

async fn fail(hot: &HotState) -> Count {
    let number = phone(PHONE);
    let subjects = Subjects {
        phone: Some(&number),
        caller: Some(caller("192.0.2.7")),
        session: None,
        device: None,
    };
    let counted = hot.count(Step::CodeByPhone, &subjects, &locked()).await;
    counted.expect("an answer")
}

/// Deleted, no number stays, and no limit is given back.
pub(crate) async fn prv_01_a_deleted_number_stays_nowhere_and_its_limits_last(stage: &Stage) {
    let (records, _folder) = ledger().await;
    let hot = stage.hot.clone().with_memory(&records, &stage.keys);
    let ask = async |number: &str, purpose: Purpose| {
        let new = stage.challenge_for(number, purpose);
        let accept = stage.accept(AcceptRequest::New(&new));
        (
            new.id,
            hot.accept(&accept, &stage.policy).await.expect("an answer"),
        )
    };
    // A root of each kind, one that is joined twice, with jobs that wait.
    let (first, accepted) = ask(PHONE, Purpose::SignIn).await;
    sent(accepted);
    let (joined, accepted) = ask(PHONE, Purpose::SignIn).await;
    sent(accepted);
    stage.clock.advance(31 * SECOND);
    let (later, accepted) = ask(PHONE, Purpose::SignIn).await;
    sent(accepted);
    stage.clock.advance(2 * MINUTE);
    let (owned, accepted) = ask(PHONE, Purpose::ChangePhone).await;
    sent(accepted);
    let (reset, accepted) = ask(PHONE, Purpose::ResetPassword).await;
    sent(accepted);
    let (of_other, accepted) = ask(OTHER, Purpose::SignIn).await;
    sent(accepted);
    for _ in 0..3 {
        assert_eq!(fail(&hot).await, Count::Counted);
    }
    assert!(matches!(fail(&hot).await, Count::Refused { .. }));
    // And one refusal that `why` would tell of.
    sent(ask(PHONE, Purpose::Register).await.1);
    let refused_before = refused(&ask(PHONE, Purpose::Register).await.1);
    assert_eq!(refused_before, Some((Rule::PhoneShort, 2 * MINUTE)));
    assert!(stage.dump().await.contains("9123456789"));

    assert_eq!(hot.erase_number(&phone(PHONE)).await.expect("erased"), 4);
    let dump = stage.dump().await;
    assert!(!dump.contains("9123456789"), "{dump}");
    for id in [first, joined, later, owned, reset] {
        assert_eq!(hot.challenge(id).await.expect("an answer"), None);
    }
    let jobs = stage.jobs().await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert!(hot.challenge(of_other).await.expect("an answer").is_some());
    let known = hot.phone_state(&phone(PHONE)).await.expect("an answer");
    assert_eq!((known.sends.len(), known.failures), (0, 0));
    // Once more changes nothing.
    assert_eq!(hot.erase_number(&phone(PHONE)).await.expect("erased"), 0);

    // Anyone who has the number next, or again, has what is left of its limits.
    assert_eq!(
        refused(&ask(PHONE, Purpose::SignIn).await.1),
        refused_before
    );
    assert!(matches!(fail(&hot).await, Count::Refused { .. }));
    stage.clock.advance(2 * MINUTE);
    for granted in 7..=10 {
        sent(ask(PHONE, Purpose::SignIn).await.1);
        stage.clock.advance(MINUTE);
        assert!(granted <= 10);
    }
    let day = refused(&ask(PHONE, Purpose::SignIn).await.1);
    assert_eq!(day.map(|(rule, _)| rule), Some(Rule::PhoneDay));
    // Deleted a second time, what was counted before counts as well.
    hot.erase_number(&phone(PHONE)).await.expect("erased");
    assert_eq!(refused(&ask(PHONE, Purpose::SignIn).await.1), day);
    stage.clock.advance(60 * MINUTE);
    assert_eq!(fail(&hot).await, Count::Counted, "no lock lasts longer");
    stage.clock.advance(DAY);
    sent(ask(PHONE, Purpose::SignIn).await.1);
}

/// A right secret after the deletion forgets the failures of before.
pub(crate) async fn prv_01_a_success_forgets_the_failures_of_a_deleted_number(stage: &Stage) {
    let (records, _folder) = ledger().await;
    let hot = stage.hot.clone().with_memory(&records, &stage.keys);
    for _ in 0..2 {
        assert_eq!(fail(&hot).await, Count::Counted);
    }
    hot.erase_number(&phone(PHONE)).await.expect("erased");
    assert_eq!(fail(&hot).await, Count::Counted);
    assert!(matches!(fail(&hot).await, Count::Refused { .. }));
    let number = phone(PHONE);
    let subjects = Subjects {
        phone: Some(&number),
        caller: None,
        session: None,
        device: None,
    };
    hot.take_back(Step::CodeByPhone, &subjects, &locked(), None)
        .await
        .expect("an answer");
    for _ in 0..3 {
        assert_eq!(fail(&hot).await, Count::Counted);
    }
}
