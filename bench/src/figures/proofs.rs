//! Right codes for a load that gives them back, computed as a worker does.

use bytes::Bytes;
use domain::challenge::SessionId;
use domain::clock::Clock;
use domain::otp::KeyRing;
use serde::Deserialize;
use serde_json::json;
use shared::hot_state::HotState;
use shared::redis_store::RedisStore;

use crate::Failure;
use crate::installation::Installation;
use crate::load::{Requests, Until, closed};

/// What codes are computed from.
pub(super) struct Codes {
    hot_state: HotState,
    keys: KeyRing,
}

impl Codes {
    /// Those of an installation.
    pub(super) fn of(installation: &Installation) -> Result<Self, Failure> {
        let store = RedisStore::connect(&installation.redis.url())?;
        Ok(Self {
            hot_state: HotState::redis(store, Clock::system()),
            keys: KeyRing::parse(&installation.secrets.otp_key)?,
        })
    }

    /// Asks for codes, for these numbers and for so many strangers, and gives what proves each.
    pub(super) async fn proofs(
        &self,
        installation: &Installation,
        phones: Vec<String>,
        strangers: u64,
    ) -> Result<Vec<Bytes>, Failure> {
        #[derive(Deserialize)]
        struct Asked {
            session_id: String,
        }
        let address = installation.address;
        let mut asked = Vec::new();
        if !phones.is_empty() {
            let count = Until::Count(phones.len() as u64);
            let users = Requests::codes_for(address, phones).keeping_bodies();
            asked = closed(address, users, count).await?.most(202)?.bodies;
        }
        let others = Requests::for_codes(address).keeping_bodies();
        let others = closed(address, others, Until::Count(strangers)).await?;
        asked.extend(others.most(202)?.bodies);
        let mut proofs = Vec::new();
        for body in asked {
            let Asked { session_id } = serde_json::from_slice(&body)?;
            let session_id: SessionId = session_id.parse()?;
            let challenge = self.hot_state.challenge(session_id.challenge_id()).await?;
            let challenge = challenge.ok_or("a challenge is gone")?;
            let code = challenge.code(&self.keys).ok_or("a key is not known")?;
            let proof = json!({ "session_id": session_id.expose(), "code": code.expose() });
            proofs.push(proof.to_string().into());
        }
        Ok(proofs)
    }
}
