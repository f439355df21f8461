//! The staff: who they are, what they may do, and how they sign in to the console.
//!
//! A session of staff is a row of `sessions` of the kind `admin`, so that whatever ends the sessions of
//! a user ends it too, and one of `staff_sessions` beside it. The role is looked up with each request.

mod factors;
mod links;
mod people;
mod roles;
mod sessions;

pub use factors::{FactorOpens, FactorTry, NewFactor, RightFactor, SealedFactor};
pub use links::NewStaffLink;
pub use people::{PeopleSearch, Person};
pub use roles::{RoleChange, StaffMember};
pub use sessions::{NewStaffSession, StaffSession};

use domain::staff::Role;

use super::RecordsError;

/// The role that a row of users and of the staff gives: a superuser without a role is an admin. What takes the powers
/// of staff from a user (another number, another owner of the number, the end of the account) takes the flag, and
/// with it the role.
pub(super) fn role_of(
    is_superuser: bool,
    is_staff: bool,
    given: Option<String>,
) -> Result<Option<Role>, RecordsError> {
    match given {
        None => Ok(is_superuser.then_some(Role::Admin)),
        Some(_) if !is_staff && !is_superuser => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| RecordsError::Corrupt {
            table: "staff",
            problem: "role is none of those that there are",
        }),
    }
}
