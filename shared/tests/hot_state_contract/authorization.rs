//! What clients have asked for waits for its person, and for nobody longer than a quarter of an hour.

use shared::hot_state::{HotStateError, MAX_AUTHORIZATION_REQUEST_BYTES};

use crate::stage::{MINUTE, Stage};

pub(crate) async fn a_request_of_a_client_is_kept_and_taken_once(stage: &Stage) {
    let (hot, id, other) = (&stage.hot, stage.random.bytes(), stage.random.bytes());
    let body = "{\"a\":\"b\\nc\"}\n";
    hot.keep_authorization_request(id, body)
        .await
        .expect("kept");
    let found = hot.authorization_request(id).await.expect("an answer");
    assert_eq!(found.as_deref(), Some(body));
    assert_eq!(
        hot.authorization_request(other).await.expect("an answer"),
        None
    );
    assert!(
        !hot.take_authorization_request(other)
            .await
            .expect("an answer")
    );
    assert!(hot.take_authorization_request(id).await.expect("an answer"));
    assert!(
        !hot.take_authorization_request(id).await.expect("an answer"),
        "once"
    );
    assert_eq!(
        hot.authorization_request(id).await.expect("an answer"),
        None
    );
}

pub(crate) async fn of_twenty_who_answer_a_request_one_does(stage: &Stage) {
    let id = stage.random.bytes();
    stage
        .hot
        .keep_authorization_request(id, "{}")
        .await
        .expect("kept");
    let tries = (0..20).map(|_| stage.hot.take_authorization_request(id));
    let mut won = 0;
    for taken in futures::future::join_all(tries).await {
        won += u32::from(taken.expect("an answer"));
    }
    assert_eq!(won, 1);
}

pub(crate) async fn a_request_of_a_client_waits_a_quarter_of_an_hour(stage: &Stage) {
    let id = stage.random.bytes();
    stage
        .hot
        .keep_authorization_request(id, "{}")
        .await
        .expect("kept");
    stage.clock.advance(15 * MINUTE - 1);
    assert!(
        stage
            .hot
            .authorization_request(id)
            .await
            .expect("an answer")
            .is_some()
    );
    stage.clock.advance(1);
    assert_eq!(
        stage
            .hot
            .authorization_request(id)
            .await
            .expect("an answer"),
        None
    );
    stage.clock.advance(1);
    stage.hot.sweep().await.expect("swept");
}

pub(crate) async fn a_request_that_is_too_long_is_not_kept(stage: &Stage) {
    let id = stage.random.bytes();
    let longest = "x".repeat(MAX_AUTHORIZATION_REQUEST_BYTES);
    let kept = stage.hot.keep_authorization_request(id, &longest).await;
    assert!(matches!(kept, Ok(true)), "{kept:?}");
    let id = stage.random.bytes();
    let kept = stage
        .hot
        .keep_authorization_request(id, &format!("{longest}x"))
        .await;
    assert!(matches!(kept, Err(HotStateError::Full)), "{kept:?}");
    assert_eq!(
        stage
            .hot
            .authorization_request(id)
            .await
            .expect("an answer"),
        None
    );
}
