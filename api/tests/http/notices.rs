//! Messages that tell of a change.

use std::time::Duration;

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use harness::eventually;
use serde_json::json;
use shared::queue::{Job, JobTask};
use shared::records::{PhoneChange, PhoneChangeOutcome};

use crate::passwords::{GOOD, OTHER, PHONE};
use crate::stage::{SECOND, Shape, Stage};

impl Stage {
    /// The jobs of notices among those that wait, which are all taken.
    pub(crate) async fn notice_jobs(&self) -> Vec<Job> {
        let is_notice = |job: &Job| matches!(job.task, JobTask::Notice { .. });
        self.jobs().await.into_iter().filter(is_notice).collect()
    }
}

pub(crate) async fn the_owner_is_told_of_a_change_and_not_of_a_first_password(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.with_password(PHONE, GOOD).await;
    assert_eq!(stage.notice_jobs().await, []);
    let body = json!({ "new_password": OTHER });
    assert_eq!(stage.set(&token, body).await.status, 204);
    let jobs = stage.notice_jobs().await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let JobTask::Notice { notice } = jobs[0].task else {
        panic!("{jobs:?}");
    };
    let notice = stage
        .stores
        .records
        .notice(notice)
        .await
        .expect("an answer");
    let notice = notice.expect("a notice");
    assert_eq!(notice.kind, NoticeKind::PasswordChanged);
    assert_eq!(notice.phone.as_e164(), "+989123456789");
}

/// The process dies between the commit and the queue; another one finds the notice.
pub(crate) async fn f_01_a_notice_that_a_crash_left_over_comes_into_the_queue_once(shape: Shape) {
    let stage = Stage::new(shape).await;
    let user = stage.user_id(&stage.tokens(PHONE).await.access).await;
    let records = &stage.stores.records;
    let now = stage.clock.now();
    let sessions = records.live_sessions(user, now).await;
    let change = PhoneChange {
        root: RootId::from_bytes([7; 16]),
        user,
        session: sessions.expect("an answer")[0].id,
        phone: PhoneNumber::from_e164("+989351112233").expect("canonical"),
        locale: Locale::En,
        now,
    };
    let random = Random::operating_system();
    let outcome = records.change_phone(&change, &random);
    let Ok(PhoneChangeOutcome::Changed {
        notice: Some(notice),
        ..
    }) = outcome.await
    else {
        panic!("no change")
    };
    stage.pass(6 * SECOND).await;
    let beside = stage.beside(&[]).await;
    let waiting = async || {
        let waiting = records.waiting_notices(stage.clock.now(), 10).await;
        waiting.expect("an answer").is_empty().then_some(())
    };
    eventually(Duration::from_mins(1), waiting).await;
    let jobs = beside.notice_jobs().await;
    let expected = JobTask::Notice { notice: notice.id };
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert_eq!(jobs[0].task, expected);
    let age = stage.clock.now_millis() - jobs[0].accepted_at;
    assert_eq!(age, 0, "it counts from its place in the queue");
    let used = records.root_used(change.root).await;
    assert!(used.expect("an answer"));
}
