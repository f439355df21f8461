//! A blocked user: nobody who asks for a code, gives one back or looks where the message is can tell the number from
//! another.

use chrono::DateTime;
use domain::random::Random;
use serde_json::{Value, json};
use shared::queue::{Job, JobTask};
use shared::records::{
    Begin, Begun, Finish, LedgerOutcome, LedgerWriter, Route, SendKey, SendMethod, SendResult,
};
use uuid::Uuid;

use crate::answer::Answer;
use crate::pages::Browser;
use crate::pages::browser::{CODE, MESSAGE};
use crate::stage::{OTP, SECOND, Shape, Stage};

const BLOCKED: &str = "09121110001";
const OTHER: &str = "09121110002";

/// What a worker and the gateway do with the messages that wait; how many were kept back.
async fn go_out(stage: &Stage) -> usize {
    let writer = LedgerWriter::start(stage.stores.records.clone(), stage.clock.clone());
    let taken = stage.take_jobs().await;
    let mut kept_back = 0;
    for delivery in &taken {
        let job = Job::decode(&delivery.payload).expect("a job");
        let JobTask::Send {
            challenge,
            root,
            send,
            channel,
        } = job.task
        else {
            panic!("a notice")
        };
        let root = root.unwrap_or_else(|| challenge.into());
        let found = stage.stores.hot.root(root).await.expect("an answer");
        let at = |millis| DateTime::from_timestamp_millis(millis).expect("a moment");
        let found = found.expect("a root");
        let begin = Begin {
            key: SendKey::first_leg(root, send),
            phone: found.phone,
            purpose: found.purpose.into(),
            channel,
            route: Route::KAVENEGAR,
            method: SendMethod::Lookup,
            fence: 1,
            localid: Random::operating_system().positive_i64(),
            accepted_at: at(job.accepted_at),
            deadline_at: at(job.deadline),
            trace_id: None,
            request_id: None,
        };
        match writer.begin(begin.clone()).await.expect("an answer") {
            Begun::KeptBack => kept_back += 1,
            Begun::Started { attempt, .. } => {
                let outcome = LedgerOutcome {
                    result: SendResult::Accepted,
                    message_id: Some(Random::operating_system().positive_i64().into()),
                    cost_rials: Some(1_200),
                    gateway_status: Some(200),
                    entry_status: Some(1),
                    error_class: None,
                };
                let finish = Finish {
                    key: begin.key,
                    attempt,
                    fence: 1,
                    outcome,
                };
                writer.finish(finish).await.expect("finished");
            }
            other => panic!("{other:?}"),
        }
    }
    stage.settle(taken).await;
    kept_back
}

async fn user(stage: &Stage, number: &str) -> Uuid {
    let signed_in = stage.sign_in(number).await;
    let id = signed_in.body["user"]["id"].as_str().expect("an id");
    id.parse().expect("a UUID")
}

/// Two users who signed in an hour ago, of whom one was blocked since.
async fn one_of_two_is_blocked(stage: &Stage) {
    let blocked = user(stage, BLOCKED).await;
    user(stage, OTHER).await;
    stage.pass(3_600 * SECOND).await;
    let now = stage.clock.now();
    let set = stage.stores.records.set_blocked(blocked, true, now).await;
    assert!(set.expect("an answer"));
}

/// What of two answers could tell one number from the other.
fn seen(answer: &Answer, number: &str) -> (u16, Vec<(String, String)>, String) {
    let (status, headers, mut text) = answer.seen();
    if let Some(session) = answer.body["session_id"].as_str() {
        text = text.replace(session, "SESSION");
    }
    (status, headers, text.replace(&number[1..], "NUMBER"))
}

async fn ask(stage: &Stage, body: Value) -> Answer {
    stage.post(OTP, body).await
}

pub(crate) async fn nobody_can_tell_a_blocked_number_by_asking(shape: Shape) {
    let stage = Stage::new(shape).await;
    one_of_two_is_blocked(&stage).await;
    let mut sessions = Vec::new();
    let mut asked = Vec::new();
    for number in [BLOCKED, OTHER] {
        let first = ask(&stage, json!({ "phone_number": number })).await;
        assert_eq!(first.status, 202, "{first:?}");
        let session = first.member("session_id");
        // Within the cooldown, by the session and by the number.
        let again = ask(&stage, json!({ "session_id": session })).await;
        let joined = ask(&stage, json!({ "phone_number": number })).await;
        asked.push([first, again, joined].map(|answer| seen(&answer, number)));
        sessions.push(session);
    }
    assert_eq!(asked[0], asked[1]);
    assert_eq!(go_out(&stage).await, 1, "one of the two is not sent");

    stage.pass(31 * SECOND).await;
    let mut resent = Vec::new();
    for (number, session) in [BLOCKED, OTHER].into_iter().zip(&sessions) {
        let answer = ask(&stage, json!({ "session_id": session })).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        resent.push(seen(&answer, number));
    }
    assert_eq!(resent[0], resent[1]);
    assert_eq!(go_out(&stage).await, 1);

    // The limit of the number refuses after three, alike.
    let mut refused = Vec::new();
    for number in [BLOCKED, OTHER] {
        let answer = ask(&stage, json!({ "phone_number": number })).await;
        answer.is(429, "too_many_requests_phone");
        refused.push(seen(&answer, number));
    }
    assert_eq!(refused[0], refused[1]);
}

pub(crate) async fn nobody_can_tell_a_blocked_number_by_a_code(shape: Shape) {
    let stage = Stage::new(shape).await;
    one_of_two_is_blocked(&stage).await;
    let mut told = Vec::new();
    for number in [BLOCKED, OTHER] {
        let session = stage.ask(number).await;
        go_out(&stage).await;
        // The right code of the blocked one is as wrong as any of the other.
        let code = if number == BLOCKED {
            stage.code(&session).await
        } else {
            stage.wrong_code(&session).await
        };
        let by_session = stage.verify(&session, &code).await;
        by_session.is(403, "code_wrong");
        let by_phone = stage.verify_by_phone(number, &code).await;
        let again = stage.verify(&session, &code).await;
        told.push([by_session, by_phone, again].map(|answer| seen(&answer, number)));
    }
    assert_eq!(told[0], told[1]);
}

pub(crate) async fn nobody_can_tell_a_blocked_number_by_the_page_of_its_message(shape: Shape) {
    let stage = Stage::new(shape).await;
    one_of_two_is_blocked(&stage).await;
    let mut browsers = [BLOCKED, OTHER].map(|number| (number, Browser::english(&stage)));
    for (number, browser) in &mut browsers {
        browser.ask(number).await;
    }
    for then in ["waiting", "sent", "over"] {
        match then {
            "sent" => assert_eq!(go_out(&stage).await, 1),
            "over" => stage.pass(600 * SECOND).await,
            _ => {}
        }
        let mut pages = Vec::new();
        for (number, browser) in &mut browsers {
            let shown = format!("{} {} {}", &number[..4], &number[4..7], &number[7..]);
            for path in [MESSAGE, CODE] {
                let page = browser.get(path).await;
                let token = browser.cookies.get("ramz_form").cloned();
                let html = page.html.replace(&token.unwrap_or_default(), "TOKEN");
                pages.push((
                    number[..3].to_owned(),
                    page.status,
                    html.replace(&shown, "NUMBER"),
                ));
            }
        }
        let (of_blocked, of_other) = pages.split_at(2);
        assert_eq!(of_blocked, of_other, "{then}");
    }
}
