//! Failed tries per phone and per client address.

use domain::limits::{Form, Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use shared::hot_state::{Count, Subjects};

use crate::stage::{DAY, MINUTE, SECOND, Stage, caller};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";
const HOUR: i64 = 60 * MINUTE;

fn balanced() -> Quotas {
    quotas(["10", "1/s", "off"])
}

fn strict() -> Quotas {
    quotas(["3", "3", "off"])
}

fn quotas([phone, address, group]: [&str; 3]) -> Quotas {
    let rules = [
        (Rule::FailuresPhone, Form::Failures, phone),
        (Rule::FailuresAddress, Form::FailuresOrPerSecond, address),
        (Rule::FailuresGroup, Form::PerSecond, group),
    ];
    rules
        .into_iter()
        .fold(Quotas::NONE, |quotas, (rule, form, text)| {
            quotas.with(rule, form.read(text, HOUR).expect("a quota"))
        })
}

impl Stage {
    async fn begin(&self, phone: &str, address: &str, quotas: &Quotas) -> Count {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let subjects = subjects(&phone, address);
        let begun = self.hot.count(Step::Password, &subjects, quotas);
        begun.await.expect("hot state answers")
    }

    async fn succeed(&self, phone: &str, address: &str, quotas: &Quotas) {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let subjects = subjects(&phone, address);
        let taken_back = self.hot.take_back(Step::Password, &subjects, quotas, None);
        taken_back.await.expect("hot state answers");
    }

    /// So many tries, each from an address of its own.
    async fn fail(&self, phone: &str, times: usize, limits: &Quotas) {
        for index in 0..times {
            let address = format!("192.0.2.{index}");
            assert_eq!(self.begin(phone, &address, limits).await, Count::Counted);
        }
    }
}

fn subjects<'a>(phone: &'a PhoneNumber, address: &str) -> Subjects<'a> {
    Subjects {
        phone: Some(phone),
        caller: Some(caller(address)),
        session: None,
        device: None,
    }
}

fn refused(rule: Rule, retry_after_millis: i64) -> Count {
    Count::Refused {
        rule,
        retry_after_millis,
    }
}

pub(crate) async fn a_phone_is_locked_for_an_hour_after_its_last_failure(stage: &Stage) {
    for (phone, limits, most) in [(PHONE, balanced(), 10), (OTHER, strict(), 3)] {
        stage.fail(phone, most, &limits).await;
        let locked = stage.begin(phone, "198.51.100.1", &limits).await;
        assert_eq!(locked, refused(Rule::FailuresPhone, HOUR));

        stage.clock.advance(HOUR - 1);
        let locked = stage.begin(phone, "198.51.100.1", &limits).await;
        assert_eq!(locked, refused(Rule::FailuresPhone, 1), "the wait is true");
        stage.clock.advance(1);
        stage.fail(phone, most, &limits).await;
        let locked = stage.begin(phone, "198.51.100.1", &limits).await;
        assert_eq!(locked, refused(Rule::FailuresPhone, HOUR), "all over again");
    }
    let others = stage
        .begin("+989120000000", "198.51.100.1", &balanced())
        .await;
    assert_eq!(others, Count::Counted);
}

pub(crate) async fn r_02_a_05_parallel_tries_never_exceed_the_cap(stage: &Stage) {
    for (phone, limits, most) in [(PHONE, balanced(), 10), (OTHER, strict(), 3)] {
        let addresses: Vec<String> = (0..200).map(|index| format!("10.0.0.{index}")).collect();
        let tries = addresses
            .iter()
            .map(|address| stage.begin(phone, address, &limits));
        let tries = futures::future::join_all(tries).await;
        let counted = tries.iter().filter(|one| **one == Count::Counted).count();
        assert_eq!(counted, most);
    }
}

pub(crate) async fn r_02_parallel_tries_of_an_address_never_exceed_its_cap(stage: &Stage) {
    for (limits, address, most) in [(balanced(), "192.0.2.1", 10), (strict(), "192.0.2.2", 3)] {
        let phones: Vec<String> = (0..100)
            .map(|index| format!("+98912000{index:04}"))
            .collect();
        let tries = phones
            .iter()
            .map(|phone| stage.begin(phone, address, &limits));
        let tries = futures::future::join_all(tries).await;
        let counted = tries.iter().filter(|one| **one == Count::Counted).count();
        assert_eq!(counted, most);
    }
}

pub(crate) async fn an_address_that_people_share_is_throttled_to_one_failure_a_second(
    stage: &Stage,
) {
    let next = |index: u32| format!("+98912{index:07}");
    for index in 0..10 {
        assert_eq!(
            stage.begin(&next(index), "192.0.2.1", &balanced()).await,
            Count::Counted
        );
    }
    let wait = stage.begin(&next(10), "192.0.2.1", &balanced()).await;
    assert_eq!(wait, refused(Rule::FailuresAddress, SECOND));
    stage.clock.advance(SECOND - 1);
    let wait = stage.begin(&next(10), "192.0.2.1", &balanced()).await;
    assert_eq!(wait, refused(Rule::FailuresAddress, 1), "the wait is true");
    for index in 10..20 {
        stage.clock.advance(if index == 10 { 1 } else { SECOND });
        assert_eq!(
            stage.begin(&next(index), "192.0.2.1", &balanced()).await,
            Count::Counted
        );
        let wait = stage.begin(&next(30), "192.0.2.1", &balanced()).await;
        assert_eq!(wait, refused(Rule::FailuresAddress, SECOND));
    }
    assert_eq!(
        stage.begin(&next(30), "192.0.2.9", &balanced()).await,
        Count::Counted
    );
}

pub(crate) async fn a_strict_address_is_locked_for_an_hour(stage: &Stage) {
    for index in 0..3 {
        let phone = format!("+98912000000{index}");
        assert_eq!(
            stage.begin(&phone, "192.0.2.1", &strict()).await,
            Count::Counted
        );
    }
    let locked = stage.begin(PHONE, "192.0.2.1", &strict()).await;
    assert_eq!(locked, refused(Rule::FailuresAddress, HOUR));
    stage.clock.advance(HOUR);
    assert_eq!(
        stage.begin(PHONE, "192.0.2.1", &strict()).await,
        Count::Counted
    );
}

pub(crate) async fn a_refused_try_consumes_nothing(stage: &Stage) {
    // Refused for the phone: the address keeps all its tries.
    stage.fail(PHONE, 10, &balanced()).await;
    for _ in 0..50 {
        let locked = stage.begin(PHONE, "198.51.100.1", &balanced()).await;
        assert_eq!(
            locked,
            refused(Rule::FailuresPhone, HOUR),
            "no longer by another try"
        );
    }
    for index in 0..10 {
        let phone = format!("+98912000000{index}");
        assert_eq!(
            stage.begin(&phone, "198.51.100.1", &balanced()).await,
            Count::Counted
        );
    }
    // Refused for the address: the phone keeps all its tries.
    for _ in 0..50 {
        let wait = stage.begin(OTHER, "198.51.100.1", &balanced()).await;
        assert_eq!(wait, refused(Rule::FailuresAddress, SECOND));
    }
    stage.fail(OTHER, 10, &balanced()).await;
}

pub(crate) async fn thr_04_a_success_clears_the_phone_and_gives_the_address_its_one_back(
    stage: &Stage,
) {
    for (limits, most, address, phone) in [
        (balanced(), 10, "192.0.2.77", PHONE),
        (strict(), 3, "192.0.2.78", OTHER),
    ] {
        // Others fail from the address, but not so often that it is refused.
        for index in 0..most - 2 {
            let phone = format!("+98912000000{index}");
            assert_eq!(stage.begin(&phone, address, &limits).await, Count::Counted);
        }
        stage.fail(phone, most - 1, &limits).await;
        for _ in 0..20 {
            assert_eq!(stage.begin(phone, address, &limits).await, Count::Counted);
            stage.succeed(phone, address, &limits).await;
        }
        // What others did wrong there stays.
        for _ in 0..2 {
            assert_eq!(stage.begin(phone, address, &limits).await, Count::Counted);
        }
        assert!(matches!(
            stage.begin("+989129999999", address, &limits).await,
            Count::Refused {
                rule: Rule::FailuresAddress,
                ..
            }
        ));
    }
}

pub(crate) async fn a_success_of_the_last_allowed_try_unlocks_phone_and_address(stage: &Stage) {
    for _ in 0..2 {
        assert_eq!(
            stage.begin(PHONE, "192.0.2.1", &strict()).await,
            Count::Counted
        );
    }
    assert_eq!(
        stage.begin(PHONE, "192.0.2.1", &strict()).await,
        Count::Counted
    );
    stage.succeed(PHONE, "192.0.2.1", &strict()).await;
    assert_eq!(
        stage.begin(OTHER, "192.0.2.1", &strict()).await,
        Count::Counted
    );
    let locked = stage.begin(PHONE, "192.0.2.1", &strict()).await;
    assert_eq!(
        locked,
        refused(Rule::FailuresAddress, HOUR),
        "three failures are left"
    );
    assert_eq!(
        stage.begin(PHONE, "192.0.2.2", &strict()).await,
        Count::Counted
    );
}

pub(crate) async fn r_31_old_failures_do_not_lock(stage: &Stage) {
    for _ in 0..30 {
        stage.fail(PHONE, 9, &balanced()).await;
        stage.clock.advance(HOUR);
    }
    stage.fail(PHONE, 9, &balanced()).await;
    stage.clock.advance(90 * DAY);
    stage.fail(PHONE, 10, &balanced()).await;
}

pub(crate) async fn r_32_a_12_a_restart_keeps_locks_and_counts(stage: &Stage) {
    stage.fail(PHONE, 10, &balanced()).await;
    stage.fail(OTHER, 9, &balanced()).await;
    stage.hot.sweep().await.expect("swept");
    let restarted = stage.restarted().await;
    let begin = async |phone: &str| {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let subjects = subjects(&phone, "198.51.100.1");
        let quotas = balanced();
        let begun = restarted.count(Step::Password, &subjects, &quotas);
        begun.await.expect("hot state answers")
    };
    assert_eq!(begin(PHONE).await, refused(Rule::FailuresPhone, HOUR));
    assert_eq!(begin(OTHER).await, Count::Counted);
    assert_eq!(begin(OTHER).await, refused(Rule::FailuresPhone, HOUR));
}

pub(crate) async fn what_is_forgotten_leaves_nothing_behind(stage: &Stage) {
    stage.fail(PHONE, 10, &balanced()).await;
    stage.begin(OTHER, "192.0.2.1", &strict()).await;
    assert!(
        stage.lasting_keys().await.is_empty(),
        "every key has an end"
    );
    stage.clock.advance(2 * HOUR + 1);
    stage.hot.sweep().await.expect("swept");
    assert_eq!(stage.rows_of_tries().await, 0);
}
