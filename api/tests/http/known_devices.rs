//! Owners of a number on a device on which they signed in before, while a stranger uses up what the number may have.

use domain::otp::KeyRing;
use domain::phone::PhoneNumber;
use domain::tokens::{DeviceToken, KnownDevice};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::Answer;
use crate::outages::{promptly, stage as stage_on_servers};
use crate::pages::Browser;
use crate::pages::browser::{CODE, LOG_IN as LOG_IN_PAGE, LOG_OUT, PASSWORD_LOG_IN};
use crate::password_reset::RESET;
use crate::passwords::{GOOD, LOG_IN, OTHER, PHONE};
use crate::stage::{HOUR, OTHER_OTP_KEY, OTP, SECOND, Shape, Stage, VERIFY};
use crate::tokens::LOG_OUT as LOG_OUT_CALL;

const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * HOUR;
/// So that the limit of the phone is met, and not that of the one address of these tests.
const ANY_ADDRESS: [(&str, &str); 2] = [
    ("LIMIT_FAILURES_ADDRESS", "1000"),
    ("LIMIT_FAILURES_GROUP", "off"),
];

/// A member, unless there is no token.
fn with(mut body: Value, token: Option<&str>) -> Value {
    if let Some(token) = token {
        body["device_token"] = json!(token);
    }
    body
}

impl Stage {
    async fn ask_on(&self, phone: &str, token: Option<&str>) -> Answer {
        let body = with(json!({ "phone_number": phone }), token);
        self.post(OTP, body).await
    }

    async fn log_in_on(&self, phone: &str, password: &str, token: Option<&str>) -> Answer {
        let body = json!({ "phone_number": phone, "password": password });
        self.post(LOG_IN, with(body, token)).await
    }

    /// A stranger asks until the number is refused for a day; tells how often.
    async fn burn_the_sends(&self, phone: &str) -> u32 {
        let mut granted = 0;
        loop {
            self.pass(121 * SECOND).await;
            let asked = self.ask_on(phone, None).await;
            if asked.status == 429 {
                asked.is(429, "too_many_requests_phone");
                return granted;
            }
            granted += 1;
        }
    }

    async fn lock(&self, phone: &str) {
        for _ in 0..10 {
            self.log_in(phone, OTHER).await.is(403, "credentials_wrong");
        }
        self.log_in(phone, GOOD)
            .await
            .is(429, "too_many_failures_phone");
    }

    /// Signs in, sets a password, and gives the access token and that of the device.
    async fn owner(&self, phone: &str) -> (String, String) {
        let signed_in = self.sign_in(phone).await;
        let access = signed_in.member("access_token");
        let set = self.set(&access, json!({ "new_password": GOOD })).await;
        assert_eq!(set.status, 204, "{set:?}");
        (access, signed_in.member("device_token"))
    }
}

pub(crate) async fn a_16_a_known_device_gets_codes_although_a_stranger_used_them_up(shape: Shape) {
    let stage = Stage::new(shape).await;
    let device = stage.sign_in(PHONE).await.member("device_token");
    let sixth = stage.clock.now_millis() + 5 * 121 * SECOND;
    assert_eq!(stage.burn_the_sends(PHONE).await, 9);
    let elsewhere = stage.ask_on(PHONE, None).await;
    elsewhere.is(429, "too_many_requests_phone");

    let asked = stage.ask_on(PHONE, Some(&device)).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let session = asked.member("session_id");
    let code = stage.code(&session).await;
    let signed_in = stage.verify(&session, &code).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_ne!(signed_in.member("device_token"), device);

    // In every flow, and for a message once more; five in all.
    stage.pass(31 * SECOND).await;
    let again = stage.ask_on(PHONE, Some(&device)).await;
    let session = again.member("session_id");
    stage.pass(31 * SECOND).await;
    let body = json!({ "session_id": session });
    let resent = stage.post(OTP, body.clone()).await;
    resent.is(429, "too_many_requests_phone");
    let resent = stage.post(OTP, with(body.clone(), Some(&device))).await;
    assert_eq!(resent.status, 202, "{resent:?}");
    for (path, body) in [
        (RESET, json!({ "phone_number": PHONE })),
        ("/api/register/", json!({ "mobile_number": PHONE })),
    ] {
        stage
            .post(path, body.clone())
            .await
            .is(429, "too_many_requests_phone");
        let asked = stage.post(path, with(body, Some(&device))).await;
        assert!(asked.status < 300, "{path}: {asked:?}");
    }
    stage.pass(31 * SECOND).await;
    let refused = stage.ask_on(PHONE, Some(&device)).await;
    refused.is(429, "too_many_requests_phone");
    // The number itself is open sooner than the device.
    let wait = i64::try_from(refused.number("retry_after")).expect("seconds");
    assert_eq!(stage.clock.now_millis() + wait * SECOND, sixth + DAY);
    let series = r#"ramz_limit_refused_total{rule="device_day"}"#;
    assert!(
        stage.metric(series).abs() < f64::EPSILON,
        "the number's was told"
    );
    stage.pass(wait * SECOND - 1).await;
    let refused = stage.ask_on(PHONE, Some(&device)).await;
    assert_eq!(refused.number("retry_after"), 1, "{refused:?}");
    stage.pass(1).await;
    assert_eq!(stage.ask_on(PHONE, None).await.status, 202);
    // The session of a code that is on its way goes by its token too.
    stage.post(OTP, body).await;
}

pub(crate) async fn a_15_a_known_device_signs_in_although_a_stranger_locked_the_number(
    shape: Shape,
) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    let (_, device) = stage.owner(PHONE).await;
    stage.lock(PHONE).await;
    let logged_in = stage.log_in_on(PHONE, GOOD, Some(&device)).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");
    // What a stranger locked stays so.
    let elsewhere = stage.log_in(PHONE, GOOD).await;
    elsewhere.is(429, "too_many_failures_phone");

    let body = json!({ "mobile_number": PHONE, "password": GOOD });
    let step = "/api/login/";
    stage
        .post(step, body.clone())
        .await
        .is(429, "too_many_failures_phone");
    let logged_in = stage.post(step, with(body, Some(&device))).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");

    stage.pass(2 * MINUTE).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    let by_number = json!({ "phone_number": PHONE, "code": code });
    stage
        .post(VERIFY, by_number.clone())
        .await
        .is(429, "too_many_failures_phone");
    let signed_in = stage.post(VERIFY, with(by_number, Some(&device))).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");

    // The lane has an end of its own: whichever way is open again first is told.
    stage.pass(HOUR / 2).await;
    for _ in 0..5 {
        stage
            .log_in_on(PHONE, OTHER, Some(&device))
            .await
            .is(403, "credentials_wrong");
    }
    let refused = stage.log_in_on(PHONE, GOOD, Some(&device)).await;
    refused.is(429, "too_many_failures_phone");
    assert_eq!(refused.number("retry_after"), 1_800 - 120);
    stage.pass(HOUR / 2 - 2 * MINUTE).await;
    stage.lock(PHONE).await;
    let refused = stage.log_in_on(PHONE, GOOD, Some(&device)).await;
    refused.is(429, "too_many_failures_phone");
    assert_eq!(refused.number("retry_after"), 1_800 + 120);
    let ordinary = stage.log_in(PHONE, GOOD).await;
    assert_eq!(ordinary.number("retry_after"), 3_600);
    stage.pass(HOUR / 2 + 2 * MINUTE).await;
    let logged_in = stage.log_in_on(PHONE, GOOD, Some(&device)).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");
    let series = r#"ramz_limit_refused_total{rule="failures_device"}"#;
    assert!((stage.metric(series) - 1.0).abs() < f64::EPSILON);
}

/// Everything that may look like a token and is none that holds.
pub(crate) async fn a_token_that_does_not_hold_gets_the_bytes_of_none(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    let (_, device) = stage.owner(PHONE).await;
    let of_another = stage.sign_in("09120000001").await.member("device_token");
    let user = stage.sign_in("09120000001").await;
    let user = user.body["user"]["id"].as_str().expect("an id");
    let issue = |ring: &str, user: &str, issued_at: i64| {
        let named = KnownDevice {
            session: Uuid::from_u128(7),
            user: user.parse().expect("an id"),
            issued_at,
        };
        let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
        let ring = KeyRing::parse(ring).expect("a ring");
        DeviceToken::issue(&ring, &phone, named).expose()
    };
    let now = stage.clock.now_millis();
    let mut forged = device.clone().into_bytes();
    let last = forged.len() - 2;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let of_no_session = issue(crate::stage::OTP_KEY, user, now);
    let of_a_foreign_key = issue(OTHER_OTP_KEY, user, now);
    stage.burn_the_sends(PHONE).await;
    stage.lock(PHONE).await;
    let refused = [
        stage.ask_on(PHONE, None).await.seen(),
        stage.log_in(PHONE, GOOD).await.seen(),
    ];
    for token in [
        of_another,
        String::from_utf8(forged).expect("text"),
        of_no_session,
        of_a_foreign_key,
        String::new(),
        "v1".to_owned(),
        "v1.k1..".to_owned(),
        format!("{device}A"),
        "A".repeat(3_000),
        "تهران".to_owned(),
    ] {
        let answers = [
            stage.ask_on(PHONE, Some(&token)).await.seen(),
            stage.log_in_on(PHONE, GOOD, Some(&token)).await.seen(),
        ];
        assert_eq!(answers, refused, "{token}");
    }
    assert_eq!(stage.ask_on(PHONE, Some(&device)).await.status, 202);
    let logged_in = stage.log_in_on(PHONE, GOOD, Some(&device)).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");
}

pub(crate) async fn a_device_is_forgotten_with_all_sessions_by_a_block_and_by_its_time(
    shape: Shape,
) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    let everywhere = async |phone: &str, access: &str| {
        let body = Some(json!({ "all_devices": true }));
        let out = stage
            .bearing(access, Method::POST, LOG_OUT_CALL, body)
            .await;
        assert_eq!(out.status, 204, "{phone}: {out:?}");
    };
    let here = async |access: &str| {
        let out = stage
            .bearing(access, Method::POST, LOG_OUT_CALL, None)
            .await;
        assert_eq!(out.status, 204, "{out:?}");
    };
    for (index, (ended, known)) in [
        ("here", true),
        ("everywhere", false),
        ("blocked", false),
        ("by a new password elsewhere", false),
        ("89 days ago", true),
        ("90 days ago", false),
    ]
    .into_iter()
    .enumerate()
    {
        let phone = &format!("0912000001{index}");
        let (access, device) = stage.owner(phone).await;
        match ended {
            "here" => here(&access).await,
            "everywhere" => everywhere(phone, &access).await,
            "blocked" => stage.block(&format!("+98{}", &phone[1..])).await,
            "by a new password elsewhere" => {
                stage.pass(MINUTE).await;
                stage.owner(phone).await;
            }
            "89 days ago" => stage.pass(89 * DAY).await,
            _ => stage.pass(90 * DAY).await,
        }
        stage.lock(phone).await;
        let refused = stage.log_in(phone, GOOD).await;
        let answer = stage.log_in_on(phone, GOOD, Some(&device)).await;
        if known {
            assert_eq!(answer.status, 200, "{ended}: {answer:?}");
        } else {
            assert_eq!(answer.seen(), refused.seen(), "{ended}");
        }
    }
}

pub(crate) async fn a_device_is_known_for_the_present_number_only(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    let (access, device) = stage.owner(PHONE).await;
    let me = stage
        .bearing(&access, Method::GET, "/api/v1/usr/me", None)
        .await;
    let id = me.member("id").parse().expect("a UUID");
    let new = "09351112233";
    stage.clock.advance(SECOND);
    let session = stage.ask_for_change(&access, new).await;
    let code = stage.code_of_change(&session, id).await;
    let changed = stage.verify_change(&access, &session, &code).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    for phone in [PHONE, new] {
        stage.lock(phone).await;
        let refused = stage.log_in(phone, GOOD).await;
        let answer = stage.log_in_on(phone, GOOD, Some(&device)).await;
        assert_eq!(answer.seen(), refused.seen(), "{phone}");
    }
}

pub(crate) async fn a_03_a_known_device_signs_in_when_codes_need_their_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    let device = stage.sign_in(PHONE).await.member("device_token");
    let api = stage.beside(&[("LIMIT_FAILURES_SERVICE", "1")]).await;
    let session = api.ask("09120000001").await;
    let wrong = api.wrong_code(&session).await;
    api.verify(&session, &wrong).await.is(403, "code_wrong");

    stage.pass(31 * SECOND).await;
    let session = api.ask(PHONE).await;
    let code = api.code(&session).await;
    let by_number = json!({ "phone_number": PHONE, "code": code });
    let refused = api.post(VERIFY, by_number.clone()).await;
    refused.is(429, "session_required");
    let signed_in = api.post(VERIFY, with(by_number, Some(&device))).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
}

pub(crate) async fn a_browser_keeps_its_device_and_shows_it_to_our_own_pages(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    let (access, token) = stage.owner(PHONE).await;
    let signed_in = stage.log_in(PHONE, GOOD).await;
    let cookie = set_cookie(&signed_in, "ramz_device").expect("a cookie");
    let value = signed_in.member("device_token");
    assert_eq!(
        cookie,
        format!("ramz_device={value}; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax")
    );
    // People come back: it stays where they log out.
    let out = stage
        .bearing(&access, Method::POST, LOG_OUT_CALL, None)
        .await;
    assert_eq!(set_cookie(&out, "ramz_device"), None);
    assert!(set_cookie(&out, "ramz_access").is_some());

    stage.lock(PHONE).await;
    let refused = stage.log_in(PHONE, GOOD).await.seen();
    let log_in = async |cookie: String, site: &str, in_body: Option<&str>| {
        let body = with(json!({ "phone_number": PHONE, "password": GOOD }), in_body);
        let request = stage.client.post(stage.url(LOG_IN)).json(&body);
        let request = request.header("cookie", cookie);
        stage.send(request.header("sec-fetch-site", site)).await
    };
    let own = format!("lang=fa; ramz_device={value}");
    assert_eq!(log_in(own.clone(), "same-origin", None).await.status, 200);
    for (cookie, site, in_body) in [
        (own.clone(), "cross-site", None),
        (own.clone(), "same-site", None),
        (format!("{own}; ramz_device={value}"), "same-origin", None),
        (format!("ramz_device={value}A"), "same-origin", None),
        ("ramz_device=x".to_owned(), "same-origin", None),
        (format!("__Host-ramz_device={value}"), "same-origin", None),
        // What is in the body counts first.
        (own, "same-origin", Some("v1")),
    ] {
        let answer = log_in(cookie.clone(), site, in_body).await;
        assert_eq!(answer.seen(), refused, "{cookie} {site}");
    }
    let by_body = log_in("ramz_device=x".to_owned(), "cross-site", Some(&token)).await;
    assert_eq!(by_body.status, 200, "{by_body:?}");
}

fn set_cookie(answer: &Answer, name: &str) -> Option<String> {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut texts = cookies.map(|cookie| cookie.to_str().expect("text").to_owned());
    texts.find(|text| text.starts_with(&format!("{name}=")))
}

pub(crate) async fn a_16_the_pages_let_the_owner_in_on_their_own_browser(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut owner = Browser::english(&stage);
    owner.sign_in(PHONE).await;
    owner.get(LOG_OUT).await;
    owner.submit(LOG_OUT, &[]).await.leads_to("/");
    assert!(!owner.cookies.contains_key("ramz_access"));
    assert!(owner.cookies.contains_key("ramz_device"));
    stage.burn_the_sends(PHONE).await;

    let mut elsewhere = Browser::english(&stage);
    elsewhere.get(LOG_IN_PAGE).await;
    let refused = elsewhere.submit(LOG_IN_PAGE, &[("phone", PHONE)]).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    owner.sign_in(PHONE).await;
}

pub(crate) async fn a_15_the_pages_let_the_owner_log_in_on_their_own_browser(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    stage.owner(PHONE).await;
    let mut owner = Browser::english(&stage);
    let fields = [("phone", PHONE), ("password", GOOD)];
    owner.get(PASSWORD_LOG_IN).await;
    let entered = owner.submit(PASSWORD_LOG_IN, &fields).await;
    entered.leads_to("/");
    let cookies = entered.headers.get_all("set-cookie").iter();
    assert!(
        cookies
            .map(|text| text.to_str().expect("text"))
            .any(|text| {
                text.starts_with("ramz_device=v1.k1.")
                    && text.ends_with("; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax")
            })
    );
    owner.get(LOG_OUT).await;
    owner.submit(LOG_OUT, &[]).await.leads_to("/");
    stage.lock(PHONE).await;
    let mut elsewhere = Browser::english(&stage);
    for (browser, status) in [(&mut elsewhere, 429), (&mut owner, 303)] {
        browser.get(PASSWORD_LOG_IN).await;
        let answer = browser.submit(PASSWORD_LOG_IN, &fields).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_ne!(owner.get("/").await.location(), CODE);
}

pub(crate) async fn a_deleted_account_leaves_no_cookie_of_the_device(shape: Shape) {
    let stage = Stage::new(shape).await;
    let signed_in = stage.sign_in(PHONE).await;
    let access = signed_in.member("access_token");
    let gone = stage
        .bearing(&access, Method::DELETE, "/api/v1/usr/me", None)
        .await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let cookie = set_cookie(&gone, "ramz_device").expect("a cookie");
    assert!(cookie.contains("Max-Age=0"), "{cookie}");
    stage.burn_the_sends(PHONE).await;
    let refused = stage.ask_on(PHONE, None).await.seen();
    let device = signed_in.member("device_token");
    assert_eq!(stage.ask_on(PHONE, Some(&device)).await.seen(), refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_records_are_away_a_known_device_is_refused_as_anybody() {
    let (stage, _redis, mut postgres) = stage_on_servers().await;
    let device = stage.sign_in(PHONE).await.member("device_token");
    stage.burn_the_sends(PHONE).await;
    postgres.kill();
    let refused = stage.ask_on(PHONE, None).await;
    refused.is(429, "too_many_requests_phone");
    let answer = promptly(stage.ask_on(PHONE, Some(&device))).await;
    assert_eq!(answer.seen(), refused.seen());
}
