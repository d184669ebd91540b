//! Bodies of the fuzz targets; `cargo test` replays their corpora through the same functions.

use crate::{Chain, Committee, Evidence, Note};

/// A note, a file of checkpoints, evidence or a committee that decodes has this one encoding.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(note) = Note::decode(bytes) {
        assert_eq!(note.encode(), bytes);
    }
    if let Ok(chain) = Chain::decode(bytes) {
        assert_eq!(chain.encode(), bytes);
    }
    if let Ok(evidence) = Evidence::decode(bytes) {
        assert_eq!(evidence.encode(), bytes);
    }
    if let Ok(committee) = Committee::decode(bytes) {
        assert_eq!(committee.encode(), bytes);
    }
}
