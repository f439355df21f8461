//! Ending sessions: one, the others, all, and by a refresh token alone.

use chrono::TimeDelta;
use domain::random::Random;
use domain::tokens::RefreshToken;
use shared::records::SessionEnd;
use uuid::Uuid;

use crate::family::{Kind, kind};
use crate::stage::Stage;

pub(crate) async fn ses_06_a_user_ends_one_of_their_own_sessions(stage: Stage) {
    let (mine, other) = (stage.family(1).await, stage.family(1).await);
    let stranger = stage.family(2).await;
    let end = async |user, session| {
        let now = stage.now();
        let ended = stage
            .records
            .end_session(user, session, SessionEnd::FromList, now);
        ended.await.expect("an answer")
    };
    assert!(!end(stranger.user, mine.session).await, "of somebody else");
    assert!(!end(mine.user, Uuid::nil()).await, "of nobody");
    assert_eq!(stage.live(mine.user).await.len(), 2);

    assert!(end(mine.user, mine.session).await);
    assert!(!end(mine.user, mine.session).await, "once");

    assert_eq!(kind(&stage.present(&mine.first).await), Kind::Refused);
    assert_eq!(stage.ended_by(SessionEnd::FromList).await, 1);
    stage.advance(TimeDelta::days(1));
    assert!(!end(other.user, other.session).await, "it had expired");
}

pub(crate) async fn ses_06_a_user_ends_all_sessions_or_all_others(stage: Stage) {
    let mut mine = Vec::new();
    for _ in 0..4 {
        mine.push(stage.family(1).await);
    }
    let stranger = stage.family(2).await;
    let (records, now, user) = (&stage.records, stage.now(), mine[0].user);
    let others = records
        .end_other_sessions(user, mine[0].session, SessionEnd::FromList, now)
        .await;
    assert_eq!(others.expect("an answer"), 3);
    let second = stage.rotate(&mine[0].first).await;
    assert_eq!(kind(&stage.present(&mine[1].first).await), Kind::Refused);

    let all = records
        .end_all_sessions(user, SessionEnd::LogOut, now)
        .await;
    assert_eq!(all.expect("an answer"), 1);
    assert_eq!(kind(&stage.present(&second).await), Kind::Refused);
    assert_eq!(stage.ended_by(SessionEnd::FromList).await, 3, "kept");
    stage.rotate(&stranger.first).await;
}

pub(crate) async fn ses_04_a_refresh_token_alone_logs_out(stage: Stage) {
    let (mine, other) = (stage.family(1).await, stage.family(1).await);
    let stranger = stage.family(2).await;
    let end = async |token: &RefreshToken, everywhere| {
        let (hash, now) = (token.hash(), stage.now());
        let ended = stage
            .records
            .end_session_of_token(hash, everywhere, SessionEnd::LogOut, now)
            .await;
        ended.expect("an answer")
    };
    let unknown = RefreshToken::new(&Random::operating_system());
    assert!(!end(&unknown, true).await);
    let second = stage.rotate(&mine.first).await;

    assert!(end(&mine.first, false).await, "a token that was replaced");
    assert!(!end(&second, true).await, "it was over");
    assert_eq!(kind(&stage.present(&second).await), Kind::Refused);
    assert_eq!(stage.live(mine.user).await.len(), 1);

    stage.family(1).await;
    assert!(end(&other.first, true).await);
    assert_eq!(stage.live(mine.user).await.len(), 0);
    assert_eq!(stage.ended_by(SessionEnd::LogOut).await, 3);
    stage.rotate(&stranger.first).await;
}
