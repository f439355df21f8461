//! The audit log, read.

use shared::records::{AuditFilter, AuditRow};

use super::Desk;
use crate::refusal::Refusal;

/// Entries on a page.
pub const PAGE: u32 = 50;

/// A page of the log, the newest entry first, and whether there is more behind it.
pub async fn audit_log(
    desk: &Desk,
    filter: &AuditFilter,
) -> Result<(Vec<AuditRow>, bool), Refusal> {
    let mut rows = desk.records().audit_log(filter, PAGE + 1).await?;
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    Ok((rows, more))
}
