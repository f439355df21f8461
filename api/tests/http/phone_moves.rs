//! A number that staff move because the old one is lost.

use std::time::Duration;

use domain::phone::PhoneNumber;
use domain::random::Random;
use harness::eventually;
use http::Method;
use shared::records::{AskPhoneMove, PhoneMoveAsked};
use uuid::Uuid;

use crate::passwords::GOOD;
use crate::stage::{HOUR, ME, SECOND, Shape, Stage};

const OLD: &str = "09123456789";
const NEW: &str = "09351112233";

async fn ask(stage: &Stage, user: Uuid) {
    let wanted = AskPhoneMove {
        user,
        phone: PhoneNumber::from_e164("+989351112233").expect("canonical"),
        reason: "lost SIM".to_owned(),
        audit_id: Uuid::from_u128(stage.clock.now().timestamp_millis().unsigned_abs().into()),
        now: stage.clock.now(),
    };
    let random = Random::operating_system();
    let asked = stage.stores.records.ask_phone_move(&wanted, &random).await;
    assert!(matches!(asked, Ok(PhoneMoveAsked::Waits(_))), "{asked:?}");
}

pub(crate) async fn otp_10_any_session_sees_and_stops_a_move(shape: Shape) {
    let stage = Stage::with(shape, &[("ACCESS_TOKEN_LIFETIME", "3600")]).await;
    let path = format!("{ME}/phone/move");
    let call = async |method, token: &str| stage.bearing(token, method, &path, None).await;
    let owner = stage.with_password(OLD, GOOD).await;
    let stranger = stage.sign_in("09121110000").await.member("access_token");
    let profile = stage.bearing(&owner, Method::GET, ME, None).await;
    let user: Uuid = profile.member("id").parse().expect("a UUID");
    for method in [Method::GET, Method::DELETE] {
        call(method, &owner).await.is(404, "phone_move_unknown");
    }
    // By a password, and long ago.
    let by_password = stage.log_in(OLD, GOOD).await.member("access_token");
    stage.pass(1200 * SECOND).await;
    for token in [&owner, &by_password] {
        ask(&stage, user).await;
        let shown = call(Method::GET, token).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        assert_eq!(shown.body.as_object().map(serde_json::Map::len), Some(2));
        call(Method::DELETE, &stranger)
            .await
            .is(404, "phone_move_unknown");
        assert_eq!(call(Method::DELETE, token).await.status, 204);
        call(Method::DELETE, token)
            .await
            .is(404, "phone_move_unknown");
        stage.pass(SECOND).await;
    }
}

pub(crate) async fn otp_10_of_two_apis_one_makes_a_move_that_is_due(shape: Shape) {
    let stage = Stage::new(shape).await;
    let signed_in = stage.sign_in(OLD).await;
    let user = signed_in.body["user"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    ask(&stage, user.parse().expect("a UUID")).await;
    stage.pass(72 * HOUR).await;
    // Each looks as soon as it starts.
    let apis = [stage.beside(&[]).await, stage.beside(&[]).await];
    let phone = PhoneNumber::from_e164("+989351112233").expect("canonical");
    let moved = async || {
        let found = stage.stores.records.find_user_by_phone(&phone).await;
        found.expect("an answer")
    };
    let moved = eventually(Duration::from_mins(1), moved).await;
    assert_eq!(moved.id.to_string(), user);
    let back = apis[1].sign_in(NEW).await;
    assert_eq!(back.body["user"]["id"], user);
    assert_eq!(back.body["is_new_user"], false);
    let next = apis[0].sign_in(OLD).await;
    assert_eq!(next.body["is_new_user"], true, "the number's next owner");
    let made = "SELECT action FROM audit_log WHERE source = 'system'";
    assert_eq!(stage.stores.texts(made).await, ["phone_moved"]);
}
