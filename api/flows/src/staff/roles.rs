//! Who has which role.

use domain::staff::Role;
use serde_json::json;
use shared::records::{RoleChange, StaffMember};
use uuid::Uuid;

use super::{Deed, Desk};
use crate::refusal::Refusal;

/// Everybody who may use the console.
pub async fn members(desk: &Desk) -> Result<Vec<StaffMember>, Refusal> {
    Ok(desk.records().staff_members().await?)
}

/// The role of a user, also of one who is kept out.
pub async fn role_of(desk: &Desk, user: Uuid) -> Result<Option<Role>, Refusal> {
    Ok(desk.records().staff_role_of_anybody(user).await?)
}

/// Gives a user a role, or takes theirs away. Only an admin does that, and never to themselves.
pub async fn change_role(
    desk: &Desk,
    user: Uuid,
    role: Option<Role>,
    deed: &Deed,
) -> Result<RoleChange, Refusal> {
    let before = role_of(desk, user).await?;
    let action = if role.is_some() {
        "role_given"
    } else {
        "role_taken"
    };
    let details = json!({
        "role": role.map(Role::as_str),
        "before": before.map(Role::as_str),
    });
    let entry = deed.entry(desk, action, Some(user), None, details);
    let now = desk.flows().clock.now();
    let changed = desk
        .records()
        .change_staff_role(deed.actor, user, role, &entry, now);
    Ok(changed.await?)
}
