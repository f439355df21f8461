//! What the staff does in the console. Each use case is a function over [`Desk`].
//!
//! Who may do what is checked by the face before it calls one; everything that changes something takes a
//! [`Deed`], which says who, in which role, why and where from, and goes into the audit log in the
//! transaction of the change.

mod audit;
pub mod dead;
mod deed;
mod health;
pub mod limits;
mod people;
mod roles;
mod seeing;
mod session;
mod sign_in;
pub mod spending;

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::number_hash::NumberHash;
use domain::phone::PhoneNumber;
use shared::records::Records;

use crate::flows::Flows;

pub use audit::{PAGE, audit_log};
pub use deed::Deed;
pub use health::{Health, health};
pub use people::{
    LISTED, block_user, delete_user, end_sessions, person, read_search, search, sessions,
    unblock_user, verify_phone,
};
pub use roles::{change_role, members, role_of};
pub use session::{FRESH, SignedInStaff, end_session, signed_in, unmask};
pub use shared::records::{
    AuditFilter, AuditRow, PeopleSearch, Person, RoleChange, StaffMember, StaffSession,
};
pub use sign_in::{
    FactorRefused, KnownStaff, SetUp, by_link, by_password, known, new_secret, prove_again,
    recovery_codes_left, set_up, with_factor,
};

/// For how long a number stays unmasked in a session.
pub const UNMASKED: TimeDelta = TimeDelta::minutes(10);

/// What the use cases of the console work with.
#[derive(Clone, Debug)]
pub struct Desk {
    flows: Arc<Flows>,
    records: Records,
    spending: Arc<spending::SpendingBook>,
}

impl Desk {
    /// Over the records of everybody.
    pub fn new(flows: Arc<Flows>) -> Self {
        let records = flows.records.clone();
        Self {
            flows,
            records,
            spending: Arc::default(),
        }
    }

    /// The same over records that it opens under a role of its own.
    #[must_use]
    pub fn with_records(mut self, records: Records) -> Self {
        self.records = records;
        self
    }

    /// The use cases of everybody.
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    /// The records as the console may use them.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// How the audit log names a number as the object of something: by the beginning of its keyed hash, which is
    /// the same each time and gives nothing away.
    pub fn number_object(&self, phone: &PhoneNumber) -> String {
        let hash = self.number_hashes(phone).into_iter().next();
        let mut object = "number:".to_owned();
        for byte in hash.iter().flat_map(|hash| &hash.as_bytes()[..8]) {
            // Writing into a string cannot fail.
            let _ = write!(object, "{byte:02x}");
        }
        object
    }

    /// The keyed hashes by which a number is known, that of the newest key first.
    pub(crate) fn number_hashes(&self, phone: &PhoneNumber) -> Vec<NumberHash> {
        NumberHash::all(&self.flows.otp_keys, phone)
    }
}
