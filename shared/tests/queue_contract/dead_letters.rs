//! Dead letters, as somebody decides about them.

use std::time::Duration;

use shared::queue::{DeadLetter, Delivery, Disposal, Feed, Job, JobError, Settlement};
use uuid::Uuid;

use crate::stage::{START, Stage, challenge_of};

async fn read(feed: &Feed) -> Vec<Delivery> {
    for _ in 0..2 {
        // The first read of an empty Redis makes the group and returns nothing.
        let found = feed.read(10, Duration::from_millis(1)).await;
        let found = found.expect("an answer");
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Buries what waits.
async fn bury(feed: &Feed, reason: &'static str) {
    for delivery in read(feed).await {
        let settlement = Settlement {
            delivery,
            disposal: Disposal::Dead(reason),
        };
        assert_eq!(feed.settle(&[settlement]).await.expect("an answer"), [true]);
    }
}

async fn listed(feed: &Feed, before: Option<&str>, limit: u32) -> Vec<DeadLetter> {
    feed.dead_letters(before, limit).await.expect("a list")
}

pub(crate) async fn dead_letters_are_listed_the_newest_first_and_page_by_page(stage: &Stage) {
    let feed = stage.feed();
    assert_eq!(listed(&feed, None, 10).await, []);
    let first = stage.enqueue(1).await;
    bury(&feed, "refused").await;
    stage.clock.advance(1_000);
    stage
        .enqueue_notice(Uuid::from_u128(7), START + 60_000)
        .await;
    bury(&feed, "notice_unreadable").await;
    stage.clock.advance(1_000);
    stage.enqueue_payload("not a job").await;
    bury(&feed, "malformed").await;

    let all = listed(&feed, None, 10).await;
    let reasons: Vec<_> = all.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons, ["malformed", "notice_unreadable", "refused"]);
    let [unreadable, notice, send] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(unreadable.job, Err(JobError::Malformed));
    assert_eq!(
        [unreadable.died_at, notice.died_at, send.died_at],
        [START + 2_000, START + 1_000, START]
    );
    let job = send.job.as_ref().expect("a job");
    assert_eq!(Some(&challenge_of(job)), first.first());
    let page = listed(&feed, None, 2).await;
    assert_eq!(page, [unreadable.clone(), notice.clone()]);
    let last = page.last().map(|one| one.id.as_str());
    assert_eq!(listed(&feed, last, 2).await, std::slice::from_ref(send));
    let found = feed.dead_letter(&notice.id).await.expect("an answer");
    assert_eq!(found.as_ref(), Some(notice));
}

pub(crate) async fn a_dead_letter_that_is_put_back_runs_like_a_job_that_was_put_off(stage: &Stage) {
    let feed = stage.feed();
    let challenges = stage.enqueue(1).await;
    bury(&feed, "refused").await;
    stage.clock.advance(60_000);
    let [dead] = listed(&feed, None, 10).await.try_into().expect("one");
    assert!(feed.revive(&dead.id).await.expect("an answer"));
    assert_eq!(listed(&feed, None, 10).await, []);
    feed.promote(10).await.expect("an answer");
    assert_eq!(
        stage.stats().await.oldest_age_millis,
        0,
        "it was accepted a minute ago, and does not make the queue look slow"
    );
    let [delivery] = read(&feed).await.try_into().expect("one");
    assert_eq!((delivery.attempts, delivery.deliveries), (0, 1));
    let job = Job::decode(&delivery.payload).expect("a job");
    assert_eq!(Some(&challenge_of(&job)), challenges.first());
    assert_eq!(job.accepted_at, START, "it is the same");
}

pub(crate) async fn a_dead_letter_is_put_back_or_dropped_once(stage: &Stage) {
    let feed = stage.feed();
    stage.enqueue(3).await;
    bury(&feed, "refused").await;
    let [kept, dropped, revived] = listed(&feed, None, 10).await.try_into().expect("three");
    let revive = async |id: &str| feed.revive(id).await.expect("an answer");
    let drop = async |id: &str| feed.drop_dead_letter(id).await.expect("an answer");
    assert!(revive(&revived.id).await);
    assert!(!revive(&revived.id).await);
    assert!(!drop(&revived.id).await);
    assert!(drop(&dropped.id).await);
    assert!(!drop(&dropped.id).await);
    assert!(!revive(&dropped.id).await);
    assert_eq!(listed(&feed, None, 10).await, [kept]);
    feed.promote(10).await.expect("an answer");
    assert_eq!(read(&feed).await.len(), 1);
}

pub(crate) async fn an_id_that_the_queue_never_gave_out_finds_nothing(stage: &Stage) {
    let feed = stage.feed();
    stage.enqueue(1).await;
    bury(&feed, "refused").await;
    for id in [
        "",
        "-",
        "+",
        "0",
        "-1",
        "x",
        "1-1",
        "99999999999999999999",
        "9223372036854775808",
        "1763700000000-",
        "-1-0",
        "01",
        " 1",
        "1 ",
        "\u{6f1}",
        "(0-0",
        "0-0 COUNT 9",
    ] {
        let found = feed.dead_letter(id).await.expect("an answer");
        assert_eq!(found, None, "{id:?}");
        assert!(!feed.revive(id).await.expect("an answer"), "{id:?}");
        let dropped = feed.drop_dead_letter(id).await.expect("an answer");
        assert!(!dropped, "{id:?}");
    }
    for id in ["", "x", "01"] {
        assert_eq!(listed(&feed, Some(id), 10).await, [], "{id:?}");
    }
    assert_eq!(listed(&feed, None, 10).await.len(), 1, "it is still there");
}
