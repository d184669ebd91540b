//! The shapes of proofs against authors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wire::{Content, Signed};

use crate::clock::rfc3339;

/// `trellis.contradictions/1`: who signed two records with one number.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Contradictions {
    /// `trellis.contradictions/1`.
    pub schema: String,
    /// One proof for each author.
    pub contradictions: Vec<ContradictionRow>,
    /// Where the next page begins; null at the end.
    pub next: Option<String>,
}

/// One author that broke its word.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct ContradictionRow {
    /// Who.
    pub author: String,
    /// The number of both records.
    pub seq: u64,
    /// Their ids.
    pub records: [String; 2],
    /// When the later one says it was written, RFC 3339.
    pub created: String,
    /// The proof: a record, base64 of `Signed`.
    pub proof: String,
}

impl ContradictionRow {
    /// Reads it from the record that everybody makes of the two.
    pub fn of(signed: &Signed) -> Option<Self> {
        let record = signed.clone().open().ok()?.record;
        let Content::Contradiction(it) = &record.content else { return None };
        Some(Self {
            author: it.author.to_string(),
            seq: record.seq,
            records: it.ids().map(|id| id.to_string()),
            created: rfc3339(record.created.ms()),
            proof: STANDARD.encode(signed.encode()),
        })
    }
}
