//! What the gateway reports to us: the delivery of messages.
//!
//! A report is signed by nobody, so it is believed in one thing only: that the worker had better ask
//! the gateway about this message now. One that is forged, repeated or late changes nothing.

use domain::delivery::DeliveryStatus;
use shared::records::{Reported, Route};

use crate::flows::Flows;
use crate::metrics::DeliveryReportResult;
use crate::refusal::Refusal;

/// A report of one state of one message.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryReport {
    /// The gateway's number of the message.
    pub messageid: i64,
    /// What became of it, as they say.
    pub status: DeliveryStatus,
}

/// Takes note of a report. One about a message that is not ours is no error.
pub async fn note(flows: &Flows, report: DeliveryReport) -> Result<(), Refusal> {
    let noted = flows
        .records
        .note_delivery_report(
            &Route::KAVENEGAR,
            &report.messageid.into(),
            report.status,
            flows.clock.now(),
        )
        .await
        .inspect_err(|_| flows.metrics.reported(DeliveryReportResult::Unavailable))?;
    flows.metrics.reported(match noted {
        Reported::Open => DeliveryReportResult::Known,
        Reported::Closed => DeliveryReportResult::FinalAlready,
        Reported::NoSuchMessage => DeliveryReportResult::Unknown,
    });
    Ok(())
}
