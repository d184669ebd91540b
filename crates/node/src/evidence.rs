//! An entry, or its absence, with all that somebody needs to believe it who trusts a root (STATE-6).

use engine::{Kept, place_of_entry};
use merkle::{BadProof, Leaf, Map, Proof};
use wire::{Content, Digest, NetworkId, Opened, Set, Signed};

use crate::Place;

/// What a node says stands at a place of its state, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The network whose state it is.
    pub network: NetworkId,
    /// The place.
    pub place: Place,
    /// The root that commits to it.
    pub root: Digest,
    /// The bytes of the proof.
    pub proof: Vec<u8>,
    /// The record, where there is one.
    pub record: Option<Signed>,
}

/// What evidence shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Nothing stands there.
    Absent,
    /// Its author deleted it.
    Deleted(Box<Opened>),
    /// The entry stands there.
    Present(Box<Opened>),
}

/// Why evidence shows nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadEvidence {
    /// Another network's record, author, collection or name.
    #[error("the record is about something else than the file says")]
    AnotherEntry,
    /// The proven record is not the one in hand.
    #[error("the proof is of another record than the one in the file")]
    AnotherRecord,
    /// The record is no record.
    #[error("the record cannot be read")]
    NoRecord,
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] BadProof),
    /// The signature is wrong.
    #[error("the author did not sign this record")]
    Signature,
}

impl Place {
    /// Returns the key of the map at which the entry stands.
    pub fn key(&self) -> Digest {
        place_of_entry(&self.collection, &self.author, &self.name)
    }
}

impl Evidence {
    /// Checks everything: the proof against the root, the record against the proof, its signature,
    /// and that it is about this place.
    pub fn check(&self) -> Result<Finding, BadEvidence> {
        let key = self.place.key();
        let value = Proof::decode(&key, &self.proof)?.verify(&self.root, &key)?;
        let (id, signed) = match (value, &self.record) {
            (None, None) => return Ok(Finding::Absent),
            (Some(id), Some(signed)) => (id, signed.clone()),
            (None, Some(_)) | (Some(_), None) => return Err(BadEvidence::AnotherRecord),
        };
        let opened = signed.open().map_err(|_| BadEvidence::NoRecord)?;
        if opened.id != id {
            return Err(BadEvidence::AnotherRecord);
        }
        if !opened.claim().verify(&self.network) {
            return Err(BadEvidence::Signature);
        }
        let Content::Entry(entry) = &opened.record.content else {
            return Err(BadEvidence::AnotherEntry);
        };
        let said = (&entry.collection, &opened.signed.author, &entry.name);
        let asked = (&self.place.collection, &self.place.author, &self.place.name);
        if said != asked || opened.record.network != self.network {
            return Err(BadEvidence::AnotherEntry);
        }
        let deleted = entry.value.is_none();
        let opened = Box::new(opened);
        Ok(if deleted { Finding::Deleted(opened) } else { Finding::Present(opened) })
    }
}

/// Makes the root of the state anew from what a store holds.
pub fn state_root(items: &[Kept]) -> Digest {
    let state = items.iter().filter(|item| item.set == Set::State);
    let leaf = |item: &Kept| Leaf { key: item.key, value: item.id, stamp: item.created.0 };
    Map::of(state.map(leaf).collect()).root()
}
