//! The shapes of the log of decisions.

use node::people::LineText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Json;
use crate::clock::rfc3339;

/// `trellis.log/1`: what people decided here, and what they were shown, in order.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Log {
    /// `trellis.log/1`.
    pub schema: String,
    /// The lines, the oldest first.
    pub lines: Vec<LogRow>,
    /// What to pass as `after` for the next page; null at the end.
    pub next: Option<u64>,
}

/// One line.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LogRow {
    /// Its number; the first is 1.
    pub number: u64,
    /// When, RFC 3339.
    pub time: String,
    /// Who; `-` where the node itself notes something.
    pub person: String,
    /// As what.
    pub role: String,
    /// What kind.
    pub deed: String,
    /// What became of it.
    pub result: String,
    /// What exactly.
    #[schema(value_type = serde_json::Value)]
    pub what: Json,
    /// Its hash, which the next line names.
    pub hash: String,
    /// The line as it was signed: what `trellis log verify` reads.
    pub text: String,
}

impl LogRow {
    /// Shows a row of the store; one that cannot be read is shown as it is, for the check to find.
    pub(crate) fn of(number: u64, row: &[u8]) -> Self {
        let text = String::from_utf8_lossy(row).into_owned();
        let Some(line) = LineText::decode(row) else {
            let (time, hash) = (rfc3339(0), String::new());
            let unknown = || "?".to_owned();
            let what = Json::of(b"null");
            let (person, role, deed, result) = (unknown(), unknown(), unknown(), unknown());
            return Self { number, time, person, role, deed, result, what, hash, text };
        };
        Self {
            number: line.number,
            time: rfc3339(line.time_ms),
            person: line.person,
            role: line.role,
            deed: line.deed,
            result: line.result,
            what: Json::of(line.what.as_bytes()),
            hash: line.hash.to_string(),
            text,
        }
    }
}
