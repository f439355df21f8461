//! Codes that clients get: each opens one session of its client, and a copy ends that.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::random::Random;
use domain::tokens::{AuthorizationCode, RefreshToken, s256};
use shared::records::{
    CodeFault, Grant, NewCode, NewSession, Redeem, RedeemOutcome, RefreshOutcome, SessionEnd,
};
use tokio::task::JoinSet;

use crate::family::{Family, Kind, kind, refresh, renewed};
use crate::stage::Stage;

const CLIENT: &str = "shop";
const BACK: &str = "https://shop.example.ir/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A sign-on and a code of it.
pub(crate) struct Asked {
    pub(crate) family: Family,
    pub(crate) code: AuthorizationCode,
}

fn new_code(stage: &Stage, family: &Family, code: &AuthorizationCode, scope: &str) -> NewCode {
    NewCode {
        hash: code.hash(),
        client: CLIENT.to_owned(),
        redirect_uri: BACK.to_owned(),
        challenge: Some(s256(VERIFIER)),
        nonce: Some("n".to_owned()),
        scope: scope.to_owned(),
        user: family.user,
        sso_session: family.session,
        now: stage.now(),
        expires_at: stage.now() + TimeDelta::seconds(60),
    }
}

pub(crate) async fn asked(stage: &Stage, scope: &str) -> Asked {
    let family = stage.family(1).await;
    let code = AuthorizationCode::new(&Random::operating_system());
    let kept = stage
        .records
        .keep_code(&new_code(stage, &family, &code, scope))
        .await;
    assert!(kept.expect("an answer"));
    Asked { family, code }
}

pub(crate) fn redeem(stage: &Stage, code: &AuthorizationCode) -> (Redeem, RefreshToken) {
    let token = RefreshToken::new(&Random::operating_system());
    let session = NewSession {
        id: Random::operating_system().uuid_v4(),
        refresh_token_hash: token.hash_of_client(),
        ..stage.new_session()
    };
    let redeem = Redeem {
        code: code.hash(),
        client: CLIENT.to_owned(),
        redirect_uri: BACK.to_owned(),
        challenge: Some(s256(VERIFIER)),
        session,
    };
    (redeem, token)
}

async fn opened(stage: &Stage, redeem: &Redeem) -> Grant {
    match stage.records.redeem_code(redeem).await.expect("an answer") {
        RedeemOutcome::Opened { grant, nonce } => {
            assert_eq!(nonce.as_deref(), Some("n"));
            *grant
        }
        other => panic!("not opened: {other:?}"),
    }
}

async fn fault(stage: &Stage, redeem: &Redeem) -> CodeFault {
    match stage.records.redeem_code(redeem).await.expect("an answer") {
        RedeemOutcome::Refused(fault) => fault,
        other => panic!("not refused: {other:?}"),
    }
}

async fn holds(stage: &Stage, grant: &Grant) -> bool {
    let found = stage
        .records
        .grant_in_use(grant.user.id, grant.session, CLIENT, stage.now());
    found.await.expect("an answer").is_some()
}

pub(crate) async fn a_code_opens_one_session_of_its_client(stage: Stage) {
    let asked = asked(&stage, "openid phone").await;
    let signed_in_at = stage.now();
    stage.advance(TimeDelta::seconds(59));
    let (redeem, _) = redeem(&stage, &asked.code);
    let grant = opened(&stage, &redeem).await;
    assert_eq!(
        (grant.user.id, grant.session),
        (asked.family.user, redeem.session.id)
    );
    assert_eq!(
        (grant.sso_session, grant.auth_time),
        (asked.family.session, signed_in_at)
    );
    assert_eq!(
        (grant.scope.as_str(), grant.by_code),
        ("openid phone", true)
    );
    let user = grant.user.id;
    let found = stage
        .records
        .grant_in_use(user, grant.session, CLIENT, stage.now());
    let found = found.await.expect("an answer").expect("a grant");
    assert_eq!(
        (found.scope, found.auth_time),
        (grant.scope.clone(), signed_in_at)
    );
    // Another client's it is not, and no session of our own.
    let other = stage
        .records
        .grant_in_use(user, grant.session, "other", stage.now());
    assert!(other.await.expect("an answer").is_none());
    let own = stage
        .records
        .session_in_use(user, grant.session, stage.now());
    assert!(own.await.expect("an answer").is_none());
    let own = stage
        .records
        .grant_in_use(user, asked.family.session, CLIENT, stage.now());
    assert!(own.await.expect("an answer").is_none());
    assert_eq!(stage.live(user).await, [asked.family.session]);
    // Only hashes are stored.
    let hash = stage.blob(&asked.code.hash());
    let rows = format!("authorization_codes WHERE code_hash = {hash} AND used_at IS NOT NULL");
    assert_eq!(stage.count(&rows).await, 1);
}

pub(crate) async fn t02_of_twenty_at_once_one_redeems_a_code(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    let stage = Arc::new(stage);
    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let (stage, (redeem, _)) = (Arc::clone(&stage), redeem(&stage, &asked.code));
        tries.spawn(async move { stage.records.redeem_code(&redeem).await.expect("an answer") });
    }
    let outcomes = tries.join_all().await;
    let opened = outcomes
        .iter()
        .filter(|one| matches!(one, RedeemOutcome::Opened { .. }));
    assert_eq!(opened.count(), 1);
    let replayed = outcomes
        .iter()
        .filter(|one| matches!(one, RedeemOutcome::Replayed { .. }));
    assert_eq!(replayed.count(), 19);
    assert_eq!(stage.count("sessions WHERE client_id IS NOT NULL").await, 1);
}

pub(crate) async fn t03_a_code_of_another_client_address_or_verifier_stays_as_it_was(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    let (right, _) = redeem(&stage, &asked.code);
    let other = |change: fn(&mut Redeem)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        wrong
    };
    for (wrong, told) in [
        (
            other(|one| "other".clone_into(&mut one.client)),
            CodeFault::OtherClient,
        ),
        (
            other(|one| one.redirect_uri.push('/')),
            CodeFault::OtherAddress,
        ),
        (
            other(|one| one.challenge = Some(s256("wrong"))),
            CodeFault::WrongVerifier,
        ),
        (other(|one| one.code = [0; 32]), CodeFault::Unknown),
    ] {
        assert_eq!(fault(&stage, &wrong).await, told);
    }
    opened(&stage, &right).await;
}

pub(crate) async fn t03_a_code_dies_after_its_minute(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    stage.advance(TimeDelta::seconds(60));
    let (late, _) = redeem(&stage, &asked.code);
    assert_eq!(fault(&stage, &late).await, CodeFault::Expired);
    assert_eq!(stage.count("sessions WHERE client_id IS NOT NULL").await, 0);
}

pub(crate) async fn t04_a_code_that_comes_back_ends_what_it_opened(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    let (first, _) = redeem(&stage, &asked.code);
    let grant = opened(&stage, &first).await;
    // Not by somebody who lacks something of it.
    let mut wrong = first.clone();
    wrong.challenge = Some(s256("wrong"));
    assert_eq!(fault(&stage, &wrong).await, CodeFault::WrongVerifier);
    assert!(holds(&stage, &grant).await);
    // Also long after its minute.
    stage.advance(TimeDelta::minutes(10));
    let (second, _) = redeem(&stage, &asked.code);
    for user in [Some(grant.user.id), None] {
        match stage.records.redeem_code(&second).await.expect("an answer") {
            RedeemOutcome::Replayed {
                user: found,
                session,
            } => {
                assert_eq!((found, session), (user, grant.session));
            }
            other => panic!("{other:?}"),
        }
        assert!(!holds(&stage, &grant).await);
    }
    // The sign-on in the browser goes on.
    assert_eq!(stage.live(asked.family.user).await, [asked.family.session]);
}

pub(crate) async fn t06_a_verifier_without_a_challenge_is_refused_and_the_other_way_round(
    stage: Stage,
) {
    let asked = asked(&stage, "openid").await;
    let (mut without, _) = redeem(&stage, &asked.code);
    without.challenge = None;
    assert_eq!(fault(&stage, &without).await, CodeFault::WrongVerifier);
    let code = AuthorizationCode::new(&Random::operating_system());
    let plain = NewCode {
        challenge: None,
        ..new_code(&stage, &asked.family, &code, "openid")
    };
    assert!(stage.records.keep_code(&plain).await.expect("an answer"));
    let (with, _) = redeem(&stage, &code);
    assert_eq!(fault(&stage, &with).await, CodeFault::WrongVerifier);
    let without = Redeem {
        challenge: None,
        ..with
    };
    opened(&stage, &without).await;
}

pub(crate) async fn t13_a_token_of_a_client_is_renewed_by_that_client_alone(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    let (redeem, token) = redeem(&stage, &asked.code);
    let grant = opened(&stage, &redeem).await;
    let as_client = |token: &RefreshToken, client: Option<&str>| {
        let mut refresh = refresh(&stage, token);
        refresh.client = client.map(str::to_owned);
        refresh
    };
    let renew = async |refresh| stage.records.refresh(&refresh).await.expect("an answer");
    for stranger in [None, Some("other")] {
        assert_eq!(
            kind(&renew(as_client(&token, stranger)).await),
            Kind::Refused
        );
    }
    let next = renew(as_client(&token, Some(CLIENT))).await;
    assert_eq!(kind(&next), Kind::Rotated);
    let next = renewed(next);
    assert_eq!((next.user, next.session), (grant.user.id, grant.session));
    // Nor is a retired one: another client cannot end what it does not have.
    stage.advance(TimeDelta::minutes(10));
    for stranger in [None, Some("other")] {
        assert_eq!(
            kind(&renew(as_client(&token, stranger)).await),
            Kind::Refused
        );
    }
    assert!(holds(&stage, &grant).await);
    let scope = stage
        .records
        .scope_of_token(token.hash_of_client(), CLIENT)
        .await;
    assert_eq!(scope.expect("an answer").as_deref(), Some("openid"));
    let scope = stage
        .records
        .scope_of_token(token.hash_of_client(), "other")
        .await;
    assert_eq!(scope.expect("an answer"), None);
    // A client renews none of ours.
    let own = renew(as_client(&asked.family.first, Some(CLIENT))).await;
    assert_eq!(kind(&own), Kind::Refused);
    // Its own copy ends its family, and nothing else.
    assert_eq!(
        kind(&renew(as_client(&token, Some(CLIENT))).await),
        Kind::Reused
    );
    assert!(!holds(&stage, &grant).await);
    assert_eq!(stage.live(asked.family.user).await, [asked.family.session]);
}

pub(crate) async fn t15_a_code_dies_with_its_sign_on_and_its_user(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    let (redeem, _) = redeem(&stage, &asked.code);
    let (user, session) = (asked.family.user, asked.family.session);
    let blocked = stage.records.set_blocked(user, true, stage.now()).await;
    assert!(blocked.expect("an answer"));
    assert_eq!(fault(&stage, &redeem).await, CodeFault::SignOnOver);
    stage
        .records
        .set_blocked(user, false, stage.now())
        .await
        .expect("an answer");
    assert_eq!(
        fault(&stage, &redeem).await,
        CodeFault::SignOnOver,
        "the session is over"
    );
    let code = AuthorizationCode::new(&Random::operating_system());
    let late = new_code(&stage, &asked.family, &code, "openid");
    assert!(
        !stage.records.keep_code(&late).await.expect("an answer"),
        "of an ended {session}"
    );
}

pub(crate) async fn a_grant_ends_with_its_sign_on_unless_it_may_outlive_it(stage: Stage) {
    for (scope, outlives) in [("openid", false), ("openid offline_access", true)] {
        let asked = asked(&stage, scope).await;
        let (redeem, token) = redeem(&stage, &asked.code);
        let grant = opened(&stage, &redeem).await;
        let listed = stage.live(grant.user.id).await.contains(&grant.session);
        assert_eq!(listed, outlives, "{scope}");
        let (user, session) = (grant.user.id, asked.family.session);
        let ended = stage
            .records
            .end_session(user, session, SessionEnd::LogOut, stage.now());
        assert!(ended.await.expect("an answer"));
        assert_eq!(holds(&stage, &grant).await, outlives, "{scope}");
        let mut refresh = refresh(&stage, &token);
        refresh.client = Some(CLIENT.to_owned());
        let outcome = stage.records.refresh(&refresh).await.expect("an answer");
        assert_eq!(
            matches!(outcome, RefreshOutcome::Rotated(_)),
            outlives,
            "{scope}"
        );
        stage
            .records
            .set_blocked(user, true, stage.now())
            .await
            .expect("an answer");
        assert!(!holds(&stage, &grant).await, "{scope}");
        stage
            .records
            .set_blocked(user, false, stage.now())
            .await
            .expect("an answer");
    }
}

pub(crate) async fn a_client_gives_its_grant_back(stage: Stage) {
    let asked = asked(&stage, "openid").await;
    let (redeem, token) = redeem(&stage, &asked.code);
    let grant = opened(&stage, &redeem).await;
    let (hash, now) = (token.hash_of_client(), stage.now());
    let by = |client| stage.records.end_grant_of_token(hash, client, now);
    assert!(!by("other").await.expect("an answer"));
    assert!(holds(&stage, &grant).await);
    assert!(by(CLIENT).await.expect("an answer"));
    assert!(!by(CLIENT).await.expect("an answer"));
    assert!(!holds(&stage, &grant).await);
    assert_eq!(stage.live(grant.user.id).await, [asked.family.session]);
}

pub(crate) async fn codes_that_were_over_a_day_ago_are_removed_a_few_at_a_time(stage: Stage) {
    let first = asked(&stage, "openid").await;
    for _ in 0..2 {
        let code = AuthorizationCode::new(&Random::operating_system());
        let code = new_code(&stage, &first.family, &code, "openid");
        assert!(stage.records.keep_code(&code).await.expect("an answer"));
    }
    let sweep = async |most| {
        stage
            .records
            .sweep_codes(stage.now(), most)
            .await
            .expect("swept")
    };
    stage.advance(TimeDelta::seconds(59) + TimeDelta::days(1));
    assert_eq!(sweep(100).await, 0);
    stage.advance(TimeDelta::seconds(1));
    assert_eq!(sweep(2).await, 2);
    assert_eq!(stage.count("authorization_codes").await, 1);
    // Each new code removes some, too.
    asked(&stage, "openid").await;
    assert_eq!(stage.count("authorization_codes").await, 1);
}
