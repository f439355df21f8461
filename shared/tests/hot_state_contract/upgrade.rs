//! Roots beside a release that does not know them, over records that it left: in each order each does
//! its part, and no message has a code that the number's owner cannot use.

use domain::challenge::ChallengeId;
use domain::otp::{OtpCode, Purpose};
use shared::hot_state::{AcceptPolicy, AcceptRequest, Verdict};
use shared::queue::JobTask;

use crate::release_before::Before;
use crate::stage::{DAY, MINUTE, SECOND, Stage, limits, sent, window};

const PHONE: &str = "+989123456789";

fn policy(stage: &Stage) -> AcceptPolicy {
    AcceptPolicy {
        quotas: limits(window(100, DAY), window(100, DAY)),
        ..stage.policy.clone()
    }
}

async fn ask(stage: &Stage, purpose: Purpose) -> ChallengeId {
    let new = stage.challenge_for(PHONE, purpose);
    let accept = stage.accept(AcceptRequest::New(&new));
    let accepted = stage.hot.accept(&accept, &policy(stage)).await;
    sent(accepted.expect("an answer"));
    new.id
}

async fn code(stage: &Stage, id: ChallengeId) -> OtpCode {
    stage.read(id).await.code(&stage.keys).expect("a key")
}

async fn verify(stage: &Stage, id: ChallengeId, typed: &OtpCode) -> Verdict {
    let challenge = stage.read(id).await;
    let right = challenge.code(&stage.keys).expect("a key").matches(typed);
    stage.count(&challenge, right).await
}

/// Whatever worker takes a job, it texts the code of the root that the job is of, or nothing.
async fn no_wrong_code_is_texted(before: &mut Before<'_>) {
    let stage = before.stage;
    for job in stage.jobs().await {
        let JobTask::Send {
            challenge, root, ..
        } = job.task
        else {
            panic!("a notice")
        };
        let named = root.unwrap_or_else(|| challenge.into());
        // What a session was texted before it went on may come late; nothing is asked for it any more.
        let present = stage.read(challenge).await;
        assert!(present.root.id == named || job.accepted_at < present.last_asked_at);
        let on = stage.hot.challenge_on(challenge, named).await;
        let on = on.expect("an answer").expect("a record");
        let new = on.code(&stage.keys).expect("a key");
        if let Some(old) = before.texts(&job.encode()).await {
            assert_eq!(old.expose(), new.expose(), "{job:?}");
            assert!(on.root.closed.is_none());
        }
    }
}

#[tokio::test]
async fn f_14_a_challenge_of_the_release_before_is_its_own_root() {
    let stage = Stage::redis().await;
    let mut before = Before::beside(&stage).await;
    let old = before.ask(PHONE, Purpose::SignIn).await;
    let texted = code(&stage, old).await;
    assert_eq!(stage.read(old).await.root.id, old.into());

    // Anyone who asks the new api again shares it, under the cooldown of the old message.
    stage.clock.advance(10 * SECOND);
    let joined = ask(&stage, Purpose::SignIn).await;
    assert_eq!(stage.jobs().await.len(), 1);
    stage.clock.advance(30 * SECOND);
    let later = ask(&stage, Purpose::SignIn).await;
    assert_eq!(stage.jobs().await.len(), 2);
    no_wrong_code_is_texted(&mut before).await;
    for id in [joined, later] {
        assert!(code(&stage, id).await.matches(&texted));
    }
    // The old worker leaves the second message to a new one.
    let jobs = stage.jobs().await;
    assert!(before.texts(&jobs[0].encode()).await.is_some());
    assert!(before.texts(&jobs[1].encode()).await.is_none());

    assert!(matches!(
        verify(&stage, later, &texted).await,
        Verdict::Right { .. }
    ));
    assert_eq!(verify(&stage, old, &texted).await, Verdict::Used);
    // To the old api it is consumed.
    assert_eq!(before.verify(old, &texted).await.as_deref(), Some("used"));
    assert_eq!(before.verify_by_phone(PHONE, &texted).await, "gone");
    stage.clock.advance(30 * SECOND);
    assert_eq!(before.resend(old).await, "not_live");
    no_wrong_code_is_texted(&mut before).await;
}

#[tokio::test]
async fn f_14_the_api_of_the_release_before_goes_on_over_new_records() {
    let stage = Stage::redis().await;
    let mut before = Before::beside(&stage).await;
    let first = ask(&stage, Purpose::SignIn).await;
    let texted = code(&stage, first).await;
    stage.clock.advance(31 * SECOND);
    let joined = ask(&stage, Purpose::SignIn).await;
    // A session that joined a root is one that it does not know; it is not one that it cannot read.
    assert_eq!(before.verify(joined, &texted).await, None);
    assert_eq!(before.resend(joined).await, "not_live");
    // The one that began it is known, with its code, by both ways, and sent again.
    let wrong = OtpCode::parse("000000", 6).expect("six digits");
    assert_eq!(before.verify(first, &wrong).await.as_deref(), Some("wrong"));
    assert_eq!(before.resend(first).await, "sent");
    assert_eq!(stage.jobs().await.len(), 3);
    no_wrong_code_is_texted(&mut before).await;
    let read = stage.read(first).await;
    assert_eq!(
        (read.session_attempts, read.root.sends),
        (1, 3),
        "counted together"
    );

    // It asks anew: a root of its own, which the new api then shares.
    stage.clock.advance(SECOND);
    let own = before.ask(PHONE, Purpose::SignIn).await;
    stage.clock.advance(SECOND);
    let on_own = ask(&stage, Purpose::SignIn).await;
    assert_eq!(stage.read(on_own).await.root.id, own.into());
    no_wrong_code_is_texted(&mut before).await;

    assert_eq!(before.verify_by_phone(PHONE, &texted).await, "right");
    before.consume(first).await;
    assert_eq!(verify(&stage, joined, &texted).await, Verdict::Used);
    // Its own session may ask the records whether that was its answer.
    assert!(matches!(
        verify(&stage, first, &texted).await,
        Verdict::Right { .. }
    ));
    no_wrong_code_is_texted(&mut before).await;
}

#[tokio::test]
async fn f_25_a_session_that_went_on_to_a_new_root_misleads_no_old_worker() {
    let stage = Stage::redis().await;
    let mut before = Before::beside(&stage).await;
    for purpose in [Purpose::SignIn, Purpose::Register, Purpose::ResetPassword] {
        let old = before.ask(PHONE, purpose).await;
        // Near its end, with a message that still waits.
        for _ in 0..4 {
            stage.clock.advance(110 * SECOND);
            assert_eq!(before.resend(old).await, "sent");
        }
        stage.clock.advance(50 * SECOND);
        let first = code(&stage, old).await;
        let resent = sent(stage.resend_under(old, &policy(&stage)).await);
        assert_eq!(resent.sends, 1, "of a new root");
        let moved = stage.read(old).await;
        assert_ne!(moved.root.id, old.into());
        no_wrong_code_is_texted(&mut before).await;
        // To the old api its session is used up: it texts nothing and compares with nothing.
        let exhausted = before.verify(old, &first).await;
        assert_eq!(exhausted.as_deref(), Some("exhausted"));
        stage.clock.advance(31 * SECOND);
        assert_eq!(before.resend(old).await, "not_live");
        no_wrong_code_is_texted(&mut before).await;
        let second = code(&stage, old).await;
        assert!(matches!(
            verify(&stage, old, &second).await,
            Verdict::Right { .. }
        ));
        no_wrong_code_is_texted(&mut before).await;
        stage.clock.advance(20 * MINUTE);
    }
}
