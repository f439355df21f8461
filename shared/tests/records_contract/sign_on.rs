//! Who is signed in in a browser, by a refresh token that stays as it is.

use std::time::Duration;

use chrono::TimeDelta;
use domain::challenge::SessionId;
use domain::random::Random;
use domain::tokens::RefreshToken;
use shared::records::{SessionEnd, SignInOutcome, SignOn};

use crate::authorization_codes::{asked, redeem};
use crate::family::{Kind, kind};
use crate::stage::{Stage, phone};

const GRACE: Duration = Duration::from_secs(10);

async fn signed_on(stage: &Stage, token: &RefreshToken) -> SignOn {
    let answer = stage
        .records
        .present_sign_on(token, GRACE, stage.now())
        .await;
    answer.expect("an answer")
}

pub(crate) async fn a_refresh_token_says_who_is_signed_in_and_stays_as_it_is(stage: Stage) {
    let family = stage.family(1).await;
    let (user, session) = (family.user, family.session);
    for _ in 0..3 {
        let holds = SignOn::Holds { user, session };
        assert_eq!(signed_on(&stage, &family.first).await, holds);
    }
    assert_eq!(kind(&stage.present(&family.first).await), Kind::Rotated);
    let unknown = RefreshToken::new(&Random::operating_system());
    assert_eq!(signed_on(&stage, &unknown).await, SignOn::Nobody);
    let other = stage.family(2).await;
    stage
        .records
        .set_blocked(other.user, true, stage.now())
        .await
        .expect("an answer");
    assert_eq!(signed_on(&stage, &other.first).await, SignOn::Nobody);
    let third = stage.family(3).await;
    let ended = (third.user, third.session, SessionEnd::LogOut, stage.now());
    let ended = stage
        .records
        .end_session(ended.0, ended.1, ended.2, ended.3);
    assert!(ended.await.expect("an answer"));
    assert_eq!(signed_on(&stage, &third.first).await, SignOn::Nobody);
    let fourth = stage.family(4).await;
    stage.advance(TimeDelta::days(1));
    assert_eq!(
        signed_on(&stage, &fourth.first).await,
        SignOn::Nobody,
        "it was not used"
    );
}

pub(crate) async fn a_token_that_was_presented_here_had_its_answer(stage: Stage) {
    let family = stage.family(1).await;
    let next = stage.rotate(&family.first).await;
    // Until then the answer counts as lost, and is given once more.
    assert_eq!(kind(&stage.present(&family.first).await), Kind::Repeated);
    let (user, session) = (family.user, family.session);
    assert_eq!(
        signed_on(&stage, &next).await,
        SignOn::Holds { user, session }
    );
    assert_eq!(kind(&stage.present(&family.first).await), Kind::Reused);
    assert_eq!(signed_on(&stage, &next).await, SignOn::Nobody);

    // The same of the first token of a sign-in whose answer could be lost.
    let challenge = SessionId::new(&stage.random);
    let salt = stage.random.bytes();
    let first = RefreshToken::first(challenge, &salt);
    let mut sign_in = stage.sign_in(&phone(2));
    sign_in.session.refresh_token_hash = first.hash();
    sign_in.session.origin_salt = Some(salt);
    let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
    assert!(matches!(outcome, SignInOutcome::SignedIn { .. }));
    let again = async || {
        let again = stage
            .records
            .lost_answer(sign_in.root, challenge, stage.now());
        again.await.expect("an answer").is_some()
    };
    assert!(again().await);
    assert!(matches!(
        signed_on(&stage, &first).await,
        SignOn::Holds { .. }
    ));
    assert!(!again().await);
}

pub(crate) async fn a_token_that_was_replaced_counts_for_its_grace_and_then_ends_its_session(
    stage: Stage,
) {
    let family = stage.family(1).await;
    stage.rotate(&family.first).await;
    let (user, session) = (family.user, family.session);
    stage.advance(TimeDelta::seconds(10));
    assert_eq!(
        signed_on(&stage, &family.first).await,
        SignOn::Holds { user, session }
    );
    stage.advance(TimeDelta::milliseconds(1));
    assert_eq!(
        signed_on(&stage, &family.first).await,
        SignOn::Reused { user, session }
    );
    assert_eq!(signed_on(&stage, &family.first).await, SignOn::Nobody);
    assert!(stage.live(user).await.is_empty());
}

pub(crate) async fn nobody_is_signed_in_by_a_token_of_a_client(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    let (redeem, token) = redeem(&stage, &asked.code);
    stage.records.redeem_code(&redeem).await.expect("an answer");
    assert_eq!(signed_on(&stage, &token).await, SignOn::Nobody);
}
