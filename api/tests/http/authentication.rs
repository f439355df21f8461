//! Who a request comes from: bearer and cookie, sessions that ended, other sites.

use domain::phone::PhoneNumber;
use http::{HeaderValue, Method};

use crate::answer::Answer;
use crate::stage::{ME, SECOND, Shape, Stage, VERIFY};

const PHONE: &str = "09123456789";

pub(crate) async fn an_app_and_a_browser_show_the_same_token_each_in_its_way(shape: Shape) {
    let stage = Stage::new(shape).await;
    let signed_in = stage.sign_in(PHONE).await;
    let token = signed_in.member("access_token");
    let bearing = stage.bearing(&token, Method::GET, ME, None).await;
    assert_eq!(bearing.status, 200, "{bearing:?}");
    bearing.shows_all_of(&signed_in.body["user"]);
    let cookie = with_header(&stage, "cookie", &format!("ramz_access={token}")).await;
    assert_eq!(cookie.body, bearing.body);
}

pub(crate) async fn r_24_what_is_not_one_good_token_is_refused(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let none = stage.get(ME).await;
    none.is(401, "unauthenticated");
    assert_eq!(none.header("www-authenticate"), "Bearer");
    for (name, value) in [
        ("authorization", token.clone()),
        ("authorization", format!("Basic {token}")),
        ("authorization", "Bearer".to_owned()),
        ("authorization", format!("Bearer {token}x")),
        (
            "cookie",
            format!("ramz_access={token}; ramz_access={token}"),
        ),
        ("cookie", format!("__Host-ramz_access={token}")),
        ("cookie", format!("ramz_refresh={token}")),
    ] {
        let answer = with_header(&stage, name, &value).await;
        answer.is(401, "unauthenticated");
    }
    // A wrong header is not made up for by a good cookie.
    let both = stage
        .client
        .get(stage.url(ME))
        .header("authorization", "Bearer x")
        .header("cookie", format!("ramz_access={token}"));
    stage.send(both).await.is(401, "unauthenticated");
}

pub(crate) async fn what_others_put_into_a_request_hides_no_token(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let cookie = format!("ramz_access={token}");
    let foreign = [
        "city=تهران".as_bytes(),
        b"x=\xff\xfe",
        b"=",
        b"a={\"b\": \"c, d\"}",
    ];
    for other in foreign {
        for parts in [[other, cookie.as_bytes()], [cookie.as_bytes(), other]] {
            let value = HeaderValue::from_bytes(&parts.join(&b"; "[..])).expect("a value");
            let request = stage.client.get(stage.url(ME)).header("cookie", value);
            let answer = stage.send(request).await;
            assert_eq!(answer.status, 200, "{parts:?}");
        }
    }
    // A proxy in front has a log-in of its own.
    let basic = ("authorization", "Basic dXNlcjpwYXNz");
    let request = stage.client.get(stage.url(ME)).header(basic.0, basic.1);
    let answer = stage.send(request.header("cookie", &cookie)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let request = stage.client.get(stage.url(ME)).header(basic.0, basic.1);
    let answer = stage.send(request.bearer_auth(&token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // Signing in works with them too, again and again.
    let session = stage.ask("09123456780").await;
    let body = serde_json::json!({ "session_id": session, "code": stage.code(&session).await });
    let request = stage
        .client
        .post(stage.url(VERIFY))
        .header("cookie", "city=تهران");
    assert_eq!(stage.send(request.json(&body)).await.status, 200);
}

pub(crate) async fn ses_03_a_token_dies_with_its_time(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    stage.pass(299 * SECOND).await;
    let answer = stage.bearing(&token, Method::GET, ME, None).await;
    assert_eq!(answer.status, 200);
    stage.pass(SECOND).await;
    stage
        .bearing(&token, Method::GET, ME, None)
        .await
        .is(401, "unauthenticated");
}

pub(crate) async fn ses_05_a_blocked_user_is_out_at_once(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let records = &stage.stores.records;
    let user = records.find_user_by_phone(&phone).await.expect("an answer");
    let id = user.expect("a user").id;
    let blocked = records.set_blocked(id, true, stage.clock.now()).await;
    assert!(blocked.expect("an answer"));
    stage
        .bearing(&token, Method::GET, ME, None)
        .await
        .is(401, "unauthenticated");
}

async fn with_header(stage: &Stage, name: &str, value: &str) -> Answer {
    stage
        .send(stage.client.get(stage.url(ME)).header(name, value))
        .await
}
