//! Transfers as bytes: terms, the steps of a negotiation, and what each side keeps of it.

use bytes::Bytes;
use prost::Message as _;

use crate::frame::exactly;
use crate::generated::{self, transfer_step::Step};
use crate::record::{check_count, digest};
use crate::{Digest, NetworkId, NodeId, WireError, limits};

/// Names a transfer.
pub type TransferId = Digest;

/// What is to be decided on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// Drawn by the one who proposes.
    pub id: TransferId,
    /// Who gives.
    pub giver: NodeId,
    /// Who gets.
    pub taker: NodeId,
    /// Who proposes.
    pub proposer: Side,
    /// Of what.
    pub kind: String,
    /// How much, in thousandths of the unit.
    pub amount: u64,
    /// In what.
    pub unit: String,
    /// How often the decisions are compared.
    pub tick_ms: u32,
    /// Until when, unix milliseconds.
    pub decide_by_ms: u64,
    /// The proposal it answers.
    pub replaces: Option<TransferId>,
}

/// One of two.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// Who gives.
    Giver,
    /// Who gets.
    Taker,
}

/// What one side says to the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TransferStep {
    /// Of which transfer.
    pub id: TransferId,
    /// What.
    pub what: TransferWord,
}

/// A step of a negotiation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TransferWord {
    /// Shall we? The terms' exact bytes, and the proposer's signature.
    Offer(Bytes, [u8; 64]),
    /// Let us decide; the other side's signature over the terms.
    Open([u8; 64]),
    /// What one decided, sealed, for a tick.
    Seal(u64, Bytes),
    /// What both sealed, opened as far as both said yes.
    Reveal(u64, Bytes),
    /// Both said yes at this tick: the transcript's hash, and a signature.
    Accept(u64, Digest, [u8; 64]),
    /// It ends. No reason is given.
    Close,
    /// The giver handed it over, or the taker has it: a signature.
    Done([u8; 64]),
}

/// A transfer as each side keeps it. What is not there yet is empty or `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TransferRecord {
    /// How far it is; the meaning is the node's.
    pub status: u32,
    /// The terms' exact bytes.
    pub terms: Bytes,
    /// The proposer's signature.
    pub offered: Option<[u8; 64]>,
    /// The other side's.
    pub opened: Option<[u8; 64]>,
    /// At which tick both said yes.
    pub tick: u64,
    /// What both sealed: the giver, the taker.
    pub seals: [Bytes; 2],
    /// And revealed.
    pub reveals: [Bytes; 2],
    /// And signed.
    pub accepts: [Option<[u8; 64]>; 2],
    /// The giver's word that it handed it over, and the taker's that it has it.
    pub done: [Option<[u8; 64]>; 2],
}

impl Side {
    /// Returns the other one.
    pub fn other(self) -> Self {
        match self {
            Self::Giver => Self::Taker,
            Self::Taker => Self::Giver,
        }
    }

    /// Returns its place in pairs.
    pub fn index(self) -> usize {
        match self {
            Self::Giver => 0,
            Self::Taker => 1,
        }
    }
}

impl Terms {
    /// Encodes them, once.
    pub fn encode(&self) -> Bytes {
        let schema = generated::TransferTerms {
            id: Bytes::copy_from_slice(&self.id.0),
            giver: Bytes::copy_from_slice(self.giver.as_bytes()),
            taker: Bytes::copy_from_slice(self.taker.as_bytes()),
            by_taker: self.proposer == Side::Taker,
            kind: self.kind.clone(),
            amount: self.amount,
            unit: self.unit.clone(),
            tick_ms: self.tick_ms,
            decide_by_ms: self.decide_by_ms,
            replaces: self.replaces.map(|id| Bytes::copy_from_slice(&id.0)).unwrap_or_default(),
        };
        schema.encode_to_vec().into()
    }

    /// Decodes them.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        check_count("terms bytes", bytes.len(), limits::TERMS_BYTES_MAX)?;
        let schema = generated::TransferTerms::decode(bytes).map_err(malformed)?;
        let node = |what, bytes: &[u8]| Ok(NodeId::from_bytes(digest(what, bytes)?.0));
        let replaces = match schema.replaces.as_ref() {
            [] => None,
            id => Some(digest("replaces", id)?),
        };
        Ok(Self {
            id: digest("transfer id", &schema.id)?,
            giver: node("giver", &schema.giver)?,
            taker: node("taker", &schema.taker)?,
            proposer: if schema.by_taker { Side::Taker } else { Side::Giver },
            kind: schema.kind,
            amount: schema.amount,
            unit: schema.unit,
            tick_ms: schema.tick_ms,
            decide_by_ms: schema.decide_by_ms,
            replaces,
        })
    }

    /// Returns the node on a side.
    pub fn node(&self, side: Side) -> NodeId {
        match side {
            Side::Giver => self.giver,
            Side::Taker => self.taker,
        }
    }

    /// Names the exact bytes of terms in a network; all signatures of a transfer are over it.
    pub fn hash(network: &NetworkId, bytes: &[u8]) -> Digest {
        Digest::of("trellis-transfer-terms-v1", &[&network.0, bytes])
    }
}

impl TransferStep {
    /// Encodes it.
    pub fn encode(&self) -> Bytes {
        let bytes = |signature: &[u8; 64]| Bytes::copy_from_slice(signature);
        let proof = |tick: &u64, proof: &Bytes| generated::TransferProof {
            tick: *tick,
            proof: proof.clone(),
        };
        let step = match &self.what {
            TransferWord::Offer(terms, signature) => Step::Offer(generated::TransferOffer {
                terms: terms.clone(),
                signature: bytes(signature),
            }),
            TransferWord::Open(signature) => Step::Open(bytes(signature)),
            TransferWord::Seal(tick, seal) => Step::Seal(proof(tick, seal)),
            TransferWord::Reveal(tick, reveal) => Step::Reveal(proof(tick, reveal)),
            TransferWord::Accept(tick, transcript, signature) => {
                Step::Accept(generated::TransferAccept {
                    tick: *tick,
                    transcript: Bytes::copy_from_slice(&transcript.0),
                    signature: bytes(signature),
                })
            }
            TransferWord::Close => Step::Close(true),
            TransferWord::Done(signature) => Step::Word(bytes(signature)),
        };
        let id = Bytes::copy_from_slice(&self.id.0);
        generated::TransferStep { id, step: Some(step) }.encode_to_vec().into()
    }

    /// Decodes it. Nothing is believed yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        check_count("step bytes", bytes.len(), limits::LETTER_BYTES_MAX)?;
        let schema = generated::TransferStep::decode(bytes).map_err(malformed)?;
        let signature = |bytes: &Bytes| exactly("signature", bytes);
        let what = match schema.step.ok_or(WireError::Field("transfer step"))? {
            Step::Offer(it) => {
                check_count("terms bytes", it.terms.len(), limits::TERMS_BYTES_MAX)?;
                TransferWord::Offer(it.terms, signature(&it.signature)?)
            }
            Step::Open(it) => TransferWord::Open(signature(&it)?),
            Step::Seal(it) => TransferWord::Seal(it.tick, it.proof),
            Step::Reveal(it) => TransferWord::Reveal(it.tick, it.proof),
            Step::Accept(it) => {
                let transcript = digest("transcript", &it.transcript)?;
                TransferWord::Accept(it.tick, transcript, signature(&it.signature)?)
            }
            Step::Close(_) => TransferWord::Close,
            Step::Word(it) => TransferWord::Done(signature(&it)?),
        };
        Ok(Self { id: digest("transfer id", &schema.id)?, what })
    }
}

impl TransferRecord {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let bytes = |it: &Option<[u8; 64]>| {
            it.as_ref().map(|it| Bytes::copy_from_slice(it)).unwrap_or_default()
        };
        let ([giver_seal, taker_seal], [giver_reveal, taker_reveal]) =
            (self.seals.clone(), self.reveals.clone());
        let [giver_accept, taker_accept] = &self.accepts;
        let [handed, received] = &self.done;
        generated::TransferRecord {
            status: self.status,
            terms: self.terms.clone(),
            offered: bytes(&self.offered),
            opened: bytes(&self.opened),
            tick: self.tick,
            giver_seal,
            taker_seal,
            giver_reveal,
            taker_reveal,
            giver_accept: bytes(giver_accept),
            taker_accept: bytes(taker_accept),
            handed: bytes(handed),
            received: bytes(received),
        }
        .encode_to_vec()
    }

    /// Decodes it. Nothing is believed yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        check_count("transfer bytes", bytes.len(), limits::LETTER_BYTES_MAX)?;
        let it = generated::TransferRecord::decode(bytes).map_err(malformed)?;
        let signature = |bytes: &Bytes| match bytes.as_ref() {
            [] => Ok(None),
            bytes => exactly("signature", bytes).map(Some),
        };
        Ok(Self {
            status: it.status,
            terms: it.terms,
            offered: signature(&it.offered)?,
            opened: signature(&it.opened)?,
            tick: it.tick,
            seals: [it.giver_seal, it.taker_seal],
            reveals: [it.giver_reveal, it.taker_reveal],
            accepts: [signature(&it.giver_accept)?, signature(&it.taker_accept)?],
            done: [signature(&it.handed)?, signature(&it.received)?],
        })
    }
}

fn malformed(error: prost::DecodeError) -> WireError {
    WireError::Malformed(error.to_string())
}
