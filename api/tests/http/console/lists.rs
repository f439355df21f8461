//! Lists of codes, one number, the figures of the service, files: what each shows, to whom, and what never.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::Channel;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use domain::staff::Role;
use shared::queue::{Job, JobTask};
use shared::records::{
    Begin, CreditLook, Finish, LedgerOutcome, LedgerWriter, Route, SendKey, SendMethod, SendResult,
};

use super::desk::sign_in;
use crate::stage::{SECOND, Shape, Stage};

const NUMBER: &str = "+989127654321";
const EVIL: &str = "<script>alert(1)</script>";

/// A message that went out, behind the back of the worker.
struct Sent<'a> {
    phone: &'a str,
    root: RootId,
    accepted_at: DateTime<Utc>,
    outcome: LedgerOutcome,
}

fn taken(message: i64) -> LedgerOutcome {
    LedgerOutcome {
        result: SendResult::Accepted,
        message_id: Some(message.into()),
        cost_rials: Some(2_280),
        gateway_status: Some(200),
        entry_status: Some(5),
        error_class: None,
    }
}

fn refused(code: i64, class: &str) -> LedgerOutcome {
    LedgerOutcome {
        result: SendResult::Refused,
        message_id: None,
        cost_rials: None,
        gateway_status: Some(code),
        entry_status: None,
        error_class: Some(class.to_owned()),
    }
}

fn some_root() -> RootId {
    RootId::new(&Random::operating_system())
}

async fn write(stage: &Stage, sent: Sent<'_>) {
    let writer = LedgerWriter::start(stage.stores.records.clone(), stage.clock.clone());
    let random = Random::operating_system();
    let begin = Begin {
        key: SendKey::first_leg(sent.root, 1),
        phone: PhoneNumber::from_e164(sent.phone).expect("canonical"),
        purpose: Purpose::SignIn.into(),
        channel: Channel::Sms,
        route: Route::KAVENEGAR,
        method: SendMethod::Lookup,
        fence: 1,
        localid: random.positive_i64(),
        accepted_at: sent.accepted_at,
        deadline_at: sent.accepted_at + TimeDelta::seconds(90),
        trace_id: None,
        request_id: Some(random.uuid_v4()),
    };
    writer.begin(begin.clone()).await.expect("begun");
    let finish = Finish {
        key: begin.key,
        attempt: 1,
        fence: 1,
        outcome: sent.outcome,
    };
    writer.finish(finish).await.expect("finished");
}

/// So many messages, a second apart; every fifth was refused.
async fn many(stage: &Stage, count: i64) {
    const NUMBERS: [&str; 4] = [
        "+989127654321",
        "+989351112233",
        "+989211110002",
        "+989121110002",
    ];
    for index in 0..count {
        let place = usize::try_from(index).expect("small");
        let outcome = if index % 5 == 4 {
            refused(424, "refused_config")
        } else {
            taken(5_000_000_000 + index)
        };
        let sent = Sent {
            phone: NUMBERS[place % 4],
            root: some_root(),
            accepted_at: stage.clock.now(),
            outcome,
        };
        write(stage, sent).await;
        stage.clock.advance(SECOND);
    }
}

/// The worker takes what waits, and the gateway takes it, that to our number under this number of its own.
async fn go_out(stage: &Stage, message: i64) -> RootId {
    let jobs = stage.take_jobs().await;
    let mut last = None;
    for delivery in &jobs {
        let job = Job::decode(&delivery.payload).expect("a job");
        if let JobTask::Send {
            challenge, root, ..
        } = job.task
        {
            let root = root.unwrap_or_else(|| challenge.into());
            let accepted_at = DateTime::from_timestamp_millis(job.accepted_at);
            let found = stage.stores.hot.root(root).await.expect("an answer");
            let phone = found.expect("a root").phone;
            let is_ours = phone.as_e164() == NUMBER;
            let sent = Sent {
                phone: phone.as_e164(),
                root,
                accepted_at: accepted_at.expect("a moment"),
                outcome: taken(if is_ours { message } else { 6_000 }),
            };
            write(stage, sent).await;
            last = is_ours.then_some(root).or(last);
        }
    }
    stage.settle(jobs).await;
    last.expect("a code")
}

fn links<'a>(html: &'a str, begin: &str) -> Vec<&'a str> {
    html.split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|link| link.starts_with(begin))
        .collect()
}

fn plain(link: &str) -> String {
    link.replace("&#38;", "&").replace("&amp;", "&")
}

pub(crate) async fn a_list_has_filters_that_stay_in_the_address_and_pages(shape: Shape) {
    let stage = Stage::new(shape).await;
    many(&stage, 61).await;
    let mut reader = sign_in(&stage, Role::Read).await;
    let page = reader.get("/sends").await;
    page.says(
        200,
        &["0912 ••• 4321", "MCI", "Irancell", "handed over", "refused"],
    );
    page.is_silent_about(&["9127654321", "0912 765"]);
    assert_eq!(
        page.html.matches("<tr>").count(),
        51,
        "a head and fifty lines"
    );
    let older = links(&page.html, "/sends?after=");
    let older = reader.get(&plain(older[0])).await;
    older.says(200, &["Newest"]);
    assert_eq!(older.html.matches("<tr>").count(), 12);
    // Filters compose.
    let page = reader
        .get("/sends?state=refused&operator=mci&code=424")
        .await;
    page.says(200, &["value=\"mci\" selected", "424"]);
    assert_eq!(page.html.matches("<tr>").count(), 7);
    page.is_silent_about(&["Irancell</td>", "chip warn"]);
    // An hour of the same, and where its time went.
    let hours: Vec<String> = links(&page.html, "/sends?state=refused&#38;from=")
        .into_iter()
        .map(plain)
        .collect();
    assert_eq!(hours.len(), 24, "{}", page.html);
    assert!(
        hours
            .iter()
            .all(|hour| hour.contains("operator=mci&code=424")),
        "{hours:?}"
    );
    let page = reader.get(&hours[0]).await;
    page.says(200, &["aria-current=\"true\"", "of being asked for"]);
    assert_eq!(page.html.matches("<tr>").count(), 7);
    reader.get(&hours[23]).await.says(200, &["Nothing found"]);
    let page = reader.get("/sends?state=arrived").await;
    page.says(200, &["Nothing found"]);
    // A number in any spelling becomes one that nobody reads in an address.
    for typed in ["0912 765 4321", "+98 912 765 4321", "۰۹۱۲۷۶۵۴۳۲۱"] {
        let page = reader
            .submit("/sends", &[("number", typed), ("state", "")])
            .await;
        assert_eq!(page.status, 303);
        let address = page.location().to_owned();
        assert!(address.starts_with("/sends?n="), "{address}");
        assert!(!address.contains("912"), "{address}");
        let page = reader.get(&address).await;
        page.says(200, &["0912 ••• 4321"]);
        assert_eq!(page.html.matches("<tr>").count(), 17);
    }
    reader
        .submit("/sends", &[("number", "۰۰۰۲"), ("state", "handed_over")])
        .await
        .leads_to("/sends?digits=0002&state=handed_over");
    let page = reader.get("/sends?digits=0002").await;
    page.says(200, &["0921 ••• 0002", "0912 ••• 0002"]);
    page.is_silent_about(&["0935 •••"]);
    // In Persian, with the calendar of Iran.
    reader.headers.insert("accept-language", "fa".to_owned());
    stage.clock.advance(24 * 3_600 * SECOND);
    reader.open_session().await;
    let page = reader.get("/sends?from=1404/8/30").await;
    page.says(200, &["30 آبان 1404", "همراه اول", "سپرده شد"]);
    let page = reader.get("/sends?from=1404/8/30&to=1404/08/30").await;
    page.says(200, &["چیزی پیدا نشد"]);
}

pub(crate) async fn what_cannot_be_read_is_told_and_nothing_of_it_is_run(shape: Shape) {
    let stage = Stage::new(shape).await;
    let sent = Sent {
        phone: NUMBER,
        root: some_root(),
        accepted_at: stage.clock.now(),
        outcome: refused(424, EVIL),
    };
    write(&stage, sent).await;
    let mut reader = sign_in(&stage, Role::Read).await;
    for query in [
        "state=gone",
        "from=yesterday",
        "to=1404/13/1",
        "operator=x",
        "channel=pigeon",
        "code=4x",
        "request=1",
        "n=AAAA",
        "digits=1",
        "after=1-2-3",
        "number=abc",
    ] {
        let page = reader.get(&format!("/sends?{query}")).await;
        page.says(422, &["could not be read"]);
        page.is_silent_about(&["<tbody>"]);
    }
    let page = reader.submit("/sends", &[("number", "abc")]).await;
    page.says(422, &["could not be read"]);
    let evil = "%3Cscript%3Ealert(1)%3C/script%3E";
    for field in ["route", "message", "from", "number", "digits", "n", "after"] {
        let page = reader.get(&format!("/sends?{field}={evil}")).await;
        page.is_silent_about(&[EVIL]);
    }
    // Nor of what a store holds.
    let page = reader.get("/sends").await;
    page.says(200, &["&#60;script&#62;"]);
    page.is_silent_about(&[EVIL]);
    let search = reader.submit("/search", &[("q", EVIL)]).await;
    assert!(search.location().starts_with("/users?q=%3Cscript"));
    reader.get("/number").await.says(400, &[]);
    reader.get("/number?n=AAAA").await.says(400, &[]);
    let nobody = format!("/number?request={}", Random::operating_system().uuid_v4());
    reader.get(&nobody).await.says(404, &["Nothing is known"]);
}

pub(crate) async fn a_number_has_its_story_and_an_answer_that_is_true(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMIT_PHONE_SHORT", "2/120")]).await;
    let mut support = sign_in(&stage, Role::Support).await;
    let found = support.submit("/search", &[("q", "0912 765 4321")]).await;
    assert_eq!(found.status, 303);
    let address = found.location().to_owned();
    assert!(!address.contains("912"), "{address}");
    let page = support.get(&address).await;
    // A field that takes a whole number sends it in a body: addresses are written down by others.
    for path in ["/sends", "/users", "/limits"] {
        let page = support.get(path).await;
        page.is_silent_about(&["method=\"get\" action=\"/search\""]);
        page.is_silent_about(&[
            "method=\"get\" action=\"/users\"",
            "method=\"get\" action=\"/sends\"",
        ]);
    }
    let nothing = "No code was asked for this number in this time.";
    page.says(
        200,
        &["0912 ••• 4321", nothing, "در این مدت برای این شماره کدی"],
    );
    let session = stage.ask(NUMBER).await;
    let page = support.get(&address).await;
    page.says(200, &["a code was asked for", "lang=\"fa\" dir=\"rtl\""]);
    page.is_silent_about(&[nothing]);
    let root = go_out(&stage, 7_000).await;
    let page = support.get(&address).await;
    page.says(
        200,
        &[
            "handed to the operator at",
            "which has not confirmed its arrival yet",
            "اپراتور هنوز رسیدن آن را تأیید نکرده است",
            "the gateway took it · message 7000 · 2,280 rials",
            "good until",
        ],
    );
    let set = format!(
        "UPDATE sends SET delivery_status = 11 WHERE challenge_id = {}",
        stage.stores.bytes(root.as_bytes())
    );
    stage.stores.execute(set).await;
    let page = support.get(&address).await;
    page.says(200, &["switched off or out of reach. Please check"]);
    let code = stage.code(&session).await;
    assert_eq!(stage.verify(&session, &code).await.status, 200);
    let page = support.get(&address).await;
    page.says(
        200,
        &["Your code was used at", "the code was used", "since "],
    );
    // Asking too often is answered with the time when it is allowed again, up to the next whole minute (the form took
    // a second).
    stage.clock.advance(SECOND);
    stage.ask(NUMBER).await;
    go_out(&stage, 7_001).await;
    stage.clock.advance(SECOND);
    let body = serde_json::json!({ "phone_number": NUMBER });
    let again = stage.post(crate::stage::OTP, body).await;
    assert_eq!(again.status, 429);
    let page = support.get(&address).await;
    page.says(
        200,
        &[
            "You can ask for a new one from 08:13",
            "از ساعت ۰۸:۱۳ می‌توانید دوباره کد بخواهید",
            "a request was refused",
        ],
    );
    page.is_silent_about(&["9127654321", "0912 765 4321"]);
    // No code stands anywhere.
    page.is_silent_about(&[&code]);
}

pub(crate) async fn the_first_page_tells_how_the_service_does(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut reader = sign_in(&stage, Role::Read).await;
    let session = stage.ask(NUMBER).await;
    go_out(&stage, 7_000).await;
    stage.clock.advance(11 * SECOND);
    let code = stage.code(&session).await;
    assert_eq!(stage.verify(&session, &code).await.status, 200);
    let look = CreditLook {
        looked_at: stage.clock.now(),
        credit_rials: 310_000,
        rials_a_day: Some(100_000),
    };
    let records = &stage.stores.records;
    let noted = records.note_credit(&Route::KAVENEGAR, look).await;
    noted.expect("noted");
    let page = reader.get("/").await;
    page.says(
        200,
        &[
            "Sign-ins, an hour",
            ">3.1<",
            "days as things are; 310,000 rials",
            "The credit at Kavenegar runs out.",
            "0912 ••• 4321",
            "used at",
            "4,560",
            "MCI",
            "<svg",
        ],
    );
    page.is_silent_about(&["9127654321", "NaN", "All is well"]);
    // What was read is shown for some seconds, to everybody.
    let mut other = sign_in(&stage, Role::Support).await;
    let opened = stage.stores.hot.open_breaker(418).await;
    assert!(opened.expect("opened"));
    other
        .get("/")
        .await
        .is_silent_about(&["The credit at Kavenegar is used up."]);
    stage.clock.advance(6 * SECOND);
    other.headers.insert("accept-language", "fa".to_owned());
    other.get("/").await.says(
        200,
        &[
            "banner bad",
            "اعتبار کاوه‌نگار تمام شده است.",
            "درخواست‌ها پاسخ ۵۰۳ می‌گیرند",
            "باز، پیامی نمی‌رود",
        ],
    );
}

pub(crate) async fn csv_a_file_is_asked_for_with_a_reason_and_taken_once(shape: Shape) {
    let stage = Stage::new(shape).await;
    many(&stage, 7).await;
    let formula = Sent {
        phone: NUMBER,
        root: some_root(),
        accepted_at: stage.clock.now(),
        outcome: refused(424, "=HYPERLINK(\"http://evil.example\")"),
    };
    write(&stage, formula).await;
    let mut reader = sign_in(&stage, Role::Read).await;
    reader
        .get("/sends")
        .await
        .is_silent_about(&["/sends/export"]);
    reader.get("/sends/export").await.says(403, &["support"]);
    let reason = ("reason", "the provider asks for it");
    let asked = reader
        .submit("/sends/export", &[("query", ""), reason])
        .await;
    asked.says(403, &[]);

    let mut support = sign_in(&stage, Role::Support).await;
    support
        .get("/sends/export?state=refused")
        .await
        .says(200, &["State: <bdi>refused</bdi>", "name=\"reason\""]);
    let without = support.submit("/sends/export", &[("query", "")]).await;
    without.says(422, &["A reason is needed"]);
    let whole = [("query", ""), ("whole", "1"), reason];
    support
        .submit("/sends/export", &whole)
        .await
        .says(403, &["operator"]);
    let masked = support
        .submit("/sends/export", &[("query", ""), reason])
        .await;
    assert_eq!(masked.status, 303);
    let run = masked.location().to_owned();
    support
        .get(&run)
        .await
        .says(200, &["to be downloaded once"]);
    let file = format!("{run}/sends.csv");
    // Another session does not see it.
    let mut other = sign_in(&stage, Role::Admin).await;
    other.get(&run).await.says(404, &[]);
    other.get(&file).await.says(404, &[]);
    let csv = support.get(&file).await;
    assert_eq!(csv.status, 200);
    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"sends.csv\""
    );
    assert_eq!(csv.header("x-content-type-options"), "nosniff");
    let lines: Vec<&str> = csv.html.split("\r\n").collect();
    assert_eq!(lines.len(), 1 + 8 + 1, "{}", csv.html);
    assert!(
        lines[0].starts_with("asked_at,number,operator,"),
        "{}",
        lines[0]
    );
    // The newest first.
    assert!(
        lines[1].contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""),
        "{}",
        lines[1]
    );
    assert!(lines[8].starts_with(
        "2025-11-21T04:40:00.000Z,98912•••4321,mci,sign_in,sms,kavenegar,handed_over,200,5,,1,2280,"
    ));
    assert!(!csv.html.contains("989127654321"), "{}", csv.html);
    support.get(&file).await.says(404, &[]);
    support.get(&run).await.says(200, &["Done: 8 rows."]);

    // Whole numbers for those who may see them, under filters.
    stage.clock.advance(SECOND);
    let mut operator = sign_in(&stage, Role::Operator).await;
    let whole = [
        ("query", "state=refused&digits=4321"),
        ("whole", "1"),
        reason,
    ];
    let asked = operator.submit("/sends/export", &whole).await;
    let file = format!("{}/sends.csv", asked.location());
    let csv = operator.get(&file).await;
    assert_eq!(csv.status, 200);
    assert_eq!(csv.html.matches("989127654321").count(), 2, "{}", csv.html);
    assert_eq!(csv.html.lines().count(), 3);
    // Both are in the audit log, before anything was read.
    let log = stage
        .stores
        .texts("SELECT CAST(details AS TEXT) || ' ' || reason FROM audit_log WHERE action = 'sends_exported' ORDER BY at, id")
        .await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(
        log.iter()
            .all(|row| row.contains("the provider asks for it")),
        "{log:?}"
    );
    assert!(
        log[1].contains("refused") && log[1].contains("whole_numbers"),
        "{log:?}"
    );
}

pub(crate) async fn a_search_leads_to_a_number_a_request_or_a_message(shape: Shape) {
    let stage = Stage::new(shape).await;
    let sent = Sent {
        phone: NUMBER,
        root: some_root(),
        accepted_at: stage.clock.now(),
        outcome: taken(8_792_343_123),
    };
    write(&stage, sent).await;
    let mut reader = sign_in(&stage, Role::Read).await;
    let page = reader.get("/sends").await;
    let request = page
        .html
        .split("Request id</dt><dd><bdi dir=\"ltr\">")
        .nth(1);
    let request = request
        .expect("a request")
        .split('<')
        .next()
        .expect("an id");
    let found = reader.submit("/search", &[("q", request)]).await;
    found.leads_to(&format!("/number?request={request}"));
    let page = reader.get(found.location()).await;
    page.says(200, &["0912 ••• 4321", request, "message 8792343123"]);
    let found = reader.submit("/search", &[("q", "8792343123")]).await;
    found.leads_to("/sends?message=8792343123");
    let page = reader.get(found.location()).await;
    page.says(200, &["0912 ••• 4321"]);
    reader
        .submit("/search", &[("q", "۴۳۲۱")])
        .await
        .leads_to("/sends?digits=4321");
    reader
        .submit("/search", &[("q", "sara@example.com")])
        .await
        .leads_to("/users?q=sara%40example.com");
    reader
        .submit("/search", &[("q", "")])
        .await
        .leads_to("/sends");
}
