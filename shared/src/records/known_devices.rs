//! Whether a device on which somebody has signed in is still known.

use chrono::{DateTime, TimeDelta, Utc};
use domain::phone::PhoneNumber;
use domain::tokens::KnownDevice;

use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::session_ending::SessionEnd;
use super::{Records, RecordsError, micros};

/// The session may be over by its time, or by a log-out on the device itself, from which people come back. What
/// somebody else ended, or its user from elsewhere, is known no longer; a change of the password makes those be
/// forgotten too that were logged out before.
const IS_KNOWN: &str = "SELECT COUNT(*) FROM users AS holder \
     JOIN sessions AS session ON session.user_id = holder.id \
     WHERE holder.id = $1 AND session.id = $2 AND holder.phone = $3 \
     AND holder.blocked_at IS NULL AND holder.deleted_at IS NULL \
     AND session.kind = 'user' AND session.client_id IS NULL \
     AND (holder.devices_valid_from IS NULL OR holder.devices_valid_from <= $4) \
     AND (session.revoked_at IS NULL OR (session.revoked_reason = $5 \
     AND (holder.password_changed_at IS NULL OR holder.password_changed_at <= $4)))";

impl Records {
    /// Whether a device is still one of the user of this number, who is not kept out: its session is in the
    /// records, and neither was it ended by anybody else than its user on the device itself, nor have all devices been
    /// forgotten since.
    pub async fn is_known_device(
        &self,
        device: &KnownDevice,
        phone: &PhoneNumber,
    ) -> Result<bool, RecordsError> {
        let Some(issued_at) = last_of_its_millisecond(device) else {
            return Ok(false);
        };
        on_connection!(self, Place::of(Work::Verifying), readers, connection => {
            let known: i64 = sqlx::query_scalar(IS_KNOWN)
                .bind(device.user)
                .bind(device.session)
                .bind(phone.as_e164())
                .bind(issued_at)
                .bind(SessionEnd::LogOut.as_str())
                .fetch_one(connection)
                .await?;
            Ok(known > 0)
        })
    }
}

/// What happened in the same millisecond came before the token: a sign-in that ends all other sessions issues one.
fn last_of_its_millisecond(device: &KnownDevice) -> Option<DateTime<Utc>> {
    let issued_at = DateTime::from_timestamp_millis(device.issued_at)?;
    Some(micros(issued_at + TimeDelta::microseconds(999)))
}
