//! Limits, dead sends and spending, by each role.

use domain::staff::Role;
use serde_json::json;
use shared::queue::{Disposal, Job, JobTask, Settlement};
use shared::records::{Begin, Finish, LedgerWriter, Route, SendKey, SendMethod};
use shared::records::{LedgerOutcome, SendResult};

use super::desk::{Desk, sign_in};
use crate::passwords::{GOOD, LOG_IN, OTHER as WRONG};
use crate::stage::{SECOND, Shape, Stage};

const PHONE: &str = "09127654321";
const MASKED: &str = "0912 ••• 4321";
const ROLES: [Role; 4] = [Role::Read, Role::Support, Role::Operator, Role::Admin];
const REASON: (&str, &str) = ("reason", "asked by telephone");

/// The number as it stands in forms.
async fn sealed(desk: &mut Desk<'_>) -> (String, String) {
    let found = desk.submit("/limits/number", &[("number", PHONE)]).await;
    assert_eq!(found.status, 303, "{}", found.html);
    let page = found.location().to_owned();
    let (_, query) = page.split_once("?n=").expect("a query");
    let pair = format!("n={query}");
    let (_, sealed) = url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .expect("a pair");
    (page.clone(), sealed.into_owned())
}

async fn audited(stage: &Stage, action: &str) -> Vec<String> {
    let stores = &stage.stores;
    stores
        .texts(format!(
            "SELECT CAST(COUNT(*) AS TEXT) || ' ' || MIN(role) || ' ' || MIN(reason) || ' ' || \
             CASE WHEN MIN(address) IS NULL OR MIN(CAST(request_id AS TEXT)) IS NULL THEN 'lacks' ELSE 'whole' END \
             FROM audit_log WHERE action = '{action}' GROUP BY action"
        ))
        .await
}

/// Writes what was noted of refusals, as the process does each second.
async fn written(stage: &Stage) {
    let written = harness::eventually(std::time::Duration::from_mins(1), || async {
        let last = stage.stores.hot.last_refusals(None, None, 1).await;
        last.ok().filter(|last| !last.is_empty())
    });
    written.await;
}

async fn lock(stage: &Stage) {
    let body = json!({ "phone_number": PHONE, "password": WRONG });
    for _ in 0..11 {
        stage.post(LOG_IN, body.clone()).await;
        stage.clock.advance(SECOND);
    }
}

pub(crate) async fn limits_are_seen_by_all_and_changed_by_those_who_may(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    lock(&stage).await;
    written(&stage).await;
    for role in ROLES {
        let mut desk = sign_in(&stage, role).await;
        let page = desk.get("/limits").await;
        let rule = "failures for one number";
        page.says(200, &[rule, "10 failures, then 1 h", MASKED, "Locks"]);
        assert!(!page.html.contains("9127654321"), "{}", page.html);
        let (address, n) = sealed(&mut desk).await;
        assert!(
            !address.contains("7654321"),
            "no number in an address: {address}"
        );
        let page = desk.get(&address).await;
        page.says(200, &[MASKED, "Locked until", "Not exempt."]);
        let offers = [
            ("/limits/lift", Role::Support),
            ("/limits/exempt", Role::Operator),
        ];
        for (path, from) in offers {
            let offered = page.html.contains(&format!("action=\"{path}\""));
            assert_eq!(offered, role >= from, "{role:?} {path}");
        }
        let n = ("n", n.as_str());
        if role < Role::Support {
            desk.submit("/limits/lift", &[n, REASON])
                .await
                .says(403, &["role"]);
        }
        if role < Role::Operator {
            let exempt = [n, ("hours", "1"), REASON];
            desk.submit("/limits/exempt", &exempt)
                .await
                .says(403, &["role"]);
            let end = desk.submit("/limits/end-exemption", &[n, REASON]).await;
            end.says(403, &["role"]);
        }
    }
    for action in ["lock_lifted", "number_exempted", "exemption_ended"] {
        assert!(audited(&stage, action).await.is_empty(), "{action}");
    }
}

pub(crate) async fn a_lock_is_lifted_with_a_reason(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    lock(&stage).await;
    let right = json!({ "phone_number": PHONE, "password": GOOD });
    stage
        .post(LOG_IN, right.clone())
        .await
        .is(429, "too_many_failures_phone");
    let mut desk = sign_in(&stage, Role::Support).await;
    let (address, n) = sealed(&mut desk).await;
    let n = ("n", n.as_str());
    for reason in ["", "  ", "ab", &"x".repeat(501)] {
        let lacking = desk.submit("/limits/lift", &[n, ("reason", reason)]).await;
        lacking.says(422, &["A reason is needed"]);
    }
    desk.submit("/limits/lift", &[("n", "AAAA"), REASON])
        .await
        .says(400, &[]);
    desk.submit("/limits/lift", &[n, REASON])
        .await
        .leads_to(&address);
    desk.get(&address)
        .await
        .says(200, &["Not locked.", "Done."]);
    assert_eq!(stage.post(LOG_IN, right).await.status, 200);
    let again = desk.submit("/limits/lift", &[n, REASON]).await;
    again.says(409, &["There is no lock"]);
    assert_eq!(
        audited(&stage, "lock_lifted").await,
        ["1 support asked by telephone whole"]
    );
    let number = stage
        .stores
        .texts("SELECT object FROM audit_log WHERE action = 'lock_lifted'");
    let number = number.await;
    assert!(!number[0].contains("7654321"), "{number:?}");
}

pub(crate) async fn a_number_is_exempt_for_some_hours(shape: Shape) {
    let stage = Stage::new(shape).await;
    for _ in 0..3 {
        stage.ask(PHONE).await;
        stage.pass(SECOND).await;
    }
    let body = json!({ "phone_number": PHONE });
    let ask = || stage.post(crate::stage::OTP, body.clone());
    ask().await.is(429, "too_many_requests_phone");
    let mut desk = sign_in(&stage, Role::Operator).await;
    let (address, n) = sealed(&mut desk).await;
    desk.get(&address)
        .await
        .says(200, &["codes to one number, in minutes", "free from"]);
    let n = ("n", n.as_str());
    for hours in ["", "0", "2", "25", "-1", "1e9"] {
        let refused = desk
            .submit("/limits/exempt", &[n, ("hours", hours), REASON])
            .await;
        assert_eq!(refused.status, 400, "{hours:?}");
    }
    let script = ("reason", "<script>alert(1)</script> & \"more\"");
    let exempted = desk
        .submit("/limits/exempt", &[n, ("hours", "1"), script])
        .await;
    exempted.leads_to(&address);
    let page = desk.get(&address).await;
    page.says(200, &["alert(1)", "End the exemption"]);
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    assert_eq!(ask().await.status, 202);
    desk.get("/limits").await.says(200, &[MASKED, "alert(1)"]);
    let ended = desk.submit("/limits/end-exemption", &[n, REASON]).await;
    ended.leads_to(&address);
    ask().await.is(429, "too_many_requests_phone");
    let again = desk.submit("/limits/end-exemption", &[n, REASON]).await;
    again.says(409, &["not exempt"]);
    assert_eq!(audited(&stage, "number_exempted").await.len(), 1);
    assert_eq!(
        audited(&stage, "exemption_ended").await,
        ["1 operator asked by telephone whole"]
    );
    let unread = desk
        .submit("/limits/number", &[("number", "021 1234")])
        .await;
    unread.says(422, &["could not be read"]);
}

/// A dead letter of a request for a code.
async fn dead_send(stage: &Stage) {
    stage.ask(PHONE).await;
    for delivery in stage.take_jobs().await {
        let settlement = Settlement {
            delivery,
            disposal: Disposal::Dead("ledger_refused"),
        };
        let settled = stage.stores.queue.settle(&[settlement]).await;
        assert_eq!(settled.expect("an answer"), [true]);
    }
}

async fn dead_id(stage: &Stage) -> String {
    let letters = stage.stores.queue.dead_letters(None, 1).await;
    let letter = letters.expect("a list").pop().expect("a letter");
    letter.id
}

pub(crate) async fn dead_sends_are_put_back_or_dropped_by_those_who_may(shape: Shape) {
    let stage = Stage::new(shape).await;
    dead_send(&stage).await;
    let id = dead_id(&stage).await;
    let mut desks = Vec::new();
    for role in ROLES {
        desks.push(sign_in(&stage, role).await);
    }
    stage.take_jobs().await;
    for (role, desk) in ROLES.into_iter().zip(&mut desks) {
        let page = desk.get("/dead").await;
        page.says(200, &[MASKED, "the ledger did not take it", &id]);
        let offered = page.html.contains("action=\"/dead/retry\"");
        assert_eq!(offered, role >= Role::Operator, "{role:?}");
        if role < Role::Operator {
            for path in ["/dead/retry", "/dead/drop"] {
                let refused = desk.submit(path, &[("id", &id), REASON]).await;
                refused.says(403, &["role"]);
            }
        }
    }
    let mut desk = desks.swap_remove(2);
    let lacking = desk.submit("/dead/retry", &[("id", &id)]).await;
    lacking.says(422, &["A reason is needed"]);
    let fields = [("id", id.as_str()), REASON];
    desk.submit("/dead/retry", &fields).await.leads_to("/dead");
    desk.get("/dead")
        .await
        .says(200, &["No message is left over", "Done."]);
    stage.stores.queue.promote(10).await.expect("an answer");
    let jobs = stage.jobs().await;
    assert!(
        matches!(
            jobs.as_slice(),
            [Job {
                task: JobTask::Send { .. },
                ..
            }]
        ),
        "{jobs:?}"
    );
    let again = desk.submit("/dead/retry", &fields).await;
    again.says(409, &["no longer here"]);

    // Within the cooldown no message would go.
    stage.pass(31 * SECOND).await;
    dead_send(&stage).await;
    let id = dead_id(&stage).await;
    let fields = [("id", id.as_str()), REASON];
    desk.submit("/dead/drop", &fields).await.leads_to("/dead");
    let again = desk.submit("/dead/drop", &fields).await;
    again.says(409, &["no longer here"]);
    for action in ["dead_send_retried", "dead_send_dropped"] {
        assert_eq!(
            audited(&stage, action).await,
            ["1 operator asked by telephone whole"],
            "{action}"
        );
    }
}

pub(crate) async fn a_dead_send_that_would_come_too_late_is_not_put_back(shape: Shape) {
    let stage = Stage::new(shape).await;
    dead_send(&stage).await;
    let id = dead_id(&stage).await;
    let mut desk = sign_in(&stage, Role::Operator).await;
    stage.pass(119 * SECOND).await;
    let page = desk.get("/dead").await;
    page.says(200, &["its time is over"]);
    assert!(!page.html.contains("/dead/retry"), "it is not offered");
    let late = desk.submit("/dead/retry", &[("id", &id), REASON]).await;
    late.says(409, &["too late"]);
    for id in ["", "x", "0", "-", "1-1", "9223372036854775807"] {
        let gone = desk.submit("/dead/retry", &[("id", id), REASON]).await;
        gone.says(409, &["no longer here"]);
    }
    // A page that destroys something asks for a factor again.
    stage.pass(3_600 * SECOND).await;
    desk.open_session().await;
    stage.clock.advance(20 * 60 * SECOND);
    let drop = desk.submit("/dead/drop", &[("id", &id), REASON]).await;
    assert_eq!(drop.status, 303);
    assert!(drop.location().starts_with("/prove"), "{}", drop.location());
    assert_eq!(dead_id(&stage).await, id);
}

pub(crate) async fn the_money_of_a_day_is_told_by_what_it_went_for(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut desk = sign_in(&stage, Role::Read).await;
    stage.pass(0).await;
    desk.get("/spending")
        .await
        .says(200, &["Nothing was spent", "Today"]);
    let writer = LedgerWriter::start(stage.stores.records.clone(), stage.clock.clone());
    for (place, number) in (1_i64..).zip(["09127654321", "09357654321", "09121111111"]) {
        stage.ask(number).await;
        for delivery in stage.take_jobs().await {
            let job = Job::decode(&delivery.payload).expect("a job");
            let JobTask::Send {
                challenge,
                send,
                channel,
                ..
            } = job.task
            else {
                panic!("a notice")
            };
            let found = stage
                .stores
                .hot
                .challenge(challenge)
                .await
                .expect("an answer");
            let found = found.expect("a challenge");
            let begin = Begin {
                key: SendKey::first_leg(found.root.id, send),
                phone: found.root.phone,
                purpose: found.root.purpose.into(),
                channel,
                route: Route::KAVENEGAR,
                method: SendMethod::Lookup,
                fence: 1,
                localid: place,
                accepted_at: stage.clock.now(),
                deadline_at: stage.clock.now(),
                trace_id: None,
                request_id: None,
            };
            writer.begin(begin.clone()).await.expect("begun");
            let outcome = LedgerOutcome {
                result: SendResult::Accepted,
                message_id: Some(place.into()),
                cost_rials: Some(1_500_000 * place),
                gateway_status: Some(200),
                entry_status: Some(1),
                error_class: None,
            };
            let finish = Finish {
                key: begin.key,
                attempt: 1,
                fence: 1,
                outcome,
            };
            writer.finish(finish).await.expect("finished");
        }
    }
    let page = desk.get("/spending").await;
    let told = [
        "9,000,000",
        "3,000,000",
        "sign in",
        "MCI (Hamrah-e Aval)",
        "6,000,000",
        "MTN Irancell",
        "0912…",
        "0935…",
        "SMS · kavenegar",
    ];
    page.says(200, &told);
    assert!(!page.html.contains("7654321"), "no number");
    desk.headers.insert("accept-language", "fa".to_owned());
    desk.get("/spending")
        .await
        .says(200, &["ریال", "همراه اول", "پیامک", "امروز"]);
    // Tomorrow it is yesterday's, which is read once.
    stage.pass(24 * 3_600 * SECOND).await;
    desk.open_session().await;
    desk.headers.insert("accept-language", "en".to_owned());
    desk.get("/spending")
        .await
        .says(200, &["Nothing was spent"]);
    for _ in 0..2 {
        desk.get("/spending?day=1").await.says(200, &["9,000,000"]);
    }
    for day in ["7", "-1", "x", "99999999999"] {
        let page = desk.get(&format!("/spending?day={day}")).await;
        page.says(200, &["Nothing was spent"]);
    }
}
