//! Clients that have to be told of a log-out: by whatever ended the session, and each once.

use chrono::TimeDelta;
use shared::records::{BackChannelLogout, DeletedBy, RedeemOutcome, SessionEnd};
use uuid::Uuid;

use crate::authorization_codes::{Asked, asked, redeem};
use crate::stage::Stage;

/// Somebody who is signed in to a client.
async fn signed_in(stage: &Stage, scope: &str) -> (Asked, Uuid) {
    let asked = asked(stage, scope).await;
    let (redeem, _) = redeem(stage, &asked.code);
    let outcome = stage.records.redeem_code(&redeem).await;
    let RedeemOutcome::Opened { grant, .. } = outcome.expect("an answer") else {
        panic!("not opened");
    };
    (asked, grant.session)
}

async fn due(stage: &Stage) -> Vec<BackChannelLogout> {
    let (now, again) = (stage.now(), stage.now() + TimeDelta::seconds(30));
    let taken = stage.records.take_back_channel_logouts(now, again, 10);
    taken.await.expect("an answer")
}

fn told(client: &str, asked: &Asked, stage: &Stage) -> BackChannelLogout {
    BackChannelLogout {
        client: client.to_owned(),
        sid: asked.family.session,
        user: asked.family.user,
        created_at: stage.now(),
        attempts: 1,
    }
}

pub(crate) async fn bcl_whatever_ends_a_sign_on_tells_its_clients_once(stage: Stage) {
    let records = &stage.records;
    assert_eq!(due(&stage).await, []);
    for way in 0..5 {
        let (asked, _) = signed_in(&stage, "openid").await;
        let (user, session) = (asked.family.user, asked.family.session);
        assert_eq!(due(&stage).await, [], "{way}");
        let now = stage.now();
        match way {
            0 => {
                let ended = records.end_session(user, session, SessionEnd::LogOut, now);
                assert!(ended.await.expect("an answer"));
            }
            1 => {
                let ended = records.end_all_sessions(user, SessionEnd::LogOut, now);
                assert!(ended.await.expect("an answer") > 1);
            }
            2 => {
                let hash = asked.family.first.hash();
                let ended = records.end_session_of_token(hash, false, SessionEnd::LogOut, now);
                assert!(ended.await.expect("an answer"));
            }
            3 => {
                let blocked = records.set_blocked(user, true, now);
                blocked.await.expect("blocked");
            }
            _ => {
                let deleted = records.delete_account(user, DeletedBy::Owner(session), now);
                assert!(deleted.await.expect("an answer"));
            }
        }
        assert_eq!(due(&stage).await, [told("shop", &asked, &stage)], "{way}");
        assert_eq!(due(&stage).await, [], "{way}: nobody else takes it");
        let ended = records.end_back_channel_logout("shop", session);
        ended.await.expect("removed");
        stage.advance(TimeDelta::hours(1));
        assert_eq!(due(&stage).await, [], "{way}: told");
        if way == 3 {
            let unblocked = records.set_blocked(user, false, stage.now());
            unblocked.await.expect("unblocked");
        }
    }
}

pub(crate) async fn bcl_a_grant_that_ends_alone_tells_its_client_unless_that_gave_it_back(
    stage: Stage,
) {
    let records = &stage.records;
    let (asked, grant) = signed_in(&stage, "openid").await;
    let ended = records.end_session(asked.family.user, grant, SessionEnd::FromList, stage.now());
    assert!(ended.await.expect("an answer"));
    assert_eq!(due(&stage).await, [told("shop", &asked, &stage)]);
    let removed = records.end_back_channel_logout("shop", asked.family.session);
    removed.await.expect("removed");

    let (asked, grant) = signed_in(&stage, "openid").await;
    let ended = records.end_session(asked.family.user, grant, SessionEnd::Revoked, stage.now());
    assert!(ended.await.expect("an answer"));
    assert_eq!(due(&stage).await, []);
    // What is over needs no log-out.
    let ended = records.end_session(
        asked.family.user,
        asked.family.session,
        SessionEnd::LogOut,
        stage.now() + TimeDelta::seconds(1),
    );
    assert!(ended.await.expect("an answer"));
    stage.advance(TimeDelta::seconds(1));
    assert_eq!(due(&stage).await, []);
}

pub(crate) async fn bcl_a_client_that_could_not_be_told_is_tried_again(stage: Stage) {
    let records = &stage.records;
    let (asked, _) = signed_in(&stage, "openid offline_access").await;
    let (user, session) = (asked.family.user, asked.family.session);
    let ended = records.end_session(user, session, SessionEnd::LogOut, stage.now());
    assert!(ended.await.expect("an answer"));
    let first = due(&stage).await;
    assert_eq!(first[0].attempts, 1, "a grant that lives on is told too");
    let until = stage.now() + TimeDelta::minutes(5);
    let delayed = records.delay_back_channel_logout("shop", session, until);
    delayed.await.expect("delayed");
    stage.advance(TimeDelta::minutes(4));
    assert_eq!(due(&stage).await, []);
    stage.advance(TimeDelta::minutes(1));
    assert_eq!(due(&stage).await[0].attempts, 2);
    // Anyone who took it has died.
    stage.advance(TimeDelta::seconds(30));
    assert_eq!(due(&stage).await[0].attempts, 3);
}

pub(crate) async fn bcl_two_programs_take_each_row_once(stage: Stage) {
    let mut sessions = Vec::new();
    for _ in 0..12 {
        let (asked, _) = signed_in(&stage, "openid").await;
        sessions.push(asked.family.session);
        let ended = stage.records.end_session(
            asked.family.user,
            asked.family.session,
            SessionEnd::LogOut,
            stage.now(),
        );
        assert!(ended.await.expect("an answer"));
    }
    let (one, other) = tokio::join!(due(&stage), due(&stage));
    let rest = due(&stage).await;
    let mut taken: Vec<Uuid> = [one, other, rest]
        .concat()
        .iter()
        .map(|row| row.sid)
        .collect();
    taken.sort();
    sessions.sort();
    assert_eq!(taken, sessions);
}
