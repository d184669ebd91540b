//! A record as it travels: signed bytes that nobody re-encodes.

use bytes::Bytes;
use prost::Message as _;

use crate::head::digest_of_body;
use crate::{
    Content, Digest, Identity, NetworkId, NodeId, Record, RecordId, WITNESS, WireError, generated,
    limits,
};

/// Exact bytes, their author, and a signature nobody has checked yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// The encoded record.
    pub body: Bytes,
    /// Who claims to have written it.
    pub author: NodeId,
    /// Over label, network id and the digest of class, size and pieces.
    pub signature: [u8; 64],
}

/// A decoded record beside its bytes. Its signature may still be wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opened {
    /// The hash of label, author and digest.
    pub id: RecordId,
    /// What is signed: the hash over class, size and pieces.
    pub digest: Digest,
    /// What the bytes say.
    pub record: Record,
    /// The bytes.
    pub signed: Signed,
}

/// A signature and what it is over: enough to check it, whether the body is here or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claim {
    /// Who claims to have signed.
    pub author: NodeId,
    /// What is signed.
    pub digest: Digest,
    /// Nobody has checked it yet.
    pub signature: [u8; 64],
}

impl Claim {
    /// Names the record.
    pub fn id(&self) -> RecordId {
        Digest::of(LABEL_ID, &[self.author.as_bytes(), &self.digest.0])
    }

    /// Checks the signature for one network, strictly (34 us).
    pub fn verify(&self, network: &NetworkId) -> bool {
        self.author.verify(&to_sign(network, &self.digest), &self.signature)
    }
}

impl Opened {
    /// Returns the signature with what it is over.
    pub fn claim(&self) -> Claim {
        let Signed { author, signature, .. } = self.signed;
        Claim { author, digest: self.digest, signature }
    }
}

impl Signed {
    /// Encodes and signs a record, once (SIGN-2).
    pub fn seal(record: &Record, identity: &Identity) -> Self {
        let body = Bytes::from(record.encode());
        let digest = digest_of_body(record.class(), &body);
        let signature = identity.sign(&to_sign(&record.network, &digest));
        Self { body, author: identity.id(), signature }
    }

    /// Decodes the body. Nothing is believed yet.
    pub fn open(self) -> Result<Opened, WireError> {
        let record = Record::decode(&self.body)?;
        let is_witnessed = matches!(record.content, Content::Contradiction(_));
        if is_witnessed != (self.author == WITNESS) {
            // Anybody can sign as the witness (CONTRA-3).
            return Err(WireError::Field("author"));
        }
        let digest = digest_of_body(record.class(), &self.body);
        let claim = Claim { author: self.author, digest, signature: self.signature };
        Ok(Opened { id: claim.id(), digest, record, signed: self })
    }

    /// Opens it and checks the signature for one network.
    pub fn verify(&self, network: &NetworkId) -> bool {
        self.clone().open().is_ok_and(|opened| opened.claim().verify(network))
    }

    /// Returns how many bytes it takes in a frame at most, with what travels beside it.
    pub fn size(&self) -> usize {
        self.body.len() + 32 + 64 + 32
    }

    /// Encodes it alone, as the HTTP door and the store carry it.
    pub fn encode(&self) -> Vec<u8> {
        generated::Signed::from(self).encode_to_vec()
    }

    /// Reads what [`Signed::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let max = limits::BODY_BYTES_CEILING + 128;
        if bytes.len() > max {
            return Err(WireError::TooLarge { what: "record bytes", size: bytes.len(), max });
        }
        let schema = generated::Signed::decode(bytes)
            .map_err(|error| WireError::Malformed(error.to_string()))?;
        Self::try_from(schema)
    }
}

impl From<&Signed> for generated::Signed {
    fn from(signed: &Signed) -> Self {
        Self {
            body: signed.body.clone(),
            author: Bytes::copy_from_slice(signed.author.as_bytes()),
            signature: Bytes::copy_from_slice(&signed.signature),
        }
    }
}

impl TryFrom<generated::Signed> for Signed {
    type Error = WireError;

    fn try_from(schema: generated::Signed) -> Result<Self, WireError> {
        let (size, max) = (schema.body.len(), limits::BODY_BYTES_CEILING);
        if size > max {
            return Err(WireError::TooLarge { what: "record body bytes", size, max });
        }
        let author: [u8; 32] =
            schema.author.as_ref().try_into().map_err(|_| WireError::Field("author"))?;
        let signature =
            schema.signature.as_ref().try_into().map_err(|_| WireError::Field("signature"))?;
        Ok(Self { body: schema.body, author: NodeId::from_bytes(author), signature })
    }
}

pub(crate) fn to_sign(network: &NetworkId, digest: &Digest) -> Vec<u8> {
    [LABEL_SIGNATURE.as_bytes(), &[0], &network.0, &digest.0].concat()
}

const LABEL_ID: &str = "trellis-record-id-v1";
const LABEL_SIGNATURE: &str = "trellis-record-signature-v1";
