//! Codes that still have their records, for people who look at a list of messages.

use domain::root::Root;

/// A root that still has its record.
#[derive(Clone, Debug)]
pub struct LivingRoot {
    /// The root.
    pub root: Root,
    /// Attempts with the session that began it; none where that went on to another, or no session did.
    pub session_attempts: Option<u32>,
}
