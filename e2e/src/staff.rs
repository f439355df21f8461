//! Staff who are signed in to the console already.

use domain::clock::Clock;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use domain::staff::StaffToken;
use serde_json::json;
use shared::records::{
    AuditEntry, AuditSource, Device, NewSession, NewStaffSession, Records, SignIn, SignInOutcome,
};
use uuid::Uuid;

const NUMBER: &str = "+989121119999";

/// The token of a session of somebody of the staff, who gets their role by `give_role`. It is made behind the back of
/// the pages: how staff sign in is another test's.
///
/// # Panics
///
/// When the records do not do what is asked of them.
pub async fn open_staff_session(records: &Records, give_role: impl AsyncFnOnce(Uuid)) -> String {
    let (random, now) = (Random::operating_system(), Clock::system().now());
    let sign_in = SignIn {
        root: RootId::new(&random),
        purpose: Purpose::SignIn,
        phone: PhoneNumber::from_e164(NUMBER).expect("canonical"),
        new_user_id: random.uuid_v4(),
        session: NewSession {
            id: random.uuid_v4(),
            refresh_token_hash: random.bytes(),
            origin_salt: None,
            device: Device::default(),
            opened_at: now,
            idle_expires_at: now + chrono::TimeDelta::days(1),
            expires_at: now + chrono::TimeDelta::days(1),
        },
    };
    let signed_in = records.sign_in(&sign_in).await.expect("an answer");
    let SignInOutcome::SignedIn { user, .. } = signed_in else {
        panic!("{signed_in:?}");
    };
    give_role(user.id).await;
    let token = StaffToken::new(&random);
    let session = NewStaffSession {
        id: random.uuid_v4(),
        user: user.id,
        token_hash: token.session_hash(),
        device: Device::default(),
        opened_at: now,
        idle_expires_at: now + chrono::TimeDelta::minutes(30),
        expires_at: now + chrono::TimeDelta::hours(1),
    };
    let entry = AuditEntry {
        id: random.uuid_v4(),
        source: AuditSource::Console,
        actor: Some(user.id),
        action: "console_sign_in",
        subject: Some(user.id),
        object: None,
        details: json!({}),
        in_console: None,
    };
    let opened = records.open_staff_session(&session, &entry).await;
    opened.expect("opened");
    token.expose()
}
