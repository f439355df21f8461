//! What the service as a whole, a limit or a block does to a code.

use domain::limits::{Quota, Quotas, Rule, Step};
use shared::hot_state::{Accepted, Subjects};
use shared::records::SendResult;

use super::stage::{NUMBER, Service, failed};

pub(crate) async fn no_worker_is_there(at: Service) {
    at.ask().await;
    let said = at.concludes("no_worker");
    assert!(said.starts_with("No worker has taken it since"), "{said}");
    let (why, present) = match at.redis {
        Some(_) => (
            "0 workers seen in the last half minute. Start a worker.",
            "; 1 worker seen.",
        ),
        None => ("Start `standalone`.", "; one process."),
    };
    assert!(said.contains(why), "{said}");
    let shown = at.why(&[NUMBER]).done();
    assert!(
        shown.contains("a code was asked for; no worker has begun to send it"),
        "{shown}"
    );
    at.show_a_worker().await;
    let said = at.concludes("waiting");
    assert!(said.contains("It waits in the queue since"), "{said}");
    assert!(said.ends_with(present), "{said}");
}

pub(crate) async fn the_breaker_is_open(at: Service) {
    let (new, _) = at.ask().await;
    at.send(&new, failed(SendResult::NotSent, Some(418), "account"))
        .await;
    assert!(at.hot.open_breaker(418).await.expect("an answer"));
    let said = at.concludes("breaker_open");
    assert!(said.starts_with("The breaker is open since"), "{said}");
    assert!(
        said.contains("the gateway answers 418, no credit. Recharge the account"),
        "{said}"
    );
    let shown = at.why(&[NUMBER]).done();
    assert!(shown.contains("BREAKER OPEN since"), "{shown}");
    assert!(
        shown.contains("it did not go out, 418: the account has not enough credit"),
        "{shown}"
    );
    at.hot.close_breaker().await.expect("an answer");
    at.concludes("not_sent_yet");
    assert!(at.hot.open_breaker(403).await.expect("an answer"));
    let said = at.concludes("breaker_open");
    assert!(
        said.contains("403, the API key is not valid. Put that right"),
        "{said}"
    );
}

pub(crate) async fn the_phone_is_at_its_limit(at: Service) {
    for _ in 0..3 {
        at.sent().await;
    }
    for _ in 0..4 {
        let (_, refused) = at.ask().await;
        assert!(
            matches!(
                refused,
                Accepted::Refused {
                    rule: Rule::PhoneShort,
                    ..
                }
            ),
            "{refused:?}"
        );
    }
    let said = at.concludes("limited");
    assert!(said.starts_with("The phone has reached its limit of 3 messages in 2 minutes; the next code can be asked for at "), "{said}");
    assert!(
        said.contains("The code before: The gateway took it at"),
        "{said}"
    );
    let shown = at.why(&[NUMBER]).done();
    assert!(shown.contains("a request was refused: the limit is 3 messages in 2 minutes (the last of 4 such refusals)"), "{shown}");
    assert!(
        shown.contains("3 of 3 messages in 2 min (next at "),
        "{shown}"
    );
    assert_eq!(at.asked(NUMBER)["limits"]["short"]["sends"], 3);
}

pub(crate) async fn the_phone_was_at_its_limit(at: Service) {
    for _ in 0..3 {
        at.sent().await;
    }
    at.ask().await;
    let said = at.concludes("was_limited");
    assert!(
        said.contains("which is over: a code can be asked for now"),
        "{said}"
    );
    assert!(
        said.contains("The code before: The gateway took it"),
        "{said}"
    );
}

pub(crate) async fn a_lock_of_the_phone_is_told(at: Service) {
    let lock = Quota::Lock {
        failures: 10,
        millis: 3_600_000,
    };
    let quotas = Quotas::NONE.with(Rule::FailuresPhone, lock);
    let phone = Service::phone();
    let subjects = Subjects {
        phone: Some(&phone),
        ..Subjects::default()
    };
    for _ in 0..10 {
        let counted = at.hot.count(Step::Password, &subjects, &quotas).await;
        counted.expect("an answer");
    }
    let shown = at.why(&[NUMBER]).done();
    assert!(
        shown.contains("10 of 10 failed tries (locked until "),
        "{shown}"
    );
    assert!(
        shown.contains("failed (10 since the last that was right)"),
        "{shown}"
    );
}

pub(crate) async fn a_blocked_user_is_told(at: Service) {
    let new = at.sent().await;
    let user = at.sign_in(&new).await;
    let blocked = at
        .at
        .records()
        .await
        .set_blocked(user, true, at.now())
        .await;
    assert!(blocked.expect("an answer"));
    let said = at.concludes("blocked_user");
    assert!(said.contains("is blocked since"), "{said}");
}

/// What is known is shown, and what is missing is said.
pub(crate) async fn a_store_that_is_away_takes_nothing_of_the_others(mut at: Service) {
    at.sent().await;
    let Some(redis) = &mut at.redis else {
        // One file holds both; where it is gone, nothing is known, and nothing is made.
        let url = format!("sqlite://{}", at.at.path("absent.sqlite3").display());
        let absent = crate::stage::run(&["why", NUMBER], &[("DATABASE_URL", &url)]);
        assert!(
            absent
                .refused()
                .contains("DATABASE_URL: there is no such file")
        );
        assert!(!at.at.path("absent.sqlite3").exists());
        return;
    };
    redis.flush_aof().await;
    redis.kill();
    let ran = at.why(&[NUMBER]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(
        ran.stderr
            .contains("codes, limits and the queue are missing"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("the gateway took it as message"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("The gateway took it at"), "{ran:?}");
    assert!(!ran.stdout.contains("service  "), "{ran:?}");

    at.redis.as_mut().expect("Redis").restart().await;
    let redis = at.redis.as_ref().expect("Redis").url();
    let environment = [
        ("DATABASE_URL", "postgres://ramz@127.0.0.1:1/ramz"),
        ("REDIS_URL", &redis),
    ];
    let ran = crate::stage::run(&["why", NUMBER], &environment);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("the database did not answer"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("limits   1 of 3 messages in 2 min"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("but not everything could be asked"),
        "{ran:?}"
    );
}
