//! Where is my message? For anyone who waits, and for nobody else.

use chrono::DateTime;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use serde_json::json;
use shared::queue::{Job, JobTask};
use shared::records::{
    Begin, Finish, LedgerOutcome, LedgerWriter, Route, SendKey, SendMethod, SendResult,
};

use super::Browser;
use super::browser::{CODE, LOG_IN, MESSAGE, RESEND};
use super::sign_in::{PHONE, SHOWN};
use crate::stage::{SECOND, Shape, Stage};

/// Voice calls need a template, and three people one number.
const SETTINGS: [(&str, &str); 2] = [
    ("KAVENEGAR_TEMPLATE", "ramz-otp"),
    ("LIMIT_PHONE_SHORT", "4/120"),
];
const OWN_CALL: &str = "You asked for a call";
const OWN_REQUEST: &str = "We got your request";

/// Lets the operator take the messages that wait.
async fn go_out(stage: &Stage) {
    let writer = LedgerWriter::start(stage.stores.records.clone(), stage.clock.clone());
    let taken = stage.take_jobs().await;
    for delivery in &taken {
        take(&writer, &Job::decode(&delivery.payload).expect("a job")).await;
    }
    stage.settle(taken).await;
}

async fn take(writer: &LedgerWriter, job: &Job) {
    let JobTask::Send {
        challenge,
        root,
        send,
        channel,
    } = job.task
    else {
        return;
    };
    let key = SendKey::first_leg(root.unwrap_or_else(|| challenge.into()), send);
    let at = |millis| DateTime::from_timestamp_millis(millis).expect("a moment");
    let begin = Begin {
        key,
        phone: PhoneNumber::from_e164("+989123456789").expect("canonical"),
        purpose: Purpose::SignIn.into(),
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
    writer.begin(begin).await.expect("begun");
    let outcome = LedgerOutcome {
        result: SendResult::Accepted,
        message_id: Some((i64::from(send) + 100).into()),
        cost_rials: None,
        gateway_status: Some(200),
        entry_status: Some(1),
        error_class: None,
    };
    let (attempt, fence) = (1, 1);
    let finish = Finish {
        key,
        attempt,
        fence,
        outcome,
    };
    writer.finish(finish).await.expect("finished");
}

/// Somebody asks, somebody else asks for the same number and wants a call; both messages went out.
async fn a_stranger_and_the_owner(stage: &Stage) -> (Browser<'_>, Browser<'_>) {
    let (mut stranger, mut owner) = (Browser::english(stage), Browser::english(stage));
    stranger.ask(PHONE).await;
    go_out(stage).await;
    stage.pass(31 * SECOND).await;
    owner.ask(PHONE).await;
    go_out(stage).await;
    stage.pass(31 * SECOND).await;
    owner
        .submit(RESEND, &[("channel", "call")])
        .await
        .leads_to(CODE);
    owner.get(CODE).await.says(200, &["We are calling you"]);
    go_out(stage).await;
    (stranger, owner)
}

pub(crate) async fn who_joins_a_root_is_told_of_their_own_message_alone(shape: Shape) {
    let stage = Stage::with(shape, &SETTINGS).await;
    let (mut stranger, mut owner) = a_stranger_and_the_owner(&stage).await;
    let of_owner = owner.get(MESSAGE).await;
    of_owner.says(200, &[OWN_CALL, "08:11:02", "Handed to the operator"]);
    of_owner.is_silent_about(&[OWN_REQUEST]);
    let of_stranger = stranger.get(MESSAGE).await;
    of_stranger.says(200, &[OWN_REQUEST, "08:10:00"]);
    of_stranger.is_silent_about(&[OWN_CALL, "08:11:02", "08:10:31"]);

    // Asking a moment after the call sends no message, and does not tell how the first one travels.
    stage.pass(SECOND).await;
    let mut late = Browser::english(&stage);
    late.ask(PHONE).await;
    let of_late = late.get(MESSAGE).await;
    of_late.says(200, &[OWN_REQUEST, "08:11:03"]);
    of_late.is_silent_about(&[OWN_CALL, "08:11:02"]);
}

pub(crate) async fn once_a_root_is_gone_the_first_message_is_told(shape: Shape) {
    let stage = Stage::with(shape, &SETTINGS).await;
    let (mut stranger, owner) = a_stranger_and_the_owner(&stage).await;
    let root = stage.challenge(&owner.session()).await.root.id;
    stage
        .stores
        .meddle(
            &["DEL", &format!("c:{root}")],
            "DELETE FROM hot_challenges; DELETE FROM hot_roots",
        )
        .await;
    let of_stranger = stranger.get(MESSAGE).await;
    of_stranger.says(
        200,
        &[OWN_REQUEST, "08:10:00", "The time of this code is over."],
    );
    of_stranger.is_silent_about(&[OWN_CALL, "08:11:02", "08:10:31"]);
}

pub(crate) async fn a_call_that_is_asked_for_too_early_says_when(shape: Shape) {
    let stage = Stage::with(shape, &SETTINGS).await;
    for (mut browser, number, in_words, then, asked) in [
        (
            Browser::english(&stage),
            PHONE,
            "We can call you in 30 seconds",
            "ask for a call in 18 seconds",
            "We are calling you",
        ),
        (
            Browser::new(&stage),
            "09123456780",
            "30 ثانیهٔ دیگر می‌توانیم",
            "18 ثانیهٔ دیگر تماس بخواهید",
            "با شما تماس می‌گیریم",
        ),
    ] {
        browser.ask(number).await;
        // The page of the message offers no button that does nothing yet.
        let page = browser.get(MESSAGE).await;
        page.says(200, &[in_words, MESSAGE, CODE]);
        page.is_silent_about(&["value=\"call\"", RESEND]);
        stage.pass(12 * SECOND).await;
        // A page of before may still have it.
        let call = [("channel", "call")];
        browser.submit(RESEND, &call).await.leads_to(CODE);
        browser.get(CODE).await.says(200, &[then, "value=\"call\""]);
        browser
            .get(MESSAGE)
            .await
            .is_silent_about(&["value=\"call\""]);
        stage.pass(18 * SECOND).await;
        browser.get(MESSAGE).await.says(200, &["value=\"call\""]);
        browser.submit(RESEND, &call).await.leads_to(CODE);
        browser.get(CODE).await.says(200, &[asked]);
    }
}

pub(crate) async fn the_browser_that_asked_is_told_where_the_message_is(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.get(MESSAGE).await.leads_to(LOG_IN);
    browser.ask(PHONE).await;
    let page = browser.get(MESSAGE).await;
    // 2025-11-21 08:10 in Tehran.
    let words = [
        "Where is my message?",
        SHOWN,
        "We got your request",
        "08:10:00",
        "Waiting to be sent",
        "works until 08:12",
    ];
    page.says(200, &words);
    let mut persian = Browser::new(&stage);
    persian.cookies = browser.cookies.clone();
    persian
        .get(MESSAGE)
        .await
        .says(200, &["پیامک شما کجاست؟", "08:10:00", "تا ساعت 08:12"]);
    stage.pass(121 * SECOND).await;
    let page = browser.get(MESSAGE).await;
    page.says(
        200,
        &[
            "It was not sent",
            "<div class=\"note warn\"><p>The time of this code is over.",
        ],
    );

    // Of a request that nobody knows any more there is nothing to tell.
    let mut kept = browser.kept();
    kept["s"] = json!("6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11");
    browser.keep(&kept);
    browser.get(MESSAGE).await.leads_to(CODE);
    browser
        .get(CODE)
        .await
        .says(200, &["This request is no longer valid", "Send a new code"]);
    browser.submit(RESEND, &[]).await.leads_to(CODE);
    browser.get(CODE).await.says(200, &["data-alive=\"true\""]);
}
