//! What is in a letter once it is opened: who wrote it, for whom, and what about.

use bytes::Bytes;
use prost::Message as _;

use crate::frame::exactly;
use crate::record::{check_count, digest};
use crate::{Digest, Hex, Identity, NetworkId, NodeId, RouteId, WireError, generated, limits};

/// A message to one node. Its signature is right: see [`Letter::open`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Letter {
    /// Who wrote it.
    pub author: NodeId,
    /// Names it; the same each time it is tried.
    pub id: LetterId,
    /// Who is to read it.
    pub subject: Subject,
    /// What it says.
    pub body: Bytes,
}

/// Names a letter among those of its author.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LetterId(pub [u8; 16]);

/// What a letter is about: which part of a node reads it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// Words for the people there: JSON text.
    Note,
    /// A step of a negotiation.
    Transfer,
}

impl std::fmt::Display for LetterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl Letter {
    /// Encodes and signs it for one way to one node: nobody there can show it to another one as
    /// meant for it (DIRECT-3). The size says little: it is a multiple of 256 bytes.
    pub fn encode(
        &self,
        network: &NetworkId,
        route: &RouteId,
        to: &NodeId,
        identity: &Identity,
    ) -> Vec<u8> {
        let signature = identity.sign(&self.to_sign(network, route, to));
        let mut schema = generated::Letter {
            author: Bytes::copy_from_slice(identity.id().as_bytes()),
            signature: Bytes::copy_from_slice(&signature),
            id: Bytes::copy_from_slice(&self.id.0),
            subject: match self.subject {
                Subject::Note => generated::Subject::Note,
                Subject::Transfer => generated::Subject::Transfer,
            }
            .into(),
            body: self.body.clone(),
            padding: Bytes::new(),
        };
        let bare = schema.encoded_len() + PADDING_HEAD_BYTES;
        let padded = (bare + PADDING_BYTES_MIN).next_multiple_of(PADDED_BYTES);
        schema.padding = Bytes::from(vec![0; padded - bare]);
        schema.encode_to_vec()
    }

    /// Decodes it and checks that it was written for this way to this node by who it says.
    pub fn open(
        bytes: &[u8],
        network: &NetworkId,
        route: &RouteId,
        to: &NodeId,
    ) -> Result<Self, WireError> {
        check_count("letter bytes", bytes.len(), limits::LETTER_SEALED_BYTES_MAX)?;
        let schema = generated::Letter::decode(bytes)
            .map_err(|error| WireError::Malformed(error.to_string()))?;
        let subject = match generated::Subject::try_from(schema.subject) {
            Ok(generated::Subject::Note) => Subject::Note,
            Ok(generated::Subject::Transfer) => Subject::Transfer,
            Err(_) => return Err(WireError::Field("subject")),
        };
        check_count("letter body bytes", schema.body.len(), limits::LETTER_BYTES_MAX)?;
        let author = NodeId::from_bytes(digest("author", &schema.author)?.0);
        let id = LetterId(exactly("letter id", &schema.id)?);
        let letter = Self { author, id, subject, body: schema.body };
        let signature = exactly("signature", &schema.signature)?;
        if !author.verify(&letter.to_sign(network, route, to), &signature) {
            return Err(WireError::Field("letter signature"));
        }
        Ok(letter)
    }

    fn to_sign(&self, network: &NetworkId, route: &RouteId, to: &NodeId) -> [u8; 32] {
        let subject = match self.subject {
            Subject::Note => 0,
            Subject::Transfer => 1,
        };
        let parts: [&[u8]; 6] =
            [&network.0, &route.0, to.as_bytes(), &self.id.0, &[subject], &self.body];
        Digest::of("trellis-direct-letter-v1", &parts).0
    }
}

/// Returns what a node signs when it has a letter: the sealed bytes and the way they came (DIRECT-4).
pub fn receipt_to_sign(network: &NetworkId, route: &RouteId, sealed: &[u8]) -> [u8; 32] {
    Digest::of("trellis-direct-receipt-v1", &[&network.0, &route.0, sealed]).0
}

/// Letters are as long as a multiple of this.
const PADDED_BYTES: usize = 256;
/// With so much padding its length takes two bytes, and its tag one.
const PADDING_BYTES_MIN: usize = 128;
const PADDING_HEAD_BYTES: usize = 3;
