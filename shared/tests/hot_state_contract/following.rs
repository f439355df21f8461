//! Who follows the deliveries of a route.

use std::time::Duration;

use shared::hot_state::HotState;
use shared::records::Route;
use uuid::Uuid;

use crate::stage::{MINUTE, Stage};

const ONE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const LIFE: Duration = Duration::from_mins(1);

async fn follows(hot: &HotState, holder: Uuid) -> bool {
    let follows = hot.follow(&Route::KAVENEGAR, holder, LIFE).await;
    follows.expect("an answer")
}

async fn gives_back(hot: &HotState, holder: Uuid) -> bool {
    let gave = hot.stop_following(&Route::KAVENEGAR, holder).await;
    gave.expect("an answer")
}

pub(crate) async fn of_twenty_workers_at_once_one_follows_deliveries(stage: &Stage) {
    let workers = (1..=20).map(|worker| follows(&stage.hot, Uuid::from_u128(worker)));
    let follow = futures::future::join_all(workers).await;
    assert_eq!(follow.iter().filter(|follows| **follows).count(), 1);
}

pub(crate) async fn who_follows_deliveries_does_so_as_long_as_they_say_so(stage: &Stage) {
    for _ in 0..3 {
        assert!(follows(&stage.hot, ONE).await);
        stage.clock.advance(MINUTE - 1);
        assert!(!follows(&stage.hot, OTHER).await);
    }
    // Whoever was refused has not made it last longer.
    stage.clock.advance(1);
    assert!(follows(&stage.hot, OTHER).await, "the first one died");
    assert!(!follows(&stage.hot, ONE).await, "it was only slow");
}

pub(crate) async fn the_right_to_follow_deliveries_outlives_a_restart(stage: &Stage) {
    assert!(follows(&stage.hot, ONE).await);
    let other = stage.restarted().await;
    assert!(!follows(&other, OTHER).await);
    stage.clock.advance(MINUTE);
    assert!(follows(&other, OTHER).await);
}

pub(crate) async fn who_stops_following_lets_another_go_on_at_once(stage: &Stage) {
    assert!(!gives_back(&stage.hot, ONE).await, "nobody follows yet");
    assert!(follows(&stage.hot, ONE).await);
    assert!(!gives_back(&stage.hot, OTHER).await, "it is not theirs");
    assert!(!follows(&stage.hot, OTHER).await);
    assert!(gives_back(&stage.hot, ONE).await);
    assert!(!gives_back(&stage.hot, ONE).await);
    assert_eq!(stage.size().await, 0, "nothing is left of it");
    assert!(follows(&stage.hot, OTHER).await);
}

pub(crate) async fn redis_forgets_a_worker_that_follows_no_longer(stage: &Stage) {
    assert!(follows(&stage.hot, ONE).await);
    if let Some(left) = stage.millis_to_live("following:kavenegar").await {
        assert!((MINUTE..=2 * MINUTE).contains(&left), "{left}");
    }
}
