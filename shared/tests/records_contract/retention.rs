//! Rows that are too old go, a few at a time, and nothing else does.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::clock::Clock;
use shared::records::{OldRows, RetentionStep};
use strum::VariantArray as _;

use crate::stage::{Stage, phone};

const DAY: TimeDelta = TimeDelta::days(1);

/// As both databases keep it.
fn text(time: DateTime<Utc>) -> String {
    let text = time.to_rfc3339_opts(SecondsFormat::AutoSi, false);
    format!("'{text}'")
}

impl Stage {
    /// A row of each sort whose moment is this.
    async fn rows_of(&self, moment: DateTime<Utc>) {
        let (at, root) = (text(moment), self.blob(self.root().as_bytes()));
        let id = || self.id(self.random.uuid_v7(moment.timestamp_millis()));
        let rows = [
            format!("INSERT INTO challenge_uses VALUES ({root}, 'sign_in', {at})"),
            format!(
                "INSERT INTO sends (challenge_id, send_number, phone, purpose, channel, state, \
                 attempt, fence, accepted_at, deadline_at, created_at, updated_at) VALUES \
                 ({root}, 1, '+989123456789', 'sign_in', 'sms', 'expired', 0, 1, {at}, {at}, {at}, {at})"
            ),
            format!(
                "INSERT INTO notices (id, phone, kind, locale, created_at, deadline_at) VALUES \
                 ({}, '+989123456789', 'password_changed', 'fa', {at}, {at})",
                id()
            ),
            format!(
                "INSERT INTO audit_log (id, at, source, action, details) VALUES \
                 ({}, {at}, 'system', 'test', '{{}}')",
                id()
            ),
        ];
        for row in rows {
            self.execute(row).await.expect("a row");
        }
        let session = self.execute(format!(
            "UPDATE sessions SET expires_at = {at} WHERE id IN \
             (SELECT id FROM sessions WHERE expires_at > {} LIMIT 1)",
            text(self.now())
        ));
        assert_eq!(session.await.expect("an answer"), 1);
    }

    /// How many there are that can go.
    async fn left(&self, what: OldRows) -> i64 {
        let rows = match what {
            OldRows::SendNumbers => "sends WHERE phone IS NOT NULL",
            other => other.as_str(),
        };
        self.count(rows).await
    }

    async fn remove(&self, what: OldRows, before: DateTime<Utc>, limit: u32) -> RetentionStep {
        let step = self
            .records
            .remove_old(what, self.now() - before, self.now(), limit);
        step.await.expect("an answer")
    }
}

pub(crate) async fn prv_01_old_rows_go_the_oldest_first_a_few_at_a_time(stage: Stage) {
    let now = stage.now();
    for number in 0..9 {
        stage.signed_in(&phone(number)).await;
    }
    // Those signed in have used a code just now; they stay, and so does what is not old enough.
    let uses = stage.count("challenge_uses").await;
    for days in [40, 35, 33, 32, 31, 30, 29] {
        stage.rows_of(now - DAY * days).await;
    }
    let before = now - DAY * 30;
    for &what in OldRows::VARIANTS {
        let other = match what {
            OldRows::ChallengeUses => uses,
            OldRows::Sessions => 2,
            _ => 0,
        };
        assert_eq!(stage.left(what).await, other + 7, "{what:?}");
        let first = stage.remove(what, before, 2).await;
        assert_eq!(first, RetentionStep::More(2), "{what:?}");
        assert_eq!(stage.left(what).await, other + 5, "{what:?}");
        let second = stage.remove(what, before, 2).await;
        assert_eq!(second, RetentionStep::More(2), "{what:?}");
        let last = stage.remove(what, before, 2).await;
        assert_eq!(last, RetentionStep::Done(1), "{what:?}");
        assert_eq!(stage.left(what).await, other + 2, "{what:?}");
        for limit in [2, 500] {
            let nothing = stage.remove(what, before, limit).await;
            assert_eq!(nothing, RetentionStep::Done(0), "{what:?}");
        }
        // The next day one more is old enough.
        let next = stage
            .remove(what, before + TimeDelta::microseconds(1), 500)
            .await;
        assert_eq!(next, RetentionStep::Done(1), "{what:?}");
        // Kept longer from now on, and then not any more: nothing is forgotten.
        let longer = stage.remove(what, before - DAY * 20, 500).await;
        assert_eq!(longer, RetentionStep::Done(0), "{what:?}");
        let again = stage.remove(what, before + DAY, 500).await;
        assert_eq!(again, RetentionStep::Done(0), "{what:?}");
        let again = stage.remove(what, before + DAY * 2, 500).await;
        assert_eq!(again, RetentionStep::Done(1), "{what:?}");
        assert_eq!(stage.left(what).await, other, "{what:?}");
    }
    // Sessions took their tokens along, and only theirs.
    assert_eq!(stage.count("refresh_tokens").await, 2);
    assert_eq!(stage.count("users").await, 9);
}

/// Those of a worker whose clock is years ahead.
pub(crate) async fn prv_01_a_worker_whose_clock_is_ahead_removes_nothing_too_early(stage: Stage) {
    let present = Clock::system().now();
    for number in 0..2 {
        stage.signed_in(&phone(number)).await;
    }
    let uses = stage.count("challenge_uses").await;
    for days in [40, 2] {
        stage.rows_of(present - DAY * days).await;
    }
    for &what in OldRows::VARIANTS {
        let before = stage.left(what).await;
        for years in [1, 20] {
            let ahead = present + DAY * 365 * years;
            let step = stage.records.remove_old(what, DAY * 30, ahead, 500).await;
            let gone = match (what, years) {
                // The sign-ins of this test are older.
                (OldRows::ChallengeUses, 1) => 1 + uses.unsigned_abs(),
                (_, 1) => 1,
                _ => 0,
            };
            assert_eq!(
                step.expect("an answer"),
                RetentionStep::Done(gone),
                "{what:?}"
            );
        }
        let gone = if what == OldRows::ChallengeUses {
            1 + uses
        } else {
            1
        };
        assert_eq!(stage.left(what).await, before - gone, "{what:?}");
    }
}

pub(crate) async fn prv_01_workers_that_keep_rows_for_different_times_leave_each_other_alone(
    stage: Stage,
) {
    for number in 0..4 {
        stage.signed_in(&phone(number)).await;
    }
    let now = stage.now();
    for days in [40, 25, 10] {
        stage.rows_of(now - DAY * days).await;
    }
    for &what in OldRows::VARIANTS {
        let progress = async || {
            let (what, until) = (what.as_str(), text(now - DAY * 20));
            let row = format!("retention_progress WHERE what = '{what}' AND done_until = {until}");
            stage.count(&row).await
        };
        assert_eq!(
            stage.remove(what, now - DAY * 20, 500).await,
            RetentionStep::Done(2)
        );
        assert_eq!(progress().await, 1, "{what:?}");
        for days in [60, 30, 20] {
            let step = stage.remove(what, now - DAY * days, 500).await;
            assert_eq!(step, RetentionStep::Done(0), "{what:?}");
            assert_eq!(progress().await, 1, "{what:?} after {days}");
        }
    }
}

pub(crate) async fn prv_01_a_progress_that_nobody_can_have_made_is_begun_anew(stage: Stage) {
    stage.signed_in(&phone(1)).await;
    let now = stage.now();
    let wrong = format!(
        "UPDATE retention_progress SET done_until = {}",
        text(now + DAY)
    );
    stage.execute(wrong).await.expect("written");
    for &what in OldRows::VARIANTS {
        assert_eq!(
            stage.remove(what, now - DAY * 30, 500).await,
            RetentionStep::Done(0)
        );
    }
    stage.rows_of(now - DAY * 29).await;
    for &what in OldRows::VARIANTS {
        let step = stage.remove(what, now - DAY * 28, 500).await;
        assert_eq!(step, RetentionStep::Done(1), "{what:?}");
    }
}

/// Anyone who may remove old uses does not make a code work again.
pub(crate) async fn i_03_a_use_of_a_code_is_removed_by_nobody_before_a_day_is_over(stage: Stage) {
    let (now, hours) = (Clock::system().now(), TimeDelta::hours(1));
    for age in [TimeDelta::zero(), hours * 23, hours * 25] {
        let (at, root) = (text(now - age), stage.blob(stage.root().as_bytes()));
        let used = format!("INSERT INTO challenge_uses VALUES ({root}, 'sign_in', {at})");
        stage.execute(used).await.expect("a row");
    }
    let all = stage.execute("DELETE FROM challenge_uses").await;
    all.expect_err("two are too young");
    let young = format!(
        "DELETE FROM challenge_uses WHERE used_at > {}",
        text(now - hours)
    );
    stage.execute(young).await.expect_err("the youngest");
    let old = format!(
        "DELETE FROM challenge_uses WHERE used_at < {}",
        text(now - hours * 24)
    );
    assert_eq!(stage.execute(old).await.expect("it is old"), 1);
    assert_eq!(stage.count("challenge_uses").await, 2);
}

pub(crate) async fn prv_01_rows_of_one_moment_go_together(stage: Stage) {
    let moment = stage.now() - DAY * 31;
    for _ in 0..5 {
        stage.signed_in(&phone(1)).await;
        stage.rows_of(moment).await;
    }
    for &what in OldRows::VARIANTS {
        let step = stage.remove(what, stage.now() - DAY * 30, 2).await;
        assert_eq!(step, RetentionStep::More(5), "{what:?}");
        let step = stage.remove(what, stage.now() - DAY * 30, 2).await;
        assert_eq!(step, RetentionStep::Done(0), "{what:?}");
    }
}

pub(crate) async fn prv_01_a_notice_that_is_in_the_queue_is_not_of_this_sort(stage: Stage) {
    stage.signed_in(&phone(1)).await;
    stage.rows_of(stage.now() - DAY * 31).await;
    let enqueued = format!("UPDATE notices SET enqueued_at = {}", text(stage.now()));
    stage.execute(enqueued).await.expect("enqueued");
    let step = stage.remove(OldRows::Notices, stage.now(), 2).await;
    assert_eq!(step, RetentionStep::Done(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_processes_one_removes_and_the_others_pass_by() {
    let stage = Stage::postgres().await;
    let mut at_it = stage.server().begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM retention_progress WHERE what = 'sends' FOR UPDATE")
        .execute(&mut *at_it)
        .await
        .expect("held");
    let step = stage.remove(OldRows::Sends, stage.now(), 5).await;
    assert_eq!(step, RetentionStep::Elsewhere);
    let other = stage.remove(OldRows::AuditLog, stage.now(), 5).await;
    assert_eq!(other, RetentionStep::Done(0));
    at_it.rollback().await.expect("free");
    let step = stage.remove(OldRows::Sends, stage.now(), 5).await;
    assert_eq!(step, RetentionStep::Done(0));
}
