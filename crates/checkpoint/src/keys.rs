//! BLS12-381 keys and signatures, public keys in G1 (48 bytes), signatures in G2 (96 bytes).
//!
//! A key counts only with a proof of possession (draft-irtf-cfrg-bls-signature): its owner's signature
//! over the key itself under a label of its own. So nobody can make a key out of those of others
//! that cancels them in a sum (CKPT-2).

use std::fmt;

use blst::BLST_ERROR::BLST_SUCCESS;
use blst::min_pk;
use wire::{Digest, Hex};

use crate::CheckpointError;

/// An attester's private key. It is wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct SecretKey(min_pk::SecretKey);

/// An attester's public key: a point of the right group, and not the neutral one.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct PublicKey(min_pk::PublicKey);

/// A signature as it travels: 96 bytes, not yet checked to be a point.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Signature(pub [u8; SIGNATURE_BYTES]);

impl SecretKey {
    /// Makes the key of 32 random bytes, as the draft's `KeyGen` does.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(min_pk::SecretKey::key_gen(seed, &[]).expect("32 bytes are enough for a key"))
    }

    /// Reads the 32 bytes of a key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, CheckpointError> {
        min_pk::SecretKey::from_bytes(bytes).map(Self).map_err(|_| CheckpointError::BadKey)
    }

    /// Returns the 32 bytes of the key.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.sk_to_pk())
    }

    /// Signs.
    pub fn sign(&self, message: &Digest) -> Signature {
        Signature(self.0.sign(&message.0, DST_SIGNATURE, &[]).to_bytes())
    }

    /// Proves that this key is somebody's own (CKPT-2).
    pub fn prove(&self) -> Signature {
        Signature(self.0.sign(&self.public().to_bytes(), DST_POSSESSION, &[]).to_bytes())
    }
}

impl PublicKey {
    /// Reads a key, and checks that it is a point of the group and not the neutral one.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, CheckpointError> {
        // `uncompress` alone would take points outside the group.
        let key = min_pk::PublicKey::uncompress(bytes).map_err(|_| CheckpointError::BadKey)?;
        key.validate().map_err(|_| CheckpointError::BadKey)?;
        Ok(Self(key))
    }

    /// Returns the 48 bytes of the key.
    pub fn to_bytes(&self) -> [u8; KEY_BYTES] {
        self.0.to_bytes()
    }

    /// Checks that the owner of the key holds it (CKPT-2).
    pub fn check_possession(&self, proof: &Signature) -> Result<(), CheckpointError> {
        let proof = proof.point().ok_or(CheckpointError::RogueKey)?;
        match proof.verify(true, &self.to_bytes(), DST_POSSESSION, &[], &self.0, false) {
            BLST_SUCCESS => Ok(()),
            _ => Err(CheckpointError::RogueKey),
        }
    }

    /// Checks the signature of one.
    pub fn verify(&self, message: &Digest, signature: &Signature) -> bool {
        verify_sum(&[self], message, signature)
    }
}

impl Signature {
    fn point(&self) -> Option<min_pk::Signature> {
        let point = min_pk::Signature::uncompress(&self.0).ok()?;
        // The neutral point signs nothing.
        point.validate(true).ok()?;
        Some(point)
    }
}

/// Checks the sum of several signatures of one message. The keys were checked when they were read.
pub(crate) fn verify_sum(keys: &[&PublicKey], message: &Digest, signature: &Signature) -> bool {
    let Some(signature) = signature.point() else { return false };
    let keys: Vec<&min_pk::PublicKey> = keys.iter().map(|key| &key.0).collect();
    signature.fast_aggregate_verify(false, &message.0, DST_SIGNATURE, &keys) == BLST_SUCCESS
}

/// Adds signatures up; `None` where one is no point.
pub(crate) fn sum(signatures: &[Signature]) -> Option<Signature> {
    let points: Option<Vec<min_pk::Signature>> = signatures.iter().map(Signature::point).collect();
    let points = points?;
    let points: Vec<&min_pk::Signature> = points.iter().collect();
    let sum = min_pk::AggregateSignature::aggregate(&points, false).ok()?;
    Some(Signature(sum.to_signature().to_bytes()))
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({:?})", self.public())
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.public() == other.public()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.to_bytes()), f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.to_bytes()[..4]), f)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0[..4]), f)
    }
}

/// One public key.
pub(crate) const KEY_BYTES: usize = 48;
/// One signature, or the sum of many.
pub(crate) const SIGNATURE_BYTES: usize = 96;
const DST_SIGNATURE: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
const DST_POSSESSION: &[u8] = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
