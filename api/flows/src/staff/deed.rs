//! Who does something in the console, and why.

use std::net::IpAddr;

use domain::staff::Role;
use serde_json::Value;
use shared::records::{AuditEntry, AuditSource, InConsole};
use uuid::Uuid;

use super::Desk;

/// What the audit log will hold of the person who does something. Debug output hides nothing: it holds no secret.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Who does it.
    pub actor: Uuid,
    /// In which role.
    pub role: Role,
    /// Why, as they have written; 3 to 500 characters where a person must say.
    pub reason: Option<String>,
    /// Where from.
    pub address: Option<IpAddr>,
    /// The request, as in the log.
    pub request_id: Uuid,
}

impl Deed {
    /// The entry for something that is done to a user, to another object by its kind and public id, or to both.
    /// `details` are facts; never a code, a token, a secret or a whole number.
    pub fn entry(
        &self,
        desk: &Desk,
        action: &'static str,
        subject: Option<Uuid>,
        object: Option<String>,
        details: Value,
    ) -> AuditEntry {
        AuditEntry {
            id: desk.flows.random.uuid_v7(desk.flows.clock.now_millis()),
            source: AuditSource::Console,
            actor: Some(self.actor),
            action,
            subject,
            object,
            details,
            in_console: Some(InConsole {
                role: Some(self.role),
                reason: self.reason.clone(),
                address: self.address,
                request_id: self.request_id,
            }),
        }
    }
}
