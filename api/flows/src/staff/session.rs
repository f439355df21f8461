//! Sessions in the console: short, and looked up with each request.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::phone::PhoneNumber;
use domain::staff::StaffToken;
use serde_json::json;
use shared::records::{Device, NewStaffSession, StaffSession};
use uuid::Uuid;

use super::{Deed, Desk, UNMASKED};
use crate::refusal::Refusal;

/// A session ends after this time in any case.
const LIFE: TimeDelta = TimeDelta::hours(12);
/// It ends when it was not used for this time.
const IDLE: TimeDelta = TimeDelta::minutes(30);
/// The last use is kept to this.
const TOUCHED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// A second factor counts as fresh for this time.
pub const FRESH: TimeDelta = TimeDelta::minutes(5);

/// Somebody of the staff who is signed in.
#[derive(Clone, Debug)]
pub struct SignedInStaff {
    /// The session, and who it is.
    pub session: StaffSession,
    /// Hashes of the numbers that they see whole.
    unmasked: BTreeSet<Vec<u8>>,
}

impl SignedInStaff {
    /// Whether they see this number whole.
    pub fn sees(&self, desk: &Desk, phone: &PhoneNumber) -> bool {
        if self.unmasked.is_empty() {
            return false;
        }
        let hashes = desk.number_hashes(phone);
        let mut hashes = hashes.iter();
        hashes.any(|hash| self.unmasked.contains(hash.as_bytes().as_slice()))
    }

    /// Whether they gave a second factor a moment ago.
    pub fn is_fresh(&self, desk: &Desk) -> bool {
        desk.flows.clock.now() - self.session.factor_at < FRESH
    }
}

/// Whose session a token is. `by_hand` tells whether a person asked: what a page asks for by itself does not put off
/// the end of a session that nobody uses.
pub async fn signed_in(
    desk: &Desk,
    token: &StaffToken,
    by_hand: bool,
) -> Result<Option<SignedInStaff>, Refusal> {
    let now = desk.flows.clock.now();
    let found = desk.records().staff_session(token.session_hash(), now);
    let Some(session) = found.await? else {
        return Ok(None);
    };
    if by_hand && now - session.last_used_at >= TOUCHED_EVERY {
        let touched = desk
            .records()
            .touch_staff_session(session.id, now, now + IDLE);
        touched.await?;
    }
    let unmasked = desk.records().unmasked_numbers(session.id, now).await?;
    Ok(Some(SignedInStaff { session, unmasked }))
}

/// A session that is to be opened, and its token.
pub(super) fn new_session(
    desk: &Desk,
    user: Uuid,
    address: Option<std::net::IpAddr>,
    user_agent: Option<String>,
) -> (NewStaffSession, StaffToken) {
    let (random, now) = (&desk.flows.random, desk.flows.clock.now());
    let token = StaffToken::new(random);
    let session = NewStaffSession {
        id: random.uuid_v7(desk.flows.clock.now_millis()),
        user,
        token_hash: token.session_hash(),
        device: Device {
            name: None,
            user_agent,
            address,
        },
        opened_at: now,
        idle_expires_at: now + IDLE,
        expires_at: now + LIFE,
    };
    (session, token)
}

/// Ends the session of somebody who logs out.
pub async fn end_session(desk: &Desk, session: Uuid, deed: &Deed) -> Result<(), Refusal> {
    let entry = deed.entry(desk, "console_log_out", Some(deed.actor), None, json!({}));
    let now = desk.flows.clock.now();
    Ok(desk
        .records()
        .end_staff_session(session, &entry, now)
        .await?)
}

/// Lets somebody see a number whole in their session for a while.
pub async fn unmask(
    desk: &Desk,
    session: &StaffSession,
    phone: &PhoneNumber,
    subject: Option<Uuid>,
    deed: &Deed,
) -> Result<(), Refusal> {
    let hashes = desk.number_hashes(phone);
    let Some(hash) = hashes.first() else {
        return Ok(());
    };
    let now = desk.flows.clock.now();
    let object = Some(desk.number_object(phone));
    let entry = deed.entry(desk, "number_unmasked", subject, object, json!({}));
    let until = now + UNMASKED;
    let unmasked = desk
        .records()
        .unmask_number(session.id, *hash.as_bytes(), until, &entry, now);
    Ok(unmasked.await?)
}
