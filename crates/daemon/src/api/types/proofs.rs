//! The shape of a proof: what `trellis get --proof` writes and `trellis verify` reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::{Evidence, Place};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wire::{Digest, Signed};

/// `trellis.proof/1`: an entry, or that there is none, with the way to a root (docs/proofs.md).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryProof {
    /// `trellis.proof/1`.
    pub schema: String,
    /// Hash of the network file.
    pub network: String,
    /// Collection asked for.
    pub collection: String,
    /// Name asked for.
    pub name: String,
    /// Node id of the author asked for.
    pub author: String,
    /// Merkle root of the state.
    pub root: String,
    /// Entries under that root, as the node says; no part of what is proven.
    pub entries: u64,
    /// The proof, base64.
    pub proof: String,
    /// The signed record as it travels, base64; null where there is none.
    pub record: Option<String>,
}

impl EntryProof {
    /// Writes evidence down.
    pub fn of(evidence: &Evidence, entries: u64) -> Self {
        let Place { collection, author, name } = evidence.place.clone();
        Self {
            schema: SCHEMA.to_owned(),
            network: evidence.network.to_string(),
            collection,
            name,
            author: author.to_string(),
            root: evidence.root.to_string(),
            entries,
            proof: STANDARD.encode(&evidence.proof),
            record: evidence.record.as_ref().map(|signed| STANDARD.encode(signed.encode())),
        }
    }

    /// Reads it back; nothing is checked yet. The error names the field that makes no sense.
    pub fn evidence(&self) -> Result<Evidence, &'static str> {
        if self.schema != SCHEMA {
            return Err("schema");
        }
        let digest = |text: &str, field| Digest::from_hex(text).ok_or(field);
        let bytes = |text: &str, field| STANDARD.decode(text).map_err(|_| field);
        let signed = |text: &String| Signed::decode(&bytes(text, "record")?).map_err(|_| "record");
        Ok(Evidence {
            network: digest(&self.network, "network")?,
            place: Place {
                collection: self.collection.clone(),
                author: self.author.parse().map_err(|_| "author")?,
                name: self.name.clone(),
            },
            root: digest(&self.root, "root")?,
            proof: bytes(&self.proof, "proof")?,
            record: self.record.as_ref().map(signed).transpose()?,
        })
    }
}

const SCHEMA: &str = "trellis.proof/1";
