//! One number, one live code: what people do who reload a page, ask twice or lose an answer, and what
//! a stranger gets who asks for their number.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::phone::PhoneNumber;
use domain::tokens::RefreshToken;
use serde_json::json;
use shared::records::{Device, NewSession, SignIn, SignInOutcome};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::stage::{OTP, SECOND, Shape, Stage};

const PHONE: &str = "09123456789";
const E164: &str = "+989123456789";
const REFRESH: &str = "/api/v1/usr/token/refresh";

async fn sessions(stage: &Stage) -> usize {
    let phone = PhoneNumber::from_e164(E164).expect("canonical");
    let records = &stage.stores.records;
    let user = records.find_user_by_phone(&phone).await.expect("an answer");
    let Some(user) = user else { return 0 };
    let sessions = records.live_sessions(user.id, stage.clock.now()).await;
    sessions.expect("an answer").len()
}

pub(crate) async fn the_code_of_the_first_message_is_good_after_asking_again(shape: Shape) {
    let stage = Stage::new(shape).await;
    let first = stage.ask(PHONE).await;
    let texted = stage.code(&first).await;
    // The page is reloaded and asks again; a while later its owner asks once more.
    stage.pass(5 * SECOND).await;
    let second = stage.ask(PHONE).await;
    assert_eq!(stage.waiting().await, 0, "the first message serves");
    stage.pass(40 * SECOND).await;
    let third = stage.ask(PHONE).await;
    assert_eq!(stage.waiting().await, 1);
    assert_eq!(BTreeSet::from([&first, &second, &third]).len(), 3);

    let answer = stage.verify(&third, &texted).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stage.challenge(&third).await.session_attempts, 1);
    for session in [&first, &second] {
        stage.verify(session, &texted).await.is(409, "code_used");
    }
    // The next who asks is texted a new code.
    stage.pass(120 * SECOND).await;
    let fourth = stage.ask(PHONE).await;
    assert_ne!(stage.code(&fourth).await, texted);
    assert_eq!(stage.waiting().await, 1);
}

pub(crate) async fn two_who_ask_at_once_get_one_message_and_the_same_answer(shape: Shape) {
    let stage = Arc::new(Stage::new(shape).await);
    let body = json!({ "phone_number": PHONE });
    let (one, other) = tokio::join!(stage.post(OTP, body.clone()), stage.post(OTP, body));
    for answer in [&one, &other] {
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(answer.body["sent"], true);
        assert_eq!(
            (answer.number("resend_in"), answer.number("expires_in")),
            (30, 120)
        );
    }
    assert_eq!(stage.jobs().await.len(), 1);
    let sessions = [one, other].map(|answer| answer.member("session_id"));
    assert_eq!(
        stage.code(&sessions[0]).await,
        stage.code(&sessions[1]).await
    );
    assert!((stage.metric(r#"ramz_otp_requests_total{result="sent"}"#) - 1.0).abs() < 1e-9);
    assert!((stage.metric(r#"ramz_otp_requests_total{result="cooldown"}"#) - 1.0).abs() < 1e-9);
}

pub(crate) async fn i_02_of_200_right_codes_over_five_sessions_one_opens_a_session(shape: Shape) {
    let settings = [
        ("LIMIT_PHONE_SHORT", "10/120"),
        ("LIMIT_PHONE_DAY", "20"),
        ("LIMIT_ADDRESS_PER_MINUTE", "1000"),
        ("LIMIT_GROUP_PER_MINUTE", "off"),
    ];
    let stage = Arc::new(Stage::with(shape, &settings).await);
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(stage.ask(PHONE).await);
    }
    let code = stage.code(&asked[0]).await;
    let barrier = Arc::new(Barrier::new(200));
    let mut tries = JoinSet::new();
    for index in 0..200 {
        let (stage, barrier) = (Arc::clone(&stage), Arc::clone(&barrier));
        let (session, code) = (asked[index % 5].clone(), code.clone());
        tries.spawn(async move {
            barrier.wait().await;
            (session.clone(), stage.verify(&session, &code).await)
        });
    }
    let answers = tries.join_all().await;
    let (mut winners, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    for (session, answer) in &answers {
        if answer.status == 200 {
            winners.insert(session);
            tokens.insert(answer.member("refresh_token"));
        }
    }
    assert_eq!(
        (winners.len(), tokens.len()),
        (1, 1),
        "one session, one answer"
    );
    assert_eq!(sessions(&stage).await, 1);
    let winner = *winners.first().expect("one");
    for session in asked.iter().filter(|session| *session != winner) {
        let challenge = stage.challenge(session).await;
        if challenge.session_attempts < 3 {
            stage.verify(session, &code).await.is(409, "code_used");
        }
    }
}

pub(crate) async fn a_stranger_hears_the_same_whether_the_owner_signed_in(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut heard = Vec::new();
    for (phone, owner_signs_in) in [(PHONE, true), ("09123456780", false)] {
        let strangers = stage.ask(phone).await;
        let owners = stage.ask(phone).await;
        let wrong = stage.wrong_code(&strangers).await;
        stage.verify(&strangers, &wrong).await.is(403, "code_wrong");
        if owner_signs_in {
            let code = stage.code(&owners).await;
            assert_eq!(stage.verify(&owners, &code).await.status, 200);
        }
        let again = async || {
            let answer = stage.post(OTP, json!({ "session_id": strangers })).await;
            let same_session = answer.member("session_id") == strangers;
            let body = answer.body.clone();
            (
                answer.status,
                same_session,
                body["sent"].clone(),
                body["resend_in"].clone(),
                body["expires_in"].clone(),
            )
        };
        let mut of_one = vec![again().await];
        stage.pass(31 * SECOND).await;
        of_one.push(again().await);
        let wrong = stage.verify(&strangers, &wrong).await;
        heard.push((of_one, wrong.status, wrong.body["attempts_left"].clone()));
        // The owner is not kept out either way.
        let code = stage.code(&owners).await;
        let owner = stage.verify(&owners, &code).await;
        assert_eq!(owner.status, 200, "{owner:?}");
    }
    assert_eq!(heard[0], heard[1]);
}

pub(crate) async fn a_sign_in_whose_answer_was_lost_is_answered_again_for_a_minute(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let other = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    let first = stage.verify(&session, &code).await;
    assert_eq!(first.status, 200, "{first:?}");
    stage.pass(59 * SECOND).await;
    let again = stage.verify(&session, &code).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(again.member("refresh_token"), first.member("refresh_token"));
    assert_eq!(again.body["user"], first.body["user"]);
    assert_eq!(again.body["is_new_user"], true);
    assert_eq!(again.headers.get_all("set-cookie").iter().count(), 3);
    assert_eq!(sessions(&stage).await, 1, "never a second one");
    // Nobody else gets it, and a wrong code gets nothing.
    stage.verify(&other, &code).await.is(409, "code_used");
    stage
        .verify_by_phone(PHONE, &code)
        .await
        .is(403, "code_wrong");
    let token = again.member("refresh_token");
    let refreshed = stage.post(REFRESH, json!({ "refresh_token": token })).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    stage.verify(&session, &code).await.is(409, "code_used");
    assert_eq!(sessions(&stage).await, 1);
}

pub(crate) async fn after_a_minute_a_used_code_is_used(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    assert_eq!(stage.verify(&session, &code).await.status, 200);
    let wrong = stage.wrong_code(&session).await;
    stage.verify(&session, &wrong).await.is(403, "code_wrong");
    stage.pass(61 * SECOND).await;
    stage.verify(&session, &code).await.is(409, "code_used");
}

/// A process that died between the commit and whatever followed: the records have the use, and hot
/// state, which lost its last second, has an open root.
pub(crate) async fn i_02_a_used_code_that_is_given_back_closes_its_root(shape: Shape) {
    for by_number in [false, true] {
        let stage = Stage::new(shape).await;
        let session = stage.ask(PHONE).await;
        let other = stage.ask(PHONE).await;
        let root = stage.challenge(&session).await.root;
        let now = stage.clock.now();
        let used = SignIn {
            root: root.id,
            purpose: root.purpose,
            phone: root.phone.clone(),
            new_user_id: uuid::Uuid::from_u128(7),
            session: NewSession {
                id: uuid::Uuid::from_u128(8),
                refresh_token_hash: RefreshToken::new(&domain::random::Random::seeded(9)).hash(),
                origin_salt: None,
                device: Device::default(),
                opened_at: now,
                idle_expires_at: now + chrono::TimeDelta::hours(1),
                expires_at: now + chrono::TimeDelta::days(1),
            },
        };
        let outcome = stage.stores.records.sign_in(&used).await;
        assert!(matches!(outcome, Ok(SignInOutcome::SignedIn { .. })));
        let code = stage.code(&session).await;
        if by_number {
            stage
                .verify_by_phone(PHONE, &code)
                .await
                .is(403, "code_wrong");
        } else {
            stage.verify(&session, &code).await.is(409, "code_used");
        }
        assert!(stage.challenge(&other).await.root.closed.is_some());
        stage.verify(&other, &code).await.is(409, "code_used");
        assert_eq!(sessions(&stage).await, 1);
        let next = stage.ask(PHONE).await;
        assert_ne!(stage.challenge(&next).await.root.id, root.id);
    }
}

pub(crate) async fn register_reset_and_sign_in_do_not_disturb_one_another(shape: Shape) {
    let stage = Stage::new(shape).await;
    let sign_in = stage.ask(PHONE).await;
    let reset = stage
        .post(
            "/api/v1/usr/password/reset",
            json!({ "phone_number": PHONE }),
        )
        .await;
    let reset = reset.member("session_id");
    let register = stage
        .post("/api/register/", json!({ "mobile_number": PHONE }))
        .await;
    let register = register.member("session_id");
    assert_eq!(stage.jobs().await.len(), 3, "a code of its own for each");
    let codes = [
        stage.code(&sign_in).await,
        stage.code(&reset).await,
        stage.code(&register).await,
    ];
    let registered: Answer = stage
        .post(
            "/api/verify-otp/",
            json!({ "session_id": register, "code": codes[2] }),
        )
        .await;
    assert_eq!(registered.status, 200, "{registered:?}");
    assert_eq!(stage.verify(&sign_in, &codes[0]).await.status, 200);
    let body = json!({
        "session_id": reset, "code": codes[1], "new_password": "tahdig-va-ghormeh"
    });
    let reset = stage.post("/api/v1/usr/password/reset/verify", body).await;
    assert_eq!(reset.status, 200, "{reset:?}");
}
