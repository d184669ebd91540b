//! Who stands at the other end of a Noise channel: a node key that signs the channel's own key.

use bytes::Bytes;
use prost::Message as _;

use crate::{Identity, NetworkId, NodeId, WireError, generated};

/// The payload of both sides' Noise handshake.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// The node that claims the channel.
    pub author: NodeId,
    /// The network it belongs to.
    pub network: NetworkId,
    signature: [u8; 64],
}

impl Proof {
    /// Binds the channel's static key to a node and a network.
    pub fn new(identity: &Identity, network: NetworkId, static_key: &[u8; 32]) -> Self {
        let signature = identity.sign(&to_sign(&network, static_key));
        Self { author: identity.id(), network, signature }
    }

    /// Says whether the author holds the channel whose static key this is.
    pub fn binds(&self, static_key: &[u8; 32]) -> bool {
        self.author.verify(&to_sign(&self.network, static_key), &self.signature)
    }

    /// Encodes it for the handshake.
    pub fn encode(&self) -> Vec<u8> {
        generated::Proof {
            author: Bytes::copy_from_slice(self.author.as_bytes()),
            signature: Bytes::copy_from_slice(&self.signature),
            network: Bytes::copy_from_slice(&self.network.0),
        }
        .encode_to_vec()
    }

    /// Reads what [`Proof::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > PROOF_BYTES_MAX {
            let size = bytes.len();
            return Err(WireError::TooLarge { what: "proof bytes", size, max: PROOF_BYTES_MAX });
        }
        let schema = generated::Proof::decode(bytes)
            .map_err(|error| WireError::Malformed(error.to_string()))?;
        let author: [u8; 32] =
            schema.author.as_ref().try_into().map_err(|_| WireError::Field("author"))?;
        let signature =
            schema.signature.as_ref().try_into().map_err(|_| WireError::Field("signature"))?;
        let network = NetworkId::from_slice(&schema.network).ok_or(WireError::Field("network"))?;
        Ok(Self { author: NodeId::from_bytes(author), network, signature })
    }
}

fn to_sign(network: &NetworkId, static_key: &[u8; 32]) -> Vec<u8> {
    [b"trellis-noise-key-v1\0".as_slice(), &network.0, static_key].concat()
}

const PROOF_BYTES_MAX: usize = 256;
