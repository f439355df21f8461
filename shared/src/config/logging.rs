//! Log lines.

use super::reader::{Read, Reader, shown};
use super::variables::{LOG_FORMAT, LOG_LEVEL, RUST_LOG};
use crate::telemetry::{LogFilter, LogFormat};

/// What is logged and in which form.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `LOG_FORMAT`; `None` is pretty on a terminal and JSON otherwise.
    pub format: Option<LogFormat>,
    /// `LOG_LEVEL`, else `RUST_LOG`
    pub filter: LogFilter,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let format = reader.parsed_if_set(&LOG_FORMAT, |text| match text {
            "json" => Ok(LogFormat::Json),
            "pretty" => Ok(LogFormat::Pretty),
            other => Err(format!("{} is neither `json` nor `pretty`", shown(other))),
        });
        let rust_log = reader.parsed_if_set(&RUST_LOG, LogFilter::parse);
        let own_is_set = reader.given(&LOG_LEVEL)?.is_some();
        let own = reader.parsed(&LOG_LEVEL, LogFilter::parse)?;
        if own_is_set {
            reader.warn_without_effect(&RUST_LOG, "LOG_LEVEL is set, too")?;
        }
        let filter = match rust_log? {
            Some(rust_log) if !own_is_set => rust_log,
            _ => own,
        };
        Ok(Self {
            format: format?,
            filter,
        })
    }
}
