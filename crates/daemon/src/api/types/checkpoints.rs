//! The shapes of checkpoints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `trellis.checkpoints/1`: what is final, who signs, and who broke its word.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Checkpoints {
    /// `trellis.checkpoints/1`.
    pub schema: String,
    /// Those that are kept, the newest first: the last ones, and all at which the committee changed.
    pub checkpoints: Vec<CheckpointRow>,
    /// Name of the committee that signs the next one; empty where the network has no attesters.
    pub committee: String,
    /// Who signs the next one.
    pub attesters: Vec<AttesterAnswer>,
    /// This node's number among them; null where it does not attest.
    pub attester: Option<u16>,
    /// Who broke its word, with the proof.
    pub evidence: Vec<EvidenceAnswer>,
}

/// One final checkpoint.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct CheckpointRow {
    /// Height; the first is 1.
    pub height: u64,
    /// The moment as of which it holds, RFC 3339.
    pub cut: String,
    /// Its name.
    pub hash: String,
    /// The name of the one before.
    pub previous: String,
    /// Root of the state.
    pub root: String,
    /// Entries of the state, deletions included.
    pub entries: u64,
    /// Collections with an entry in them; 1,024 where there are so many or more.
    pub collections: u64,
    /// What the rules came to, in one hash; zeros where there are none.
    pub rules: String,
    /// How many rules anybody had spoken of, where this node can still tell; older answers lack it.
    #[serde(default)]
    pub rules_count: Option<u64>,
    /// How many of them were accepted.
    #[serde(default)]
    pub rules_accepted: Option<u64>,
    /// The root of these; zeros where there are none.
    #[serde(default)]
    pub rules_root: Option<String>,
    /// Who signed it.
    pub committee: String,
    /// Who signs the next one.
    pub next_committee: String,
    /// Numbers of those who signed it.
    pub signers: Vec<u16>,
}

/// `trellis.checkpoint/1`: one checkpoint, and the file that proves it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct CheckpointAnswer {
    /// `trellis.checkpoint/1`.
    pub schema: String,
    /// What it says.
    pub checkpoint: CheckpointRow,
    /// The file that `trellis checkpoint verify` reads, base64.
    pub file: String,
}

impl CheckpointAnswer {
    /// Returns the bytes of the file.
    pub fn file_bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.file).ok()
    }
}

/// One attester.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct AttesterAnswer {
    /// Its number.
    pub number: u16,
    /// Its public key.
    pub key: String,
    /// How much it counts.
    pub weight: u64,
}

/// A broken word.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct EvidenceAnswer {
    /// At which height.
    pub height: u64,
    /// Who, by number in the committee of that height.
    pub attesters: Vec<u16>,
    /// The proof, base64.
    pub proof: String,
}
