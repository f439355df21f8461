//! The envelope of every answer: `return`, `entries` and, on paged reads, `metadata`.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::status::ReturnStatus;
use crate::store::account::HttpStatusMode;

/// An answer before it is written out. Rows are kept as JSON text, so that keys stay in order.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: ReturnStatus,
    entries: Entries,
    metadata: Option<String>,
}

#[derive(Clone, Debug)]
enum Entries {
    Null,
    Object(String),
    List(Vec<String>),
}

impl Answer {
    pub(crate) fn failed(status: ReturnStatus) -> Self {
        Self {
            status,
            entries: Entries::Null,
            metadata: None,
        }
    }

    pub(crate) fn rows<R: Serialize>(rows: impl IntoIterator<Item = R>) -> Self {
        let rows = rows.into_iter().map(|row| json(&row)).collect();
        Self {
            status: ReturnStatus::OK,
            entries: Entries::List(rows),
            metadata: None,
        }
    }

    pub(crate) fn object(object: &impl Serialize) -> Self {
        let entries = Entries::Object(json(object));
        Self {
            status: ReturnStatus::OK,
            entries,
            metadata: None,
        }
    }

    pub(crate) fn accepted_without_entries() -> Self {
        Self::failed(ReturnStatus::OK)
    }

    pub(crate) fn with_metadata(self, metadata: &impl Serialize) -> Self {
        Self {
            metadata: Some(json(metadata)),
            ..self
        }
    }

    /// The same answer with its first row in place of the list.
    pub(crate) fn with_first_row_only(self) -> Self {
        let entries = match self.entries {
            Entries::List(rows) => rows
                .into_iter()
                .next()
                .map_or(Entries::Null, Entries::Object),
            other => other,
        };
        Self { entries, ..self }
    }

    pub(crate) fn status(&self) -> ReturnStatus {
        self.status
    }

    /// The compact JSON text.
    pub(crate) fn body(&self) -> String {
        let entries = match &self.entries {
            Entries::Null => "null".to_owned(),
            Entries::Object(object) => object.clone(),
            Entries::List(rows) => format!("[{}]", rows.join(",")),
        };
        let metadata = self
            .metadata
            .as_ref()
            .map_or_else(String::new, |it| format!(",\"metadata\":{it}"));
        let (code, message) = (self.status.code(), json(&self.status.message()));
        format!(
            "{{\"return\":{{\"status\":{code},\"message\":{message}}},\"entries\":{entries}{metadata}}}"
        )
    }

    pub(crate) fn into_response(self, mode: HttpStatusMode) -> Response {
        let http = match mode {
            HttpStatusMode::Mirror => self.status.http(),
            HttpStatusMode::Always200 => StatusCode::OK,
        };
        (
            http,
            [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
            self.body(),
        )
            .into_response()
    }
}

/// Our rows hold only text and numbers, which always have a JSON form.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_compact_persian_and_has_null_entries() {
        assert_eq!(
            Answer::failed(ReturnStatus::UNKNOWN_TEMPLATE).body(),
            r#"{"return":{"status":424,"message":"الگوی مورد نظر پیدا نشد یا هنوز تائید نشده"},"entries":null}"#
        );
    }

    #[test]
    fn rows_make_a_list_and_the_first_can_stand_alone() {
        let answer = Answer::rows([[1], [2]]);
        assert!(answer.body().ends_with(r#""entries":[[1],[2]]}"#));
        assert!(
            answer
                .with_first_row_only()
                .body()
                .ends_with(r#""entries":[1]}"#)
        );
    }
}
