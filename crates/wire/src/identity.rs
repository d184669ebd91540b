//! The key of a node, and the id that is that key.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::WireError;

/// A node's Ed25519 public key. Its text form is the libp2p peer id, `12D3Koo...` (SIGN-1).
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId([u8; 32]);

impl NodeId {
    /// Takes the bytes as they are. A weak or malformed key is caught by [`NodeId::verify`].
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks a signature strictly and alone: weak keys, torsion and batches never decide
    /// (SIGN-3).
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    /// Says whether anybody could sign for this key, or nobody.
    pub fn is_weak(&self) -> bool {
        VerifyingKey::from_bytes(&self.0).map_or(true, |key| key.is_weak())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 38];
        bytes[..6].copy_from_slice(&PEER_ID_PREFIX);
        bytes[6..].copy_from_slice(&self.0);
        f.write_str(&bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        f.write_str(&text[text.len() - 6..])
    }
}

impl FromStr for NodeId {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        if text.len() > 64 {
            return Err(WireError::BadKey);
        }
        let bytes = bs58::decode(text).into_vec().map_err(|_| WireError::BadKey)?;
        let key = bytes.strip_prefix(&PEER_ID_PREFIX).ok_or(WireError::BadKey)?;
        let id = Self(key.try_into().map_err(|_| WireError::BadKey)?);
        if id.is_weak() { Err(WireError::BadKey) } else { Ok(id) }
    }
}

/// A node's private key. It is wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct Identity(SigningKey);

impl Identity {
    /// Makes the key of a 32-byte seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads a PKCS#8 PEM file, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(text: &str) -> Result<Self, WireError> {
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(|_| WireError::BadKey)
    }

    /// Writes the key as PKCS#8 PEM.
    pub fn to_pem(&self) -> String {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).expect("an Ed25519 key always encodes");
        String::clone(&pem)
    }

    /// Returns the seed, for a library that has to hold the key itself. The caller wipes it.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Returns the public half.
    pub fn id(&self) -> NodeId {
        NodeId(self.0.verifying_key().to_bytes())
    }

    /// Signs with the key's own public half, never with one a caller hands in.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?})", self.id())
    }
}

/// Identity multihash (0x00, 36 bytes) of the protobuf `PublicKey { Ed25519, 32 bytes }`.
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
