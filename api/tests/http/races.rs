//! Many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::phone::PhoneNumber;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::stage::{Shape, Stage};

const AT_ONCE: usize = 200;

/// The answers to one code that is given 200 times at once.
async fn at_once(stage: &Arc<Stage>, session: &str, code: &str) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let mut tries = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (stage, barrier) = (Arc::clone(stage), Arc::clone(&barrier));
        let (session, code) = (session.to_owned(), code.to_owned());
        tries.spawn(async move {
            barrier.wait().await;
            stage.verify(&session, &code).await
        });
    }
    tries.join_all().await
}

fn counts(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        let code = answer.body["code"]
            .as_str()
            .unwrap_or("signed_in")
            .to_owned();
        *counts.entry(code).or_default() += 1;
    }
    counts
}

pub(crate) async fn a_06_r_01_of_200_parallel_right_codes_one_opens_a_session(shape: Shape) {
    let stage = Arc::new(Stage::new(shape).await);
    let session = stage.ask("09123456789").await;
    let code = stage.code(&session).await;
    let answers = at_once(&stage, &session, &code).await;
    let counts = counts(&answers);
    // Three tries reach a verdict, and as many repetitions of the right one; anyone who comes second may be a client that lost its answer, and
    // gets that one again.
    let signed_in: Vec<_> = answers.iter().filter(|one| one.status == 200).collect();
    assert!((1..=6).contains(&signed_in.len()), "{counts:?}");
    assert!(!counts.contains_key("code_used"), "{counts:?}");
    for answer in &signed_in {
        let token = answer.member("refresh_token");
        assert_eq!(token, signed_in[0].member("refresh_token"));
    }

    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let records = &stage.stores.records;
    let user = records.find_user_by_phone(&phone).await.expect("an answer");
    let id = user.expect("a user").id;
    let sessions = records.live_sessions(id, stage.clock.now()).await;
    assert_eq!(sessions.expect("an answer").len(), 1);
}

pub(crate) async fn a_05_r_02_of_200_parallel_wrong_codes_three_are_honoured(shape: Shape) {
    let stage = Arc::new(Stage::new(shape).await);
    let session = stage.ask("09123456789").await;
    let wrong = stage.wrong_code(&session).await;
    let counts = counts(&at_once(&stage, &session, &wrong).await);
    let honoured = counts.get("code_wrong").copied().unwrap_or_default();
    // An answer that is lost to a busy store still counts its try.
    let lost = counts.get("store_unavailable").copied().unwrap_or_default();
    assert!(honoured <= 3 && honoured + lost >= 3, "{counts:?}");
    assert_eq!(stage.challenge(&session).await.session_attempts, 3);
    let right = stage.code(&session).await;
    stage
        .verify(&session, &right)
        .await
        .is(403, "attempts_exhausted");
}
