//! A family of refresh tokens, as the cases about sessions use it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use chrono::TimeDelta;
use domain::random::Random;
use domain::tokens::RefreshToken;
use shared::records::{Refresh, RefreshOutcome, Renewed, SessionEnd, SignInOutcome};
use uuid::Uuid;

use crate::stage::{Stage, phone};

pub(crate) const SECOND: i64 = 1_000;
const DAY: Duration = Duration::from_hours(24);

/// A sign-in whose tokens are known.
pub(crate) struct Family {
    pub(crate) user: Uuid,
    pub(crate) session: Uuid,
    pub(crate) first: RefreshToken,
}

/// What an outcome is, without its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rotated,
    Repeated,
    RepeatedLate,
    Reused,
    TooOften,
    Refused,
}

pub(crate) fn kind(outcome: &RefreshOutcome) -> Kind {
    match outcome {
        RefreshOutcome::Rotated(_) => Kind::Rotated,
        RefreshOutcome::Repeated(_) => Kind::Repeated,
        RefreshOutcome::RepeatedLate(_) => Kind::RepeatedLate,
        RefreshOutcome::Reused { .. } => Kind::Reused,
        RefreshOutcome::TooOften { .. } => Kind::TooOften,
        RefreshOutcome::Refused => Kind::Refused,
    }
}

/// The session that goes on.
pub(crate) fn renewed(outcome: RefreshOutcome) -> Renewed {
    match outcome {
        RefreshOutcome::Rotated(renewed)
        | RefreshOutcome::Repeated(renewed)
        | RefreshOutcome::RepeatedLate(renewed) => renewed,
        other => panic!("not renewed: {other:?}"),
    }
}

/// A refresh with a salt of its own.
pub(crate) fn refresh(stage: &Stage, token: &RefreshToken) -> Refresh {
    Refresh {
        token: token.clone(),
        client: None,
        salt: Random::operating_system().bytes(),
        address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8))),
        user_agent: Some("Mozilla/6.0".to_owned()),
        now: stage.now(),
        idle_lifetime: DAY,
        grace: Duration::from_secs(10),
    }
}

impl Stage {
    /// Signs somebody in on one more device.
    pub(crate) async fn family(&self, number: u32) -> Family {
        let first = RefreshToken::new(&Random::operating_system());
        let mut sign_in = self.sign_in(&phone(number));
        sign_in.session.refresh_token_hash = first.hash();
        match self.records.sign_in(&sign_in).await {
            Ok(SignInOutcome::SignedIn { user, .. }) => Family {
                user: user.id,
                session: sign_in.session.id,
                first,
            },
            other => panic!("not signed in: {other:?}"),
        }
    }

    pub(crate) async fn present(&self, token: &RefreshToken) -> RefreshOutcome {
        let outcome = self.records.refresh(&refresh(self, token)).await;
        outcome.expect("an answer")
    }

    /// The next token of a family.
    pub(crate) async fn rotate(&self, token: &RefreshToken) -> RefreshToken {
        let outcome = self.present(token).await;
        assert_eq!(kind(&outcome), Kind::Rotated);
        renewed(outcome).token
    }

    /// Tokens that were not replaced, of all sessions.
    pub(crate) async fn live_tokens(&self) -> i64 {
        self.count("refresh_tokens WHERE retired_at IS NULL").await
    }

    pub(crate) async fn ended_by(&self, reason: SessionEnd) -> i64 {
        let reason = reason.as_str();
        self.count(&format!("sessions WHERE revoked_reason = '{reason}'"))
            .await
    }

    pub(crate) fn advance(&self, span: TimeDelta) {
        self.clock.advance(span.num_milliseconds());
    }
}
