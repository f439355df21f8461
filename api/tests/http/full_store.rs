//! Hot state is nearly full: nobody begins anything, and who has a code signs in.

use domain::clock::Clock;
use harness::SmallDisk;
use serde_json::json;

use crate::outages;
use crate::stage::{OTP, START, Stage};
use crate::stores::Stores;

const PHONE: &str = "09123456789";
const OTHER: &str = "09123456780";

/// Looks at the room as the watch over the stores does each second.
async fn look(stage: &Stage) {
    let looked = stage.stores.hot.measure_room().await;
    looked.expect("an answer");
}

async fn nobody_begins_and_a_code_in_hand_signs_in(stage: &Stage, session: &str) {
    look(stage).await;
    let asked = stage.post(OTP, json!({ "phone_number": OTHER })).await;
    asked.is(503, "store_full");
    assert_eq!(asked.headers["retry-after"], "30");
    assert_eq!(asked.body["retry_after"], 30);
    let again = stage.post(OTP, json!({ "session_id": session })).await;
    again.is(503, "store_full");
    let begun = stage
        .post("/api/register/", json!({ "mobile_number": OTHER }))
        .await;
    begun.is(503, "store_full");
    let code = stage.code(session).await;
    assert_eq!(stage.verify(session, &code).await.status, 200);
}

async fn is_served_again(stage: &Stage) {
    look(stage).await;
    let asked = stage.post(OTP, json!({ "phone_number": OTHER })).await;
    assert_eq!(asked.status, 202, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_redis_that_is_nearly_full_takes_no_new_requests() {
    let (stage, redis, _postgres) = outages::stage().await;
    let session = stage.ask(PHONE).await;
    redis.is_full_to(0.95).await;
    nobody_begins_and_a_code_in_hand_signs_in(&stage, &session).await;
    redis.has_room().await;
    is_served_again(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_12_a_disk_that_is_nearly_full_takes_no_new_requests() {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let clock = Clock::manual(START);
    let folder = tempfile::tempdir_in(disk.path()).expect("a folder");
    let stores = Stores::in_folder(&folder, &clock).await;
    let stage = Stage::over(stores, clock, &[], Some(folder)).await;
    let session = stage.ask(PHONE).await;
    disk.fill_but(4_500);
    nobody_begins_and_a_code_in_hand_signs_in(&stage, &session).await;
    disk.empty();
    is_served_again(&stage).await;
}
