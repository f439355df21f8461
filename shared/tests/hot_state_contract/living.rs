//! Roots that live, as a list of messages asks for them.

use domain::root::RootId;

use crate::stage::{Stage, sent};

pub(crate) async fn roots_that_live_are_told_in_one_round_trip(stage: &Stage) {
    let tried = stage.granted("+989123456701").await;
    stage.count(&tried, false).await;
    stage.count(&tried, false).await;
    let closed = stage.granted("+989123456702").await;
    stage.count(&closed, true).await;
    let joined = stage.granted("+989123456703").await;
    // Another session on the same root has tries of its own.
    sent(stage.ask(&stage.new_challenge("+989123456703")).await);
    let nobody = RootId::from_bytes([9; 16]);
    let asked = [tried.root.id, nobody, closed.root.id, joined.root.id];
    let living = stage.hot.living_roots(&asked).await.expect("an answer");
    let found: Vec<RootId> = living.iter().map(|one| one.root.id).collect();
    assert_eq!(found, [tried.root.id, closed.root.id, joined.root.id]);
    let attempts: Vec<Option<u32>> = living.iter().map(|one| one.session_attempts).collect();
    assert_eq!(attempts, [Some(2), Some(1), Some(0)]);
    for one in &living {
        let root = stage.hot.root(one.root.id).await.expect("an answer");
        let root = root.expect("a root");
        assert_eq!(root.ends_at, one.root.ends_at);
        assert_eq!(root.closed, one.root.closed);
        assert_eq!(root.phone_attempts, one.root.phone_attempts);
    }
    assert!(living[1].root.closed.is_some());
    let none = stage.hot.living_roots(&[]).await.expect("an answer");
    assert!(none.is_empty());
    let unknown = stage.hot.living_roots(&[nobody]).await.expect("an answer");
    assert!(unknown.is_empty());
}
