//! What travels of a seed: a description, signed by whoever offers it. The content does not.

use bytes::Bytes;
use engine::Accepted;
use wire::{Content, Digest, Entry, Message, NodeId, RecordId, SeedId};

use super::{SeedError, Shape};

/// A seed described, as it is to be offered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Brief {
    /// What is in it.
    pub shape: Shape,
    /// The seed that it is meant to take the place of.
    pub supersedes: Option<SeedId>,
    /// For people: JSON on one line.
    pub about: Bytes,
}

/// An offer that was heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// The record that it is.
    pub id: RecordId,
    /// Who offers.
    pub author: NodeId,
    /// When, unix milliseconds by its author's clock.
    pub created_ms: u64,
    /// Until when, unix milliseconds.
    pub expires_ms: u64,
    /// What.
    pub brief: Brief,
}

impl Brief {
    /// Checks what is to be offered.
    pub fn check(&self) -> Result<(), SeedError> {
        if !self.shape.is_whole() {
            return Err(SeedError::Size);
        }
        let text = std::str::from_utf8(&self.about).ok();
        let is_line = text.is_some_and(|it| !it.is_empty() && !it.chars().any(char::is_control));
        if is_line && self.about.len() <= ABOUT_BYTES_MAX { Ok(()) } else { Err(SeedError::About) }
    }

    /// Writes it as the payload of a message.
    pub fn encode(&self) -> Vec<u8> {
        let Self { shape, supersedes, about } = self;
        let supersedes = supersedes.map_or("null".to_owned(), |id| format!("\"{id}\""));
        let (size, root) = (shape.size, Digest(shape.root));
        let head =
            format!("{{\"size\":{size},\"root\":\"{root}\",\"supersedes\":{supersedes},\"about\":");
        [head.as_bytes(), about, b"}"].concat()
    }

    /// Reads a payload; what has any other form is no offer.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_prefix("{\"size\":")?;
        let (size, text) = text.split_once(",\"root\":\"")?;
        let (root, text) = text.split_once("\",\"supersedes\":")?;
        let (supersedes, about) = text.split_once(",\"about\":")?;
        let supersedes = match supersedes {
            "null" => None,
            id => Some(Digest::from_hex(id.strip_prefix('"')?.strip_suffix('"')?)?),
        };
        let shape = Shape { size: size.parse().ok()?, root: Digest::from_hex(root)?.0 };
        let about = Bytes::copy_from_slice(about.strip_suffix('}')?.as_bytes());
        let brief = Self { shape, supersedes, about };
        let same = brief.check().is_ok() && brief.encode() == bytes;
        same.then_some(brief)
    }

    /// Makes the message that offers it (SEED-1).
    pub fn message(&self) -> Message {
        let item_hashes = vec![self.shape.id()];
        Message { item_hashes, ..Message::new(TOPIC, Bytes::from(self.encode())) }
    }
}

impl Offer {
    /// Reads a record, if it is an offer (SEED-1).
    pub fn of(accepted: &Accepted) -> Option<Self> {
        let Content::Message(message) = &accepted.record.content else { return None };
        if message.topic != TOPIC || message.bridged.is_some() {
            return None;
        }
        let brief = Brief::decode(&message.payload)?;
        let named = message.item_hashes == [brief.shape.id()];
        named.then(|| Self {
            id: accepted.id,
            author: accepted.carried.signed.author,
            created_ms: accepted.record.created.ms(),
            expires_ms: accepted.record.expires_ms,
            brief,
        })
    }

    /// Says whether it still stands.
    pub fn stands(&self, unix_ms: u64) -> bool {
        unix_ms < self.expires_ms
    }
}

/// Returns the entry by which a node says that it holds a seed, or that it does not any more (SEED-2).
pub fn entry(id: &SeedId, held: Option<Shape>) -> Entry {
    let value = held.map(|shape| Bytes::from(format!("{{\"size\":{}}}", shape.size)));
    Entry { collection: COLLECTION.to_owned(), name: id.to_string(), value }
}

/// The topic of offers; decisions of people alone write to it.
pub const TOPIC: &str = "seeds";
/// The collection of who holds what; a node writes it of itself.
pub const COLLECTION: &str = "seeds";
/// What an offer says to people, as JSON.
pub const ABOUT_BYTES_MAX: usize = 2 * 1024;
